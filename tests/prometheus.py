"""The real Prometheus for tests: the commands of Debian's package, and a server on loopback."""

import contextlib
import functools
import json
import pathlib
import shutil
import socket
import subprocess
import time
import typing
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator

from local import locations


@functools.cache
def command(name: str) -> str:
    """Return `prometheus` or `promtool`: the machine's own, else Debian's, unpacked in the cache.

    A test without it fails: the files are worth nothing unless Prometheus reads them.
    """
    own = shutil.which(name)
    if own is not None:
        return own
    folder = locations.default_cache() / "prometheus"
    program = folder / "usr/bin" / name
    if not program.exists():
        _unpack(folder)
    return str(program)


def _unpack(folder: pathlib.Path) -> None:
    packages = folder.with_name("prometheus-packages")
    packages.mkdir(parents=True, exist_ok=True)
    subprocess.run(["apt-get", "download", "prometheus"], cwd=packages, check=True)
    (package,) = packages.glob("prometheus_*.deb")
    unpacked = folder.with_name("prometheus-unpacked")
    subprocess.run(["dpkg", "-x", package, unpacked], check=True)
    unpacked.replace(folder)
    shutil.rmtree(packages)


class Server:
    """A running Prometheus."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}/api/v1"

    def ask(self, path: str, **query: str) -> typing.Any:
        """Return the data of an answer of its API."""
        url = f"{self._url}/{path}?{urllib.parse.urlencode(query)}"
        with urllib.request.urlopen(url, timeout=30) as answer:
            return json.load(answer)["data"]

    def query(self, expression: str) -> list[dict[str, typing.Any]]:
        """Return the series that a query yields now."""
        return list(self.ask("query", query=expression)["result"])

    def targets(self) -> list[dict[str, typing.Any]]:
        """Return what it scrapes."""
        return list(self.ask("targets")["activeTargets"])


@contextlib.contextmanager
def running(config: pathlib.Path, data: pathlib.Path) -> Iterator[Server]:
    """Run a Prometheus with a configuration until the block ends."""
    port = free_port()
    arguments = (
        f"--config.file={config}", f"--storage.tsdb.path={data}",
        f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn",
    )  # fmt: skip
    process = subprocess.Popen([command("prometheus"), *arguments])
    try:
        server = Server(port)
        wait(lambda: _answers(server), 120)
        yield server
    finally:
        process.terminate()
        process.wait(60)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


def wait(holds: typing.Callable[[], bool], seconds: float) -> None:
    """Wait until something holds. Raises TimeoutError."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds:g} s")
        time.sleep(0.3)


def _answers(server: Server) -> bool:
    try:
        server.targets()
    except (OSError, urllib.error.URLError):
        return False
    return True
