"""The processes of an embedded cloud, and the view of them that others have."""

import contextlib
import logging
import pathlib
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NoReturn

from .. import errors, locations
from ..api_server import server_process
from ..system import internet, network, processes
from . import clouds, control_port, isolation

_log = logging.getLogger("supervisor")


class Supervisor:
    """The parts of one running cloud, started in their order."""

    def __init__(
        self,
        location: locations.Location,
        cloud: str,
        engine: str,
        layers: Sequence[pathlib.Path],
        controller: str,
    ) -> None:
        """Describe a cloud of that kind (`aws` or `k8s`), whose hosts have these layers."""
        self._location = location
        self._kind = cloud
        self._engine = engine
        self._layers = layers
        self._controller = controller
        self._steps: list[tuple[str, float]] = []
        """The steps of the start that are done, with their seconds."""
        self._is_ready = False

    def start(self) -> None:
        """Bring everything up, step by step."""
        isolation.raise_open_files()
        _wait_for_go()
        isolation.make_files_private(self._location)
        network.make_bridge(self._location)
        certificate = internet.make_certificate(self._location.state / "certificates")
        self._cloud = clouds.make(self._kind, self._location, self._layers, certificate)
        port = control_port.server(self._location.address, self._reads(), self._actions())
        threading.Thread(target=port.serve_forever, daemon=True).start()
        with self._step(clouds.NAMES[self._kind]):
            internet.serve(certificate)
            self._cloud.start()
        self._api = server_process.ApiServer(self._location, certificate, self._cloud.access())
        with self._step("SkyPilot's API server"):
            self._api.start(self._controller)
        with self._step("sky check"):
            self._api.wait_for_check()
        self._is_ready = True

    def watch(self) -> NoReturn:
        """Log when the API server dies and when it is up again."""
        was_alive = True
        while True:
            time.sleep(1)
            if self._is_ready and was_alive != self._api.is_alive:
                was_alive = not was_alive
                _log.info("SkyPilot's API server is %s", "up again" if was_alive else "dead")

    def _reads(self) -> Mapping[str, Callable[[], Any]]:
        """Return what the control port shows, by path."""
        return {
            "/status": self._status,
            "/progress": self._progress,
            "/instances": self._cloud.instances,
        }

    def _actions(self) -> Mapping[str, Callable[[Any], None]]:
        """Return what the control port does, by path."""
        return {
            **{f"/{name}": action for name, action in self._cloud.actions().items()},
            "/engine": lambda options: self._set_engine(**options),
            "/kill-api": lambda _: self._api.kill(),
            "/restart-api": lambda options: self._restart_api(**options),
        }

    def _status(self) -> dict[str, Any]:
        """Return everything at a glance; counting memory takes a moment.

        A cloud that is dead cannot be asked: `holds` and `instances` are None then.
        """
        memory = processes.memory_mib(self._cloud.owner_of)
        cloud = self._cloud.describe()
        answers = cloud["state"] != "dead"
        return {
            **self._progress(),
            "api_server": {"url": self._location.api_server, **self._api.status()},
            "cloud": cloud,
            "memory_mib": sum(memory.values()),
            "holds": self._cloud.holds() if answers else None,
            "instances": [
                {**instance, "memory_mib": memory.get(instance["id"], 0)}
                for instance in self._cloud.instances()
            ]
            if answers
            else None,
        }

    def _progress(self) -> dict[str, Any]:
        """Return how far the start has come."""
        return {
            "name": self._location.name,
            "net": self._location.net,
            "engine": self._engine,
            "ready": self._is_ready,
            "steps": self._steps,
        }

    def _set_engine(self, engine: str, layers: Sequence[str]) -> None:
        """Give hosts made from now on these layers."""
        self._engine = engine
        self._cloud.set_layers([pathlib.Path(layer) for layer in layers])

    def _restart_api(self, *, accounts: bool, controller: str) -> None:
        """End the API server, if it lives, and start it again; its state stays."""
        self._api.kill()
        self._api.start(controller, accounts=accounts)

    @contextlib.contextmanager
    def _step(self, name: str) -> Iterator[None]:
        started = time.monotonic()
        _log.info("%s …", name)
        yield
        self._steps.append((name, time.monotonic() - started))
        _log.info("%s: %.1f s", *self._steps[-1])


def _wait_for_go() -> None:
    """Wait until `start` has linked this network with the machine's; end if `start` has died."""
    if sys.stdin.readline() != "go\n":
        raise errors.CloudError("the start was interrupted; start it again")
