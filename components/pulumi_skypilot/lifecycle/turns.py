"""One call after another: a lock whose waiters know for whom they wait, and for how long."""

import contextlib
import threading
import typing
from collections.abc import Callable, Iterator

from .. import errors

TURN_SECONDS = 3600.0
"""How long to wait for one holder that has no bound of its own: the longest call of SkyPilot's, a
launch, may take as long (skypilot/cluster_api.py). A bound of the holder's comes on top."""
LOOK_SECONDS = 0.2
"""How long until a waiter looks at the clock again. Real time, since the clock may be a test's."""


class Clock(typing.Protocol):
    """What a wait needs of a clock."""

    def now(self) -> float:
        """Seconds that only go forward."""


class Turn:
    """A lock that is handed from one holder to the next."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._holder = ""
        self._bound = 0.0
        self._handed = 0
        """How often it was taken: who waits for several holders is not waiting in vain."""

    @contextlib.contextmanager
    def held(
        self, who: str, clock: Clock, say: Callable[[str], None], bound: float | None = None
    ) -> Iterator[float]:
        """Hold it; yields the seconds that were waited for it.

        `who` is what the others are told, as "the create of 'prod-chat'"; `bound` the most seconds
        that the work under it may take. Raises TimedOut when one holder keeps it for too long.
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
