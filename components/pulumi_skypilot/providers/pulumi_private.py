"""All that rests on the private side of Pulumi, one function each.

Each says what it relies on and what stops working without it. Nothing else fails then: what is
missing is left out. tests/providers/test_pulumi_private.py holds each to the installed Pulumi, and
tests/e2e/test_pulumi_private.py to its engine.
"""

import contextlib
import sys
import threading
import traceback
import typing
from collections.abc import Mapping

import pulumi


def widen_pool(workers: int) -> bool:
    """Let the plugin process make so many calls at a time, and say whether it could.

    Relies on CPython: a worker thread of ThreadPoolExecutor has a weak reference to its executor as
    first argument (Thread._args), and the executor starts threads up to `_max_workers`. And on the
    host's calls being run by one (pulumi/dynamic/__main__.py, main). Without: four calls at a time,
    so that of many deployments most wait for others.
    """
    try:
        executor = threading.current_thread()._args[0]()  # type: ignore[attr-defined]
        executor._max_workers = max(executor._max_workers, workers)
    except (AttributeError, IndexError, TypeError):
        return False
    return True


def show_as_one_line(kind: type[Exception]) -> None:
    """Let the host show an error of that class without its traceback, and any other as before.

    Relies on pulumi/dynamic/__main__.py, _abort_with_traceback: it hands the engine what
    traceback.format_exc() returns, called by that name. Without: the errors of this package show
    with their whole traceback.
    """
    whole = traceback.format_exc
    if getattr(whole, "one_line", None) is kind:
        return

    def format_exc(*args: typing.Any, **options: typing.Any) -> str:
        error = sys.exc_info()[1]
        if isinstance(error, kind):
            return "".join(traceback.format_exception_only(error))
        return whole(*args, **options)

    format_exc.one_line = kind  # type: ignore[attr-defined]
    traceback.format_exc = format_exc


def engine() -> typing.Any:
    """Return the engine's log service, or None in a process that the engine has not started.

    Relies on the engine's address being the last argument of the plugin process
    (pulumi-resource-pulumi-python), and on pulumi.runtime.proto. Without: no line of a diff is
    shown, no progress and no warning, and `review` has no effects to show.
    """
    address = sys.argv[-1] if len(sys.argv) > 1 else ""
    if not address.rpartition(":")[2].isdigit():
        return None
    import grpc  # noqa: PLC0415 - only in the plugin process
    from pulumi.runtime.proto import engine_pb2_grpc  # noqa: PLC0415

    return engine_pb2_grpc.EngineStub(grpc.insecure_channel(address))


def log(engine: typing.Any, text: str, *, ephemeral: bool, severity: str) -> None:
    """Show a line in the engine's display.

    Relies on engine_pb2.LogRequest. Without: as `engine`.
    """
    from pulumi.runtime.proto import engine_pb2  # noqa: PLC0415 - only in the plugin process

    with contextlib.suppress(Exception):  # the display is a courtesy, never a failure
        level = engine_pb2.LogSeverity.Value(severity)
        engine.Log(engine_pb2.LogRequest(severity=level, message=text, urn="", ephemeral=ephemeral))


def all_settings() -> Mapping[str, str]:
    """Return the whole config of the stack, its secrets too, by full keys.

    Relies on pulumi.runtime.config: get_config_env reads it from the environment of a program that
    `pulumi up` runs (PULUMI_CONFIG), CONFIG has it where the automation API does. The public
    pulumi.Config answers for known names only. Without: keys that are misspelt are not noticed.
    """
    config = pulumi.runtime.config
    return {**config.get_config_env(), **config.CONFIG.get()}


def is_secret(key: str) -> bool:
    """Return whether a config value is a secret.

    Relies on pulumi.runtime.is_config_secret. Without: an env in a table that is secret as a whole
    shows in previews.
    """
    return bool(pulumi.runtime.is_config_secret(key))


def none_in_a_preview() -> pulumi.Output[None]:
    """Return an output that is None and known, to set in place of a resource's own.

    Relies on pulumi/runtime/rpc.py, resolve_outputs: it takes an output that is not in state for
    one that is still to come.
    Without: each preview of a deployment without a key shows a change.
    """
    return pulumi.Output.from_input(None)
