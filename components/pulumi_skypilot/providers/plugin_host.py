"""The plugin process that Pulumi runs dynamic providers in: short errors, lines of log, threads."""

import functools
import typing
from collections.abc import Callable

from .. import errors
from . import pulumi_private

P = typing.ParamSpec("P")
T = typing.TypeVar("T")

WORKERS = 64
"""Calls at a time. The host has four threads (pulumi/dynamic/__main__.py), and most calls wait."""


class Error(Exception):
    """What a user reads: one line."""

    # The host shows `module.Class: message`: make it `SkyPilot: message`.
    __module__ = "builtins"
    __qualname__ = "SkyPilot"


def prepare() -> None:
    """Show our errors as one line, and make room for more than four calls at a time."""
    pulumi_private.show_as_one_line(Error)
    pulumi_private.widen_pool(WORKERS)


def one_line(call: Callable[P, T]) -> Callable[P, T]:
    """Let a call fail with one line, without the chain of its causes."""

    @functools.wraps(call)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return call(*args, **kwargs)
        except errors.SkyPilotError as error:
            raise Error(" ".join(str(error).split())) from None

    return wrapped


def progress(text: str) -> None:
    """Show a status line while `pulumi up` runs; it leaves no trace."""
    _log(text, ephemeral=True)


def message(text: str) -> None:
    """Show a line under the preview or the update."""
    _log(text, ephemeral=False)


def warning(text: str) -> None:
    """Show a line that nobody is to overlook."""
    _log(text, ephemeral=False, severity="WARNING")


@functools.cache
def warn_once(text: str) -> None:
    """Show a warning once a process: Pulumi checks a resource that is replaced more than once."""
    warning(text)


def _log(text: str, *, ephemeral: bool, severity: str = "INFO") -> None:
    engine = _engine()
    if engine is not None:
        pulumi_private.log(engine, text, ephemeral=ephemeral, severity=severity)


@functools.cache
def _engine() -> typing.Any:
    return pulumi_private.engine()
