"""The tool server of examples/tools, on loopback."""

import contextlib
import pathlib
import subprocess
import sys
import urllib.request
from collections.abc import Iterator

from tests import prometheus

FILE = pathlib.Path(__file__).parent.parent / "examples" / "tools" / "server.py"


@contextlib.contextmanager
def running(host: str, port: int, log: pathlib.Path) -> Iterator[str]:
    """Run it until the block ends, or this process; yield its address."""
    address = f"{host}:{port}"
    command = ["setpriv", "--pdeathsig", "KILL", sys.executable, str(FILE), address]
    with log.open("wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT)
        try:
            prometheus.wait(lambda: process.poll() is not None or _answers(address), 60)
            assert process.poll() is None, log.read_text()
            yield address
        finally:
            process.terminate()
            process.wait(30)


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://{address}/sse", timeout=5) as answer:
            return bool(answer.readline())
    except OSError:
        return False
