"""Read-only calls ("looks"). A look that fails is not an answer, and not the user's error.

A service may change during a look: SkyServe reads the row of a service and then the YAML of its
version, which the end of the service may have deleted in between. Or the server is busy, or is
being restarted. So a single look is tried again a few times, and a wait goes on until its time is
up, whatever a look has raised.
"""

import functools
import time
import typing
from collections.abc import Callable

from .. import errors
from . import interface

T = typing.TypeVar("T")

PAUSES_SECONDS = (1.0, 3.0, 6.0)
"""The pauses before a single look is tried again."""
LONG_SECONDS = 60.0
"""A single look is not tried again once all its tries have taken this long."""
SILENCE_SECONDS = 120.0
"""How long a wait tolerates a server that does not answer at all: it may be busy or restarting."""

_FINAL = (errors.Denied, errors.OtherServer)
"""The errors that no later look will change."""
_ANSWERS = (*_FINAL, errors.NotFound, errors.Asleep)
"""The errors that are an answer to a single look."""
_ONCE = ("log", "job_log", "stream_log", "listens", "get")
"""The looks that are not tried again: their failure tells the caller enough."""


class Clock(typing.Protocol):
    """Time, so that tests need none."""

    def now(self) -> float:
        """Return seconds that only go forward."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


class SystemClock:
    """The machine's own time."""

    def now(self) -> float:
        """Return seconds that only go forward."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


def again(look: Callable[[], T], clock: Clock) -> T:
    """Look, and try again a few times if that fails.

    Raises the error of the last try, as NoAnswer if it is neither an answer nor silence.
    """
    began = clock.now()
    for pause_seconds in PAUSES_SECONDS:
        try:
            return _once(look)
        except _ANSWERS:
            raise
        except errors.SkyPilotError:
            if clock.now() - began >= LONG_SECONDS:
                raise
        clock.sleep(pause_seconds)
    return _once(look)


class Looks:
    """The interface, which tries single looks again."""

    def __init__(self, sky: interface.SkyPilot, clock: Clock) -> None:
        self._sky = sky
        self._clock = clock
        self.answered = False
        """Whether the server has answered any look."""

    def __getattr__(self, name: str) -> typing.Any:
        call = getattr(self._sky, name)
        if name in interface.LOOKS and name not in _ONCE:
            return functools.partial(self._try, call)
        return call

    def _try(self, call: Callable[..., T], *args: typing.Any, **options: typing.Any) -> T:
        seen = again(functools.partial(call, *args, **options), self._clock)
        self.answered = True
        return seen


class Patience:
    """Decides whether a wait goes on after a look that failed."""

    def __init__(self, clock: Clock, *, answered: bool) -> None:
        """Start with whether the server has answered anything yet.

        A server that has not answered is given no time: it may never have been there.
        """
        self._clock = clock
        self._answered_at = clock.now() if answered else None
        self._reason = ""

    def answered(self) -> None:
        """Record a look that has not failed."""
        self._answered_at = self._clock.now()
        self._reason = ""

    def bear(self, error: errors.SkyPilotError) -> None:
        """Keep the reason of a look that failed; raise its error if more waiting is useless."""
        if isinstance(error, _FINAL):
            raise error
        if not is_silence(error):
            self._answered_at = self._clock.now()
        elif self._answered_at is None or self._clock.now() - self._answered_at > SILENCE_SECONDS:
            raise error
        self._reason = f"; the last look failed: {error}"

    def ending(self) -> str:
        """Return the end of a time-out's message: why the last look failed, or ""."""
        return self._reason


def is_silence(error: errors.SkyPilotError) -> bool:
    """Return whether an error means that the server did not answer at all."""
    if isinstance(error, (errors.NoAnswer, errors.Asleep, errors.OtherServer)):
        return False
    return isinstance(error, (errors.Unreachable, errors.TimedOut))


def _once(look: Callable[[], T]) -> T:
    try:
        return look()
    except (*_ANSWERS, errors.Unreachable, errors.TimedOut):
        raise
    except errors.SkyPilotError as error:
        raise errors.NoAnswer(str(error)) from error
