"""A subcommand, and the error that it raises."""

import argparse
import dataclasses
from collections.abc import Callable


class Wrong(Exception):
    """Mistakes for the user to correct, one line each."""

    def __init__(self, *lines: str) -> None:
        super().__init__("; ".join(lines))
        self.lines = lines


@dataclasses.dataclass(frozen=True)
class Command:
    """One subcommand."""

    name: str
    help: str
    arguments: Callable[[argparse.ArgumentParser], object]
    """Declares its arguments."""
    run: Callable[[argparse.Namespace], int | None]
    """Runs it, writes to stdout, and returns an exit code other than 0, or None. Raises Wrong."""
