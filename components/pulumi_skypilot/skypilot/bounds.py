"""Bounds on calls to SkyPilot, in seconds, while they are made for a bounded one.

The bound belongs to the thread that works for it: a thread that it starts has none.
"""

import contextlib
import contextvars
from collections.abc import Callable, Iterator

_LEFT: contextvars.ContextVar[Callable[[], float | None]] = contextvars.ContextVar(
    "seconds_left", default=lambda: None
)


@contextlib.contextmanager
def within(left: Callable[[], float | None]) -> Iterator[None]:
    """Bound each call to SkyPilot by the seconds that are then left; None: no bound."""
    token = _LEFT.set(left)
    try:
        yield
    finally:
        _LEFT.reset(token)


def left() -> float | None:
    """Return the seconds that are left, or None without a bound."""
    return _LEFT.get()()


def at_most(seconds: float) -> float:
    """Return the call's own bound in seconds, or what is left if that is less."""
    rest = left()
    return seconds if rest is None else min(seconds, rest)
