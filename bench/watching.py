"""The measurements during a soak: requests without an answer, processes and their memory."""

import pathlib
import sys
import threading
import time
import urllib.error
from collections.abc import Iterator, Mapping

from bench import rolling
from local.system import processes

INTERVAL_SECONDS = 0.5
LOOK_SECONDS = 10.0


class Traffic:
    """One client a service, that asks twice a second."""

    def __init__(self, urls: Mapping[str, str], key: str) -> None:
        self.asked = 0
        self.failed: list[str] = []
        """Service, exception and status of each request without an answer."""
        self._key = key
        self._over = threading.Event()
        self._threads = [
            threading.Thread(target=self._ask, args=arguments) for arguments in urls.items()
        ]

    def __enter__(self) -> "Traffic":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, name: str, url: str) -> None:
        while not self._over.wait(INTERVAL_SECONDS):
            self.asked += 1
            try:
                rolling.ask(f"{url}/v1/models", self._key)
            except Exception as error:  # noqa: BLE001 - whatever it is, a client had no answer
                code = error.code if isinstance(error, urllib.error.HTTPError) else ""
                self.failed.append(f"{name} {type(error).__name__} {code}".strip())
                say(f"not answered: {name}: {error!r}")


class Programs:
    """The processes of an embedded cloud's API server, and of Pulumi's provider."""

    def __init__(self, server_home: pathlib.Path, pulumi_home: pathlib.Path) -> None:
        self._server = {f"HOME={server_home}", "IS_SKYPILOT_SERVER=true"}
        self._pulumi = {f"PULUMI_HOME={pulumi_home}"}

    def serving(self) -> int:
        """Return the number of services' controllers and load balancers, and of Pulumi's."""
        return sum("sky.serve.service" in line for _, line in self._of(self._server)) + len(
            list(self._of(self._pulumi))
        )

    def memory_mib(self) -> tuple[int, int]:
        """Return the memory of the API server's processes and of the provider's, in MiB."""
        server = sum(_kib(process) for process, _ in self._of(self._server))
        provider = sum(
            _kib(process) for process, line in self._of(self._pulumi) if "pulumi.dynamic" in line
        )
        return server // 1024, provider // 1024

    def _of(self, marks: set[str]) -> Iterator[tuple[int, list[str]]]:
        """Return the processes whose environment has all of that, and their command lines."""
        for process, words in processes.command_lines():
            if marks <= processes.environment(process):
                yield process, words


class Memory:
    """The memory of processes, measured every ten seconds."""

    def __init__(self, programs: Programs) -> None:
        self.server: list[int] = []
        self.provider: list[int] = []
        self._programs = programs
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> "Memory":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while True:
            server, provider = self._programs.memory_mib()
            self.server.append(server)
            self.provider.append(provider)
            if self._over.wait(LOOK_SECONDS):
                return


def say(text: str) -> None:
    """Write a line with the time to stderr."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def _kib(process: int) -> int:
    try:
        return processes.pss_kib(pathlib.Path(f"/proc/{process}/smaps_rollup").read_text())
    except OSError:  # it has just ended
        return 0
