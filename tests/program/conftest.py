"""What Pulumi's mocks leave behind of a program that fails."""

import asyncio
import typing

import pulumi
import pytest


def _pass_over(loop: asyncio.AbstractEventLoop, context: dict[str, typing.Any]) -> None:
    if not isinstance(context.get("exception"), pulumi.RunError):
        loop.default_exception_handler(context)


@pytest.fixture(autouse=True)
def _unread_outputs() -> None:
    """Print no traceback for an output that nobody reads and that has the program's error."""
    asyncio.get_event_loop_policy().get_event_loop().set_exception_handler(_pass_over)
