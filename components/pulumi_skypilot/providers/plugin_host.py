"""The plugin process that Pulumi runs dynamic providers in, and how to be at home there.

What is private to Pulumi or to CPython is guarded: where it is missing, things go on without it.
"""

import contextlib
import functools
import sys
import threading
import typing
from collections.abc import Callable

from .. import errors

P = typing.ParamSpec("P")
T = typing.TypeVar("T")

WORKERS = 64
"""Calls at a time. The host has four threads (pulumi/dynamic/__main__.py), and most calls wait."""


class Error(Exception):
    """What a user reads: one line."""

    # The host shows `module.Class: message` (traceback.format_exc): make it `SkyPilot: message`.
    __module__ = "builtins"
    __qualname__ = "SkyPilot"


def prepare() -> None:
    """Short errors, and room for more than four calls at a time."""
    # The host shows whole tracebacks (pulumi#10416): leave the type and the message.
    sys.tracebacklimit = 0
    with contextlib.suppress(AttributeError, IndexError, TypeError):
        # In a worker of CPython's ThreadPoolExecutor the first argument is a reference to it.
        executor = threading.current_thread()._args[0]()  # type: ignore[attr-defined]
        executor._max_workers = max(executor._max_workers, WORKERS)


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
    if engine is None:
        return
    from pulumi.runtime.proto import engine_pb2  # noqa: PLC0415 - only in the plugin process

    with contextlib.suppress(Exception):  # the display is a courtesy, never a failure
        level = engine_pb2.LogSeverity.Value(severity)
        engine.Log(engine_pb2.LogRequest(severity=level, message=text, urn="", ephemeral=ephemeral))


@functools.cache
def _engine() -> typing.Any:
    """The engine's log, when this process was started by it with its address as last argument."""
    address = sys.argv[-1] if len(sys.argv) > 1 else ""
    if not address.rpartition(":")[2].isdigit():
        return None
    import grpc  # noqa: PLC0415 - only in the plugin process
    from pulumi.runtime.proto import engine_pb2_grpc  # noqa: PLC0415

    return engine_pb2_grpc.EngineStub(grpc.insecure_channel(address))
