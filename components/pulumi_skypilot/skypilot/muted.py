"""Standard output that swallows what the SDK prints."""

import contextlib
import io
import sys
import threading
import typing
from collections.abc import Iterator


class Quiet(io.TextIOBase):
    """Standard output that swallows what the SDK prints, thread by thread.

    `serve.up` prints the optimizer's tables, which Pulumi would show as messages of the stack.
    """

    _local = threading.local()

    def __init__(self, out: typing.TextIO) -> None:
        self._out = out

    @classmethod
    def install(cls) -> None:
        """Replace standard output and standard error."""
        if not isinstance(sys.stdout, cls):
            sys.stdout = typing.cast(typing.TextIO, cls(sys.stdout))
            sys.stderr = typing.cast(typing.TextIO, cls(sys.stderr))

    @classmethod
    @contextlib.contextmanager
    def here(cls) -> Iterator[None]:
        """Swallow what this thread prints."""
        cls._local.quiet = True
        try:
            yield
        finally:
            cls._local.quiet = False

    def write(self, text: str) -> int:
        """Pass on to the real output, or swallow."""
        return len(text) if getattr(self._local, "quiet", False) else self._out.write(text)

    def writelines(self, lines: typing.Iterable[str]) -> None:  # type: ignore[override]
        """Pass on to the real output, or swallow."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Flush the real output."""
        self._out.flush()

    def isatty(self) -> bool:
        """Return False, so that nobody writes colours or spinners."""
        return False

    def fileno(self) -> int:
        """Return the descriptor of the real output."""
        return self._out.fileno()
