"""Everything that uses private parts of Pulumi, one function each.

Each docstring says what the function relies on and what stops working without it. Nothing else
fails then. tests/providers/test_pulumi_private.py checks each against the installed Pulumi, and
tests/e2e/test_pulumi_private.py against its engine.
"""

import contextlib
import sys
import threading
import traceback
import typing
from collections.abc import Mapping

import pulumi


def widen_pool(workers: int) -> bool:
    """Allow `workers` concurrent calls in the plugin process, and return whether that worked.

    Relies on CPython: a worker thread of ThreadPoolExecutor has a weak reference to its executor as
    first argument (Thread._args), and the executor starts threads up to `_max_workers`. Relies on
    the host running its calls in one (pulumi.dynamic.__main__.main). Without: four concurrent
    calls, so that most of many deployments wait for others.
    """
    try:
        executor = threading.current_thread()._args[0]()  # type: ignore[attr-defined]
        executor._max_workers = max(executor._max_workers, workers)
    except (AttributeError, IndexError, TypeError):
        return False
    return True


def show_as_one_line(kind: type[Exception]) -> None:
    """Make the host show an error of that class without its traceback, and others as before.

    Relies on pulumi.dynamic.__main__._abort_with_traceback: it passes the result of
    traceback.format_exc(), called by that name, to the engine. Without: errors of this package
    show with their whole traceback.
    """
    with_traceback = traceback.format_exc
    if getattr(with_traceback, "one_line", None) is kind:
        return

    def format_exc(*args: typing.Any, **options: typing.Any) -> str:
        error = sys.exc_info()[1]
        if isinstance(error, kind):
            return "".join(traceback.format_exception_only(error))
        return with_traceback(*args, **options)

    format_exc.one_line = kind  # type: ignore[attr-defined]
    traceback.format_exc = format_exc


def engine() -> typing.Any:
    """Return the engine's log service; None in a process that the engine has not started.

    Relies on the engine's address being the last argument of the plugin process
    (pulumi-resource-pulumi-python), and on pulumi.runtime.proto. Without: no lines of a diff, no
    progress and no warnings are shown, and `review` has no effects to show.
    """
    address = sys.argv[-1] if len(sys.argv) > 1 else ""
    if not address.rpartition(":")[2].isdigit():
        return None
    import grpc  # noqa: PLC0415 - only in the plugin process
    from pulumi.runtime.proto import engine_pb2_grpc  # noqa: PLC0415

    return engine_pb2_grpc.EngineStub(grpc.insecure_channel(address))


def log(engine: typing.Any, text: str, urn: str = "", *, ephemeral: bool, severity: str) -> None:
    """Show a line in the engine's display, at the resource with that URN or at the stack.

    Relies on engine_pb2.LogRequest. Without: see `engine`.
    """
    from pulumi.runtime.proto import engine_pb2  # noqa: PLC0415 - only in the plugin process

    with contextlib.suppress(Exception):  # the display is a courtesy, never a failure
        level = engine_pb2.LogSeverity.Value(severity)
        engine.Log(
            engine_pb2.LogRequest(severity=level, message=text, urn=urn, ephemeral=ephemeral)
        )


def all_settings() -> Mapping[str, str]:
    """Return the whole config of the stack by full keys, including secrets.

    Relies on pulumi.runtime.config: get_config_env reads PULUMI_CONFIG, the environment of a
    program under `pulumi up`; CONFIG has the config under the automation API. The public
    pulumi.Config reads known names only. Without: misspelt keys are not noticed.
    """
    config = pulumi.runtime.config
    return {**config.get_config_env(), **config.CONFIG.get()}


def is_secret(key: str) -> bool:
    """Return whether a config value is a secret.

    Relies on pulumi.runtime.is_config_secret. Without: previews show the env of a table that is
    secret as a whole.
    """
    return bool(pulumi.runtime.is_config_secret(key))


def none_in_a_preview() -> pulumi.Output[None]:
    """Return an output that is None and known, to replace a resource's own output.

    Relies on pulumi.runtime.rpc.resolve_outputs, which treats an output that is not in state as
    unknown. Without: each preview of a deployment without a key shows a change.
    """
    return pulumi.Output.from_input(None)
