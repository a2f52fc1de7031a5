"""One call for all who ask at one time, where a call costs far more than one more name in it."""

import concurrent.futures
import threading
import time
import typing
from collections.abc import Callable, Sequence

T = typing.TypeVar("T")


class OutOfTimeError(Exception):
    """The caller's own time is up; the call goes on for whoever else waits for it."""


class Round(typing.Generic[T]):
    """A call that has not begun, and whom it is for."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.answer: concurrent.futures.Future[Sequence[T]] = concurrent.futures.Future()


class Together(typing.Generic[T]):
    """Lets one call at a time out; who asks meanwhile shares the next.

    Nobody is given an answer from before they asked.
    """

    def __init__(
        self, of_all: tuple[type[Exception], ...] = (), but: tuple[type[Exception], ...] = ()
    ) -> None:
        """`of_all` are errors that say as much of one name as of another; `but` are exceptions."""
        self._of_all = of_all
        self._but = but
        self._lock = threading.Lock()
        self._turn = threading.Lock()
        self._next: Round[T] | None = None

    def ask(
        self, name: str, call: Callable[[list[str]], Sequence[T]], seconds: float | None = None
    ) -> Sequence[T]:
        """Return what `call` answers of this name, and perhaps of others.

        Raises OutOfTimeError after so many seconds. Each call has a thread of its own, so that it
        ends for nobody with the time of the one who began it.
        """
        return self.answer(self.enter(name, call), name, call, seconds)

    def enter(self, name: str, call: Callable[[list[str]], Sequence[T]]) -> Round[T]:
        """Return the next call, with this name in it; nothing is waited for."""
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

        An error of a call for several may be that of one of them: each then asks alone.
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
    except BaseException as error:  # noqa: BLE001 - whoever shares it has it too
        answer.set_exception(error)


def _result(answer: "concurrent.futures.Future[Sequence[T]]", seconds: float | None) -> Sequence[T]:
    done, _ = concurrent.futures.wait([answer], seconds)
    if not done:
        raise OutOfTimeError
    return answer.result()
