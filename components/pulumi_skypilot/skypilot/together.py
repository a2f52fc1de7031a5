"""One call for all who ask at one time, where a call costs far more than one more name in it."""

import concurrent.futures
import threading
import typing
from collections.abc import Callable, Sequence

T = typing.TypeVar("T")


class _Round(typing.Generic[T]):
    """A call that has not begun, and whom it is for."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.answer: concurrent.futures.Future[Sequence[T]] = concurrent.futures.Future()


class Together(typing.Generic[T]):
    """Lets one call at a time out; who asks meanwhile shares the next.

    Nobody is given an answer from before they asked.
    """

    def __init__(self, of_all: tuple[type[Exception], ...] = ()) -> None:
        """`of_all` are errors that say as much of one name as of another."""
        self._of_all = of_all
        self._lock = threading.Lock()
        self._turn = threading.Lock()
        self._next: _Round[T] | None = None

    def ask(self, name: str, call: Callable[[list[str]], Sequence[T]]) -> Sequence[T]:
        """What `call` answers of this name, and perhaps of others.

        Any other error of a call for several may be that of one of them: each then asks alone.
        """
        with self._lock:
            first = self._next is None
            mine = self._next = self._next or _Round()
            mine.names.add(name)
        if first:
            with self._turn:
                with self._lock:
                    self._next = None
                try:
                    mine.answer.set_result(call(sorted(mine.names)))
                except BaseException as error:  # noqa: BLE001 - whoever shares it has it too
                    mine.answer.set_exception(error)
        try:
            return mine.answer.result()
        except Exception as error:
            if len(mine.names) == 1 or isinstance(error, self._of_all):
                raise
        return call([name])
