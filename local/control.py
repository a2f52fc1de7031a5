"""The control port of an embedded cloud: its server, and the client of the command and tests."""

import contextlib
import functools
import http.client
import http.server
import json
import logging
import pathlib
import subprocess
import sys
import typing
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from . import place

if typing.TYPE_CHECKING:
    from . import supervisor

_log = logging.getLogger("control")

_CONNECT_SECONDS = 5
_CALL_SECONDS = 150
"""The longest call is restart-api."""


class Cloud:
    """An embedded cloud from outside: start it, look at it, hurt it, stop it."""

    def __init__(
        self,
        name: str = place.DEFAULT_NAME,
        net: str = place.DEFAULT_NET,
        engine: str = "stub",
        cache: pathlib.Path | None = None,
        controller: str = "server",
    ) -> None:
        self.place = place.Place(name, net, cache or place.default_cache())
        self._engine = engine
        self._controller = controller

    @property
    def api_server(self) -> str:
        """URL of its SkyPilot API server."""
        return self.place.api_server

    def start(self) -> None:
        """Start it, or see that it runs; as root or through sudo."""
        options = ("--engine", self._engine, "--controller", self._controller)
        self._command("start", "--net", self.place.net, *options)

    def stop(self) -> None:
        """Take it all away."""
        self._command("stop")

    @contextlib.contextmanager
    def running(self) -> Iterator["Cloud"]:
        """A new one, whatever an earlier run has left of it; all taken away in the end."""
        self.stop()
        self.start()
        try:
            yield self
        finally:
            self.stop()

    def status(self) -> dict[str, Any]:
        """Its health, memory, instances."""
        return dict(self._call("GET", "/status"))

    def progress(self) -> dict[str, Any]:
        """How far its start has come."""
        return dict(self._call("GET", "/progress"))

    def instances(self) -> list[dict[str, Any]]:
        """The live instances of all regions: id, ip, type, gpu, region, state, spot, host, tags."""
        return list(self._call("GET", "/instances"))

    def hosts(self) -> list[dict[str, Any]]:
        """The instances whose machine is on."""
        return [instance for instance in self.instances() if instance["host"] == "on"]

    def kill(self, instance_id: str) -> None:
        """Preempt an instance: power off, terminated."""
        self._call("POST", "/kill", instance_id)

    def crash(self, instance_id: str) -> None:
        """End an instance's processes; AWS goes on calling it running."""
        self._call("POST", "/crash", instance_id)

    def refuse(self, instance_type: str) -> None:
        """No capacity for an instance type, or for any (`*`), until it is allowed again."""
        self._call("POST", "/refuse", instance_type)

    def allow(self, instance_type: str) -> None:
        """Capacity again; `*` for every type."""
        self._call("POST", "/allow", instance_type)

    def kill_api(self) -> None:
        """End the API server, as a crash would."""
        self._call("POST", "/kill-api")

    def restart_api(self, *, accounts: bool = False, controller: str = "server") -> None:
        """End the API server and start it again; with accounts, it asks who calls."""
        self._call("POST", "/restart-api", {"accounts": accounts, "controller": controller})

    def set_engine(self, engine: str, layers: list[str]) -> None:
        """The engine of the hosts made from now on."""
        self._call("POST", "/engine", {"engine": engine, "layers": layers})

    def _command(self, *arguments: str) -> None:
        subprocess.run(
            [
                *(sys.executable, "-m", "local", *arguments),
                *("--name", self.place.name, "--cache", str(self.place.cache)),
            ],
            cwd=place.REPOSITORY,
            check=True,
        )

    def _call(self, method: str, path: str, body: object = None) -> Any:
        if not self.place.is_plugged_in:
            raise place.CloudError("it is not running: start it first")
        connection = http.client.HTTPConnection(
            self.place.address, place.CONTROL_PORT, timeout=_CONNECT_SECONDS
        )
        try:
            with contextlib.closing(connection):
                connection.connect()
                connection.sock.settimeout(_CALL_SECONDS)
                connection.request(method, path, json.dumps(body))
                response = connection.getresponse()
                answer = json.loads(response.read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise place.CloudError(
                f"it does not answer at {self.place.address}:{place.CONTROL_PORT} ({error}): "
                "start it again"
            ) from error
        if response.status != 200:
            raise place.CloudError(answer["error"])
        return answer


def server(cloud: "supervisor.Supervisor") -> http.server.ThreadingHTTPServer:
    """The server's side of the port."""
    emulator = cloud.emulator

    def allow(instance_type: str) -> None:
        if instance_type == "*":
            emulator.refused.clear()
        emulator.refused.discard(instance_type)

    looks: Mapping[str, Callable[[], Any]] = {
        "/status": cloud.status,
        "/progress": cloud.progress,
        "/instances": emulator.instances,
    }
    deeds: Mapping[str, Callable[[Any], Any]] = {
        "/kill": emulator.kill,
        "/crash": emulator.crash,
        "/refuse": emulator.refused.add,
        "/allow": allow,
        "/engine": lambda wanted: cloud.set_engine(wanted["engine"], wanted["layers"]),
        "/kill-api": lambda _: cloud.api.kill(),
        "/restart-api": lambda wanted: cloud.restart_api(**wanted),
    }

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(looks.get(self._path()))

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            deed = deeds.get(self._path())
            _log.info("%s %s", self._path(), body)
            self._answer(functools.partial(deed, body) if deed else None)

        def _path(self) -> str:
            return urllib.parse.urlsplit(self.path).path

        def _answer(self, work: Callable[[], Any] | None) -> None:
            status, answer = 200, None
            if work is None:
                status, answer = 404, {"error": f"no {self.path} here"}
            else:
                try:
                    answer = work()
                except Exception as error:  # noqa: BLE001 (the caller gets it)
                    _log.exception("%s", self.path)
                    status, answer = 500, {"error": str(error)}
            data = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:
            """Deeds are logged above, looks are many."""

    return http.server.ThreadingHTTPServer((cloud.place.address, place.CONTROL_PORT), Handler)
