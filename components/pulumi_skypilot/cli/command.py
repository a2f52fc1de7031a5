"""What a subcommand is, and how it fails."""

import argparse
import dataclasses
from collections.abc import Callable


class Wrong(Exception):
    """What the user has to put right, one line each."""

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
    """Does it, writes to stdout, and tells the exit code if that is not 0. Raises Wrong."""
