"""The process tree of one embedded cloud; started by `python -m local start`, not by hand.

It runs in mount, pid and network namespaces of its own. Its first process only reaps; its second
is the supervisor proper: the network, the emulated AWS and its hosts, the control port, and
SkyPilot's API server as a child. When either ends, however it ends, the kernel ends all the others
and takes their mounts and network devices away.
"""

import argparse
import contextlib
import logging
import os
import pathlib
import resource
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

from . import place, processes

_OPEN_FILES = 65536
"""Ray and vLLM ask for many (vLLM warns below this)."""

_BRIDGE_MAC = "02:00:00:00:00:01"
"""Locally administered (its second bit), unique in its own network."""

_log = logging.getLogger("supervisor")


def main() -> None:
    """Split into the process that reaps and the one that works."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--name", required=True)
    parser.add_argument("--net", required=True)
    parser.add_argument("--cache", required=True, type=pathlib.Path)
    parser.add_argument("--engine", required=True)
    parser.add_argument("--controller", required=True)
    parser.add_argument("--layer", required=True, type=pathlib.Path, action="append")
    options = parser.parse_args()
    where = place.Place(options.name, options.net, options.cache)
    worker = os.fork()
    if worker:
        _reap_until_gone(worker)
    logging.basicConfig(format="%(asctime)s %(name)s: %(message)s", level=logging.INFO)
    supervisor = Supervisor(where, options.engine, options.layer, options.controller)
    try:
        supervisor.start()
    except Exception as error:  # noqa: BLE001 (whatever it was, start is to say it)
        _log.exception("start")
        where.failure.write_text(f"{error}\n")  # `start` says it
        sys.exit(1)
    supervisor.watch()


def _reap_until_gone(worker: int) -> NoReturn:
    """PID 1's duties: bury orphans (SkyPilot leaves some), heed SIGTERM."""
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    while True:
        pid, status = os.wait()
        if pid == worker:
            os._exit(os.waitstatus_to_exitcode(status) & 0xFF)


class Supervisor:
    """What runs in the cloud, and what is said and done through its control port."""

    def __init__(
        self, where: place.Place, engine: str, layers: Sequence[pathlib.Path], controller: str
    ) -> None:
        self.place = where
        self.engine = engine
        self._controller = controller
        self.steps: list[tuple[str, float]] = []
        """The steps of the start that are done, with their seconds."""
        self.ready = False
        self._layers = layers

    def start(self) -> None:
        """Bring everything up, step by step."""
        # Late imports: the process that reaps, this one's parent, stays small.
        from . import api_server, control, emulator, internet  # noqa: PLC0415

        _raise_open_files()
        _wait_for_go()
        _private_files(self.place)
        _set_up_network(self.place, internet.ADDRESSES)
        certificate = internet.certificate(self.place.state / "certificates")
        self.emulator = emulator.Emulator(self.place, self._layers, certificate)
        self.api = api_server.ApiServer(self.place, certificate)
        threading.Thread(target=control.server(self).serve_forever, daemon=True).start()
        with self._step("emulated AWS"):
            internet.serve(certificate)
            self.emulator.start()
        with self._step("SkyPilot's API server"):
            self.api.start(self._controller)
        with self._step("sky check"):
            self.api.wait_for_aws()
        self.ready = True

    def watch(self) -> NoReturn:
        """Write down when a child dies; who asks for the status hears it too."""
        was_alive = True
        while True:
            time.sleep(1)
            if self.ready and was_alive != self.api.is_alive:
                was_alive = not was_alive
                _log.info("SkyPilot's API server is %s", "up again" if was_alive else "dead")

    def status(self) -> dict[str, Any]:
        """Everything at a glance; memory takes a moment to count."""
        from . import api_server  # noqa: PLC0415

        memory = processes.memory_mib()
        instances = self.emulator.instances()
        for instance in instances:
            namespace = self.emulator.pid_namespace(instance["id"])
            instance["memory_mib"] = memory.get(namespace, 0) if namespace else 0
        return {
            **self.progress(),
            "api_server": {"url": self.place.api_server, **api_server.status(self.api)},
            "aws": {
                "url": self.place.aws,
                "state": "healthy" if self.emulator.is_alive else "dead",
                "refused": sorted(self.emulator.refused),
            },
            "memory_mib": sum(memory.values()),
            "instances": instances,
        }

    def progress(self) -> dict[str, Any]:
        """How far the start has come."""
        return {
            "name": self.place.name,
            "net": self.place.net,
            "engine": self.engine,
            "ready": self.ready,
            "steps": self.steps,
        }

    def set_engine(self, engine: str, layers: Sequence[str]) -> None:
        """Hosts made from now on have these layers."""
        self.engine = engine
        self.emulator.layers = tuple(map(pathlib.Path, layers))

    def restart_api(self, *, accounts: bool, controller: str) -> None:
        """End the API server, if it lives, and start it again; its state stays."""
        self.api.kill()
        self.api.start(controller, accounts=accounts)

    @contextlib.contextmanager
    def _step(self, name: str) -> Iterator[None]:
        started = time.monotonic()
        _log.info("%s …", name)
        yield
        self.steps.append((name, time.monotonic() - started))
        _log.info("%s: %.1f s", *self.steps[-1])


def _raise_open_files() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # Root may raise its own hard limit, but not everywhere (containers without CAP_SYS_RESOURCE).
    for limits in ((_OPEN_FILES, max(hard, _OPEN_FILES)), (min(hard, _OPEN_FILES), hard)):
        with contextlib.suppress(ValueError, PermissionError):
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
            return


def _wait_for_go() -> None:
    """`start` plugs this network into the machine's, then says so; or it died, and so do we."""
    if sys.stdin.readline() != "go\n":
        raise place.CloudError("the start was interrupted")


def _private_files(where: place.Place) -> None:
    """A /tmp of its own, and none of root's SSH configuration.

    SkyPilot keeps locks and SSH sockets under fixed names in /tmp (server/uvicorn.py:41,
    utils/command_runner.py:138), which a SkyPilot of the user's would share. What the cloud needs
    and happens to lie under /tmp stays visible.
    """
    temporary = where.state / "tmp"
    temporary.mkdir(mode=0o1777, exist_ok=True)
    temporary.chmod(0o1777)
    needed = {
        where.cache,
        place.REPOSITORY,
        pathlib.Path(sys.prefix),
        pathlib.Path(sys.base_prefix),
    }
    for folder in needed:
        resolved = folder.resolve()
        if resolved.is_relative_to("/tmp"):  # noqa: S108 (it is what this is about)
            shadow = temporary / resolved.relative_to("/tmp")  # noqa: S108
            shadow.mkdir(parents=True, exist_ok=True)
            processes.run("mount", "--rbind", str(resolved), str(shadow))
    processes.run("mount", "--rbind", str(temporary), "/tmp")  # noqa: S108
    ssh = pathlib.Path.home() / ".ssh"
    if ssh.is_dir():
        processes.run("mount", "-t", "tmpfs", "-o", "mode=700", "tmpfs", str(ssh))


def _set_up_network(where: place.Place, internet: Sequence[str]) -> None:
    from . import host  # noqa: PLC0415

    # A closed connection with something still to send keeps its network alive, and this machine's
    # device with it, until the kernel gives up: by default after more than a minute.
    pathlib.Path("/proc/sys/net/ipv4/tcp_orphan_retries").write_text("1")
    # An address of its own: by default a bridge has the lowest of its ports', which come and go
    # with the hosts, and whoever had just asked for it talks to nobody for a dozen seconds.
    processes.run("ip", "link", "add", host.BRIDGE, "address", _BRIDGE_MAC, "type", "bridge")
    processes.run("ip", "address", "add", f"{where.address}/24", "dev", host.BRIDGE)
    processes.run("ip", "link", "set", "uplink", "master", host.BRIDGE, "up")
    for device in ("lo", host.BRIDGE):
        processes.run("ip", "link", "set", device, "up")
    for address in internet:
        processes.run("ip", "address", "add", f"{address}/32", "dev", "lo")


if __name__ == "__main__":
    main()
