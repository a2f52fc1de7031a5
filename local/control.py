"""An embedded cloud from outside: the client of its control port.

The command line, the tests, the benchmarks and the scripts use it. The port's server is
`supervisor/control_port`.
"""

import contextlib
import http.client
import json
import pathlib
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

from . import errors, locations

_CONNECT_SECONDS = 5
_CALL_SECONDS = 150
"""The longest call is restart-api."""


class Cloud:
    """An embedded cloud that can be started, looked at, hurt and stopped."""

    def __init__(
        self,
        name: str = locations.DEFAULT_NAME,
        net: str = locations.DEFAULT_NET,
        *,
        engine: str = "stub",
        cache: pathlib.Path | None = None,
        controller: str = "server",
        cloud: str = "aws",
    ) -> None:
        self.location = locations.Location(name, net, cache or locations.default_cache())
        self._cloud = cloud
        self._engine = engine
        self._controller = controller

    @property
    def api_server(self) -> str:
        """Return the URL of its SkyPilot API server."""
        return self.location.api_server

    def start(self) -> None:
        """Start it, unless it runs; as root or through sudo."""
        options = ("--cloud", self._cloud, "--engine", self._engine)
        controller = ("--controller", self._controller)
        self._command("start", "--net", self.location.net, *options, *controller)

    def stop(self) -> None:
        """Stop it and delete all that it wrote."""
        self._command("stop")

    @contextlib.contextmanager
    def running(self) -> Iterator["Cloud"]:
        """Start a new one, whatever an earlier run has left of it, and stop it at the end."""
        self.stop()
        self.start()
        try:
            yield self
        finally:
            self.stop()

    def status(self) -> dict[str, Any]:
        """Return its health, memory and instances."""
        return dict(self._call("GET", "/status"))

    def progress(self) -> dict[str, Any]:
        """Return how far its start has come."""
        return dict(self._call("GET", "/progress"))

    def instances(self) -> list[dict[str, Any]]:
        """List the live instances: id, ip, type, gpu, region, state, spot, host, tags."""
        return list(self._call("GET", "/instances"))

    def hosts(self) -> list[dict[str, Any]]:
        """List the instances whose machine is on."""
        return [instance for instance in self.instances() if instance["host"] == "on"]

    def nodes(self) -> list[dict[str, Any]]:
        """List the nodes of a Kubernetes: id, ip, host, ready, cordoned, gpus, labels."""
        return list(self.status()["cloud"]["nodes"])

    def kill(self, target: str) -> None:
        """Preempt an instance, a pod or a node: power off, and gone."""
        self._call("POST", "/kill", target)

    def crash(self, target: str) -> None:
        """End the processes of an instance, a pod or a node; nobody tells the cloud."""
        self._call("POST", "/crash", target)

    def boot(self, target: str) -> None:
        """Switch a crashed node, or the control plane, on again."""
        self._call("POST", "/boot", target)

    def refuse(self, target: str) -> None:
        """Have no capacity for an instance type, on a node, or for any (`*`)."""
        self._call("POST", "/refuse", target)

    def allow(self, target: str) -> None:
        """Have capacity again; `*` for everything."""
        self._call("POST", "/allow", target)

    def add(self, node_type: str) -> None:
        """Add a node to a Kubernetes."""
        self._call("POST", "/add", node_type)

    def drain(self, node: str) -> None:
        """Let no more pods onto a node, and evict those that are there."""
        self._call("POST", "/drain", node)

    def kill_api(self) -> None:
        """End the API server, as a crash would."""
        self._call("POST", "/kill-api")

    def restart_api(self, *, accounts: bool = False, controller: str = "server") -> None:
        """End the API server and start it again; with accounts, it asks who calls."""
        self._call("POST", "/restart-api", {"accounts": accounts, "controller": controller})

    def set_engine(self, engine: str, layers: list[str]) -> None:
        """Set the engine of the hosts made from now on."""
        self._call("POST", "/engine", {"engine": engine, "layers": layers})

    def _command(self, *arguments: str) -> None:
        subprocess.run(
            [
                *(sys.executable, "-m", "local", *arguments),
                *("--name", self.location.name, "--cache", str(self.location.cache)),
            ],
            cwd=locations.REPOSITORY,
            check=True,
        )

    def _call(self, method: str, path: str, body: object = None) -> Any:
        if not self.location.is_plugged_in:
            raise errors.CloudError("it is not running; start it first")
        connection = http.client.HTTPConnection(
            self.location.address, locations.CONTROL_PORT, timeout=_CONNECT_SECONDS
        )
        try:
            with contextlib.closing(connection):
                connection.connect()
                connection.sock.settimeout(_CALL_SECONDS)
                connection.request(method, path, json.dumps(body))
                response = connection.getresponse()
                answer = json.loads(response.read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise errors.CloudError(
                f"it does not answer at {self.location.address}:{locations.CONTROL_PORT} "
                f"({error}); start it again"
            ) from error
        if response.status != 200:
            raise errors.CloudError(answer["error"])
        return answer
