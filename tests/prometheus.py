"""The real Prometheus for tests: a server on loopback."""

import contextlib
import json
import pathlib
import socket
import subprocess
import time
import typing
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator

from tests import debian_programs


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
    process = subprocess.Popen([debian_programs.program("prometheus"), *arguments])
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
