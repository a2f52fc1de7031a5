"""A lock for one call after another; its waiters know whom they wait for, and how long."""

import contextlib
import threading
import typing
from collections.abc import Callable, Iterator

from .. import errors

TURN_SECONDS = 3600.0
"""How long to wait for a holder that has no bound of its own: the longest call to SkyPilot, a
launch, may take this long (skypilot/cluster_api.py). The bound of a holder is added."""
LOOK_SECONDS = 0.2
"""How long until a waiter looks at the clock again. Real time, since the clock may be a test's."""


class Clock(typing.Protocol):
    """The clock of a wait."""

    def now(self) -> float:
        """Return seconds that only go forward."""


class Turn:
    """A lock that is handed from one holder to the next."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._holder = ""
        self._bound = 0.0
        self._handed = 0
        """How often it was taken: a waiter starts its time again with each new holder."""

    @contextlib.contextmanager
    def held(
        self, who: str, clock: Clock, say: Callable[[str], None], bound: float | None = None
    ) -> Iterator[float]:
        """Hold the lock; yield the seconds that were waited for it.

        `who` names the holder to others, as "the create of 'prod-chat'". `bound` is the most
        seconds that the work under the lock may take. Raises TimedOut when a holder keeps it for
        too long.
        """
        waited = self._take(who, clock, say)
        self._holder, self._bound = who, bound or 0.0
        self._handed += 1
        try:
            yield waited
        finally:
            self._lock.release()

    def _take(self, who: str, clock: Clock, say: Callable[[str], None]) -> float:
        began = since = clock.now()
        handed = -1
        while not self._lock.acquire(timeout=LOOK_SECONDS):
            if self._handed != handed:
                handed, since = self._handed, clock.now()
                say(f"{who} waits for {self._holder}")
            if clock.now() - since > TURN_SECONDS + self._bound:
                raise errors.TimedOut(
                    f"{who} waited {clock.now() - since:.0f} s for {self._holder}, which goes "
                    "first; run the same command again once that has ended"
                )
        return clock.now() - began
