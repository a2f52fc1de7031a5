"""Read-only calls ("looks"): one that fails is not an answer, and not an error of the user's.

What is looked at may change at that very moment: SkyServe reads the row of a service and then the
YAML of its version, which the end of the service has deleted in between. Or the server is busy, or
is being restarted. So a single look is tried again a few times, and a wait goes on until its time
is up, whatever a look has raised.
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
"""A single look is not tried again once it has taken so long in all."""
SILENCE_SECONDS = 120.0
"""How long a wait bears a server that does not answer at all: it may be restarted, or busy."""

_FINAL = (errors.Denied, errors.OtherServer)
"""What no later look will change."""
_ANSWERS = (*_FINAL, errors.NotFound, errors.Asleep)
"""What a single look takes for an answer."""
_ONCE = ("log", "job_log", "listens", "get")
"""Looks whose failure tells who asks enough."""


class Clock(typing.Protocol):
    """Time, so that tests need none."""

    def now(self) -> float:
        """Seconds that only go forward."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


class SystemClock:
    """The machine's own time."""

    def now(self) -> float:
        """Seconds that only go forward."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


def again(look: Callable[[], T], clock: Clock) -> T:
    """Look, and if that fails a few times more.

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
    """The port, with single looks that are tried again."""

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
    """What a wait makes of looks that fail."""

    def __init__(self, clock: Clock, *, answered: bool) -> None:
        """`answered` says whether the server has answered anything yet.

        One that has not is given no time: it may never have been there.
        """
        self._clock = clock
        self._answered_at = clock.now() if answered else None
        self._reason = ""

    def answered(self) -> None:
        """Take note of a look that has not failed."""
        self._answered_at = self._clock.now()
        self._reason = ""

    def bear(self, error: errors.SkyPilotError) -> None:
        """Keep the reason of a look that failed; raise it if waiting on is of no use."""
        if isinstance(error, _FINAL):
            raise error
        if not is_silence(error):
            self._answered_at = self._clock.now()
        elif self._answered_at is None or self._clock.now() - self._answered_at > SILENCE_SECONDS:
            raise error
        self._reason = f"; the last look failed: {error}"

    def told(self) -> str:
        """The end of a time-out's line: why the last look failed, or nothing."""
        return self._reason


def is_silence(error: errors.SkyPilotError) -> bool:
    """Whether an error means that the server did not answer at all."""
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
