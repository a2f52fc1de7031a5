"""A subcommand, and the error that it raises."""

import argparse
import dataclasses
from collections.abc import Callable, Mapping


class Wrong(Exception):
    """Mistakes for the user to correct, one line each."""

    code = 2
    """The exit code of the command."""

    def __init__(self, *lines: str) -> None:
        super().__init__("; ".join(lines))
        self.lines = lines


class Nothing(Wrong):
    """The answer to a question that was asked well: nothing, and why."""

    code = 1


@dataclasses.dataclass(frozen=True)
class Command:
    """One subcommand."""

    name: str
    help: str
    arguments: Callable[[argparse.ArgumentParser], object]
    """Declares its arguments."""
    run: Callable[[argparse.Namespace], int | None]
    """Runs it, writes to stdout, and returns an exit code other than 0, or None. Raises Wrong."""
    examples: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """An example that --help shows below the arguments: a command and its meaning."""
    codes: str = ""
    """The exit codes, in words, where they tell more than a mistake."""
