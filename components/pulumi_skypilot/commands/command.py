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
    run: Callable[[argparse.Namespace], None]
    """Does it, and writes to stdout. Raises Wrong."""
