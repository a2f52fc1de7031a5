"""Clients that send a steady number of requests a second, and what the service runs meanwhile."""

import collections
import contextlib
import dataclasses
import threading
import time
from collections.abc import Callable, Iterator, Sequence

from tests.e2e import stack as stacks
from tests.e2e import test_service


class Load:
    """Requests at a steady rate, whatever becomes of them: SkyServe counts them all."""

    def __init__(self, url: str, key: str) -> None:
        self.answers: collections.Counter[str] = collections.Counter()
        """Status, or the name of the error → how many."""
        self._url, self._key = url, key

    @contextlib.contextmanager
    def at(self, a_second: float) -> Iterator[None]:
        """Send as many requests a second while the block lasts."""
        over = threading.Event()

        def send() -> None:
            requests: list[threading.Thread] = []
            due = time.monotonic()
            while not over.wait(max(0.0, due - time.monotonic())):
                requests.append(threading.Thread(target=self._ask))
                requests[-1].start()
                due += 1 / a_second
            for request in requests:
                request.join()

        sender = threading.Thread(target=send)
        sender.start()
        try:
            yield
        finally:
            over.set()
            sender.join()

    def _ask(self) -> None:
        try:
            answer = str(test_service.ask(self._url, self._key))
        except OSError as error:
            answer = type(error).__name__
        self.answers[answer] += 1


@dataclasses.dataclass
class Watched:
    """The running machines of a service over time."""

    count: Callable[[], int]
    began: float = dataclasses.field(default_factory=time.monotonic)
    rows: list[tuple[float, float, int]] = dataclasses.field(default_factory=list)
    """Seconds since the beginning, requests sent a second, machines: a row for each change."""

    def until(self, machines: int, a_second: float, seconds: float) -> None:
        """Wait until so many machines run, and keep each change of their number."""

        def reached() -> bool:
            now = self.count()
            if not self.rows or self.rows[-1][1:] != (a_second, now):
                self.rows.append((time.monotonic() - self.began, a_second, now))
            return now == machines

        stacks.until(reached, seconds, f"{machines} machines at {a_second:g} requests a second")


def table(rows: Sequence[tuple[float, float, int]]) -> str:
    """Write what was watched."""
    lines = [f"{'s':>6} {'req/s':>6} {'on':>5}"]
    return "\n".join(lines + [f"{at:6.0f} {sent:6g} {machines:5}" for at, sent, machines in rows])
