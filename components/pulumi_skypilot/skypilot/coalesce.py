"""One call for all callers that ask at the same time.

For calls that cost far more than one more name in them.
"""

import concurrent.futures
import threading
import time
import typing
from collections.abc import Callable, Sequence

T = typing.TypeVar("T")


class OutOfTimeError(Exception):
    """The caller's own time is up; the call goes on for the other callers that wait for it."""


class Round(typing.Generic[T]):
    """A call that has not begun, and the names that it is for."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.answer: concurrent.futures.Future[Sequence[T]] = concurrent.futures.Future()


class Together(typing.Generic[T]):
    """Runs one call at a time; callers that ask meanwhile share the next.

    No caller gets an answer to a call that began before it asked.
    """

    def __init__(
        self, of_all: tuple[type[Exception], ...] = (), but: tuple[type[Exception], ...] = ()
    ) -> None:
        """Keep which errors hold for every name: those in `of_all` except those in `but`."""
        self._of_all = of_all
        self._but = but
        self._lock = threading.Lock()
        self._turn = threading.Lock()
        self._next: Round[T] | None = None

    def ask(
        self, name: str, call: Callable[[list[str]], Sequence[T]], seconds: float | None = None
    ) -> Sequence[T]:
        """Return what `call` answers for this name, and perhaps for others.

        Raises OutOfTimeError after so many seconds. Each call has a thread of its own: the time
        limit of the caller that began it ends it for no other caller.
        """
        return self.answer(self.enter(name, call), name, call, seconds)

    def enter(self, name: str, call: Callable[[list[str]], Sequence[T]]) -> Round[T]:
        """Add this name to the next call and return that call, without waiting."""
        with self._lock:
            first = self._next is None
            mine = self._next = self._next or Round()
            mine.names.add(name)
        if first:
            threading.Thread(target=self._take_turn, args=(mine, call), daemon=True).start()
        return mine

    def answer(
        self,
        mine: Round[T],
        name: str,
        call: Callable[[list[str]], Sequence[T]],
        seconds: float | None = None,
    ) -> Sequence[T]:
        """Wait for the answer to a call that this name is in.

        An error of a shared call may concern only one of its names: each name is then asked alone.
        """
        began = time.monotonic()
        try:
            return _result(mine.answer, seconds)
        except OutOfTimeError:
            raise
        except Exception as error:
            alike = isinstance(error, self._of_all) and not isinstance(error, self._but)
            if len(mine.names) == 1 or alike:
                raise
        alone: concurrent.futures.Future[Sequence[T]] = concurrent.futures.Future()
        threading.Thread(target=_answer, args=(alone, call, [name]), daemon=True).start()
        return _result(alone, None if seconds is None else seconds - (time.monotonic() - began))

    def _take_turn(self, mine: Round[T], call: Callable[[list[str]], Sequence[T]]) -> None:
        with self._turn:
            with self._lock:
                self._next = None
            _answer(mine.answer, call, sorted(mine.names))


def _answer(
    answer: "concurrent.futures.Future[Sequence[T]]",
    call: Callable[[list[str]], Sequence[T]],
    names: list[str],
) -> None:
    try:
        answer.set_result(call(names))
    except BaseException as error:  # noqa: BLE001 - every caller that shares the call gets it
        answer.set_exception(error)


def _result(answer: "concurrent.futures.Future[Sequence[T]]", seconds: float | None) -> Sequence[T]:
    done, _ = concurrent.futures.wait([answer], seconds)
    if not done:
        raise OutOfTimeError
    return answer.result()
