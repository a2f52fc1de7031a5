"""A call of the SDK: in a thread of its own, bounded, silent, with the interface's errors.

The only module that imports sky (which takes seconds), and only when a call is made. One process
talks to one API server: the SDK caches its URL (sky/server/common.py, get_server_url).
"""

import atexit
import copy
import dataclasses
import json
import os
import pathlib
import shutil
import sys
import tempfile
import threading
import typing
from collections.abc import Callable, Mapping

from .. import errors
from . import bounds, interface, muted, sdk_private, translation

T = typing.TypeVar("T")

DEFAULT_URL = "http://127.0.0.1:46580"
"""The address of SkyPilot's own local API server (sky/server/constants.py)."""


@dataclasses.dataclass(frozen=True)
class Connection:
    """The server to talk to, and the user to be there.

    Without a token the user is this machine's SkyPilot identity (`~/.sky/user_hash`); with a token
    it is the token's.
    """

    url: str = DEFAULT_URL
    workspace: str | None = None
    token: str | None = dataclasses.field(default=None, repr=False)


class Calls:
    """The base of every call of the SDK."""

    _one: typing.ClassVar[Connection | None] = None
    _lock = threading.Lock()

    def __init__(self, connection: Connection, *, patience_seconds: float | None = None) -> None:
        """Keep the connection; nothing is called yet.

        `patience_seconds` is how long to wait for the server's health (default: the SDK's own).
        """
        self.connection = connection
        self._patience_seconds = patience_seconds

    def _look(self, call: Callable[[typing.Any], T], *, seconds: float) -> T:
        """Run one read-only call: its errors are never the user's."""
        return self._ask(call, seconds=seconds, look=True)

    def _ask(self, call: Callable[[typing.Any], T], *, seconds: float, look: bool = False) -> T:
        """Run one call of the SDK in a thread of its own, so that no call waits for ever.

        Within a bounded call, it gets no more than the time that is left of that.
        """
        seconds = bounds.at_most(seconds)
        result: list[T] = []
        failure: list[BaseException] = []

        def run() -> None:
            with muted.Quiet.here():
                try:
                    result.append(call(self._sky()))
                except BaseException as error:  # noqa: BLE001 - carried to the caller's thread
                    failure.append(error)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        thread.join(seconds)
        if thread.is_alive():
            raise self._silent(seconds)
        if failure:
            url, token = self.connection.url, self.connection.token
            raise translation.meaning(failure[0], url, token, look=look) from failure[0]
        return result[0]

    def _silent(self, seconds: float) -> errors.TimedOut:
        return errors.TimedOut(
            f"apiServer {self.connection.url}: no answer in {seconds:.0f} s; check its requests "
            "(sky api status), then run the same command again"
        )

    def _sky(self) -> typing.Any:
        with self._lock:
            first, was_there = Calls._one is None, "sky" in sys.modules
            if Calls._one is None:
                _prepare(self.connection)
                Calls._one = self.connection
            elif Calls._one != self.connection:
                raise errors.Invalid(
                    f"apiServer: this process already talks to {Calls._one.url} and cannot talk to "
                    f"{self.connection.url} too; run the two stacks one after the other"
                )
            # sky/__init__.py loads most of itself lazily: name what is used here.
            import sky  # noqa: PLC0415
            import sky.client.sdk  # noqa: PLC0415
            import sky.serve  # noqa: PLC0415
            import sky.serve.serve_utils  # noqa: PLC0415
            import sky.server.common  # noqa: PLC0415
            import sky.skylet.autostop_lib  # noqa: PLC0415
            import sky.utils.common  # noqa: PLC0415
            import sky.utils.common_utils  # noqa: PLC0415
            import sky.utils.ux_utils  # noqa: PLC0415
            import sky.volumes  # noqa: PLC0415

            sdk_private.name_command(sky)
            sdk_private.keep_tracebacks(sky)
            if first and was_there:
                sdk_private.configure_again(sky)
            if first and self._patience_seconds is not None:
                sdk_private.wait_for_health(sky, self._patience_seconds)
        # A missing server is an error to show, not a server to start silently. Not by
        # SKYPILOT_DISABLE_LOCAL_API_SERVER: it travels with `up` to a controller machine, which
        # then may not start the server by which it launches replicas (utils/controller_utils.py).
        sky.server.common.check_server_healthy(self.connection.url)
        return sky


def task(
    sky: typing.Any, order: interface.Order, tls: Mapping[str, str] | None = None
) -> typing.Any:
    """Return the SDK's task, with the values beside the text, never in it.

    See sky/task.py, Task.from_yaml_config.
    """
    config = copy.deepcopy(dict(order.task))  # the SDK takes it apart
    if tls is not None:
        config["service"]["tls"] = dict(tls)
    return sky.Task.from_yaml_config(
        sdk_private.with_text(config, order.text),
        env_overrides=list(order.env.items()) or None,
        secrets_overrides=list(order.secrets.items()) or None,
    )


def _prepare(connection: Connection) -> None:
    """Give the SDK a configuration of its own in place of the user's.

    The token goes into a private file: as an environment variable named SKYPILOT_* it would travel
    in the body of every request.
    """
    api_server = {"endpoint": connection.url, "service_account_token": connection.token}
    config: dict[str, object] = {"api_server": {k: v for k, v in api_server.items() if v}}
    if connection.workspace:
        config["active_workspace"] = connection.workspace
    sdk_private.configure(os.environ, _private_file(json.dumps(config)), _private_file(""))
    muted.Quiet.install()


def _private_file(text: str) -> str:
    """Write a file that only this user can read and that ends with the process; return its path."""
    if hasattr(os, "memfd_create"):
        file = os.memfd_create("pulumi-skypilot")
        os.fchmod(file, 0o600)
        os.write(file, text.encode())
        return f"/proc/{os.getpid()}/fd/{file}"
    folder = tempfile.mkdtemp(prefix="pulumi-skypilot-")  # 0700
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    path = pathlib.Path(folder, "config.yaml")
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")
    return str(path)
