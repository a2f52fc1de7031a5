"""The plugin process that Pulumi runs dynamic providers in: errors, log lines and threads."""

import contextvars
import functools
import typing
from collections.abc import Callable

from .. import errors
from . import pulumi_private

P = typing.ParamSpec("P")
T = typing.TypeVar("T")

WORKERS = 64
"""Concurrent calls. The host has four threads (pulumi.dynamic.__main__), and most calls wait."""


class Error(Exception):
    """An error that the user sees as one line."""

    # The host shows `module.Class: message`. These names make it `SkyPilot: message`.
    __module__ = "builtins"
    __qualname__ = "SkyPilot"


urn: contextvars.ContextVar[str] = contextvars.ContextVar("urn", default="")
"""The URN of the resource that a call is about, where the door knows it: log lines then name it."""


def prepare() -> None:
    """Show errors of this package as one line, and allow more than four concurrent calls."""
    pulumi_private.show_as_one_line(Error)
    pulumi_private.widen_pool(WORKERS)


def one_line(call: Callable[P, T]) -> Callable[P, T]:
    """Return the call with its SkyPilotError turned into a one-line Error without causes."""

    @functools.wraps(call)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return call(*args, **kwargs)
        except errors.SkyPilotError as error:
            raise Error(" ".join(str(error).split())) from None

    return wrapped


def progress(text: str) -> None:
    """Show a temporary status line while `pulumi up` runs."""
    _log(text, ephemeral=True)


def message(text: str) -> None:
    """Show a line below the preview or the update."""
    _log(text, ephemeral=False)


def warning(text: str) -> None:
    """Show a line as a warning."""
    _log(text, ephemeral=False, severity="WARNING")


@functools.cache
def warn_once(text: str) -> None:
    """Show a warning once per process: Pulumi checks a resource twice if it is replaced."""
    warning(text)


def _log(text: str, *, ephemeral: bool, severity: str = "INFO") -> None:
    engine = _engine()
    if engine is not None:
        pulumi_private.log(engine, text, urn.get(), ephemeral=ephemeral, severity=severity)


@functools.cache
def _engine() -> typing.Any:
    return pulumi_private.engine()
