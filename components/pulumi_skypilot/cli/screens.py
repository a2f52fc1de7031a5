"""Where the commands print their tables."""

from rich import console

PIPED_COLUMNS = 120
"""In a file or a pipe, where there is no terminal to say its width: a model's name stays whole."""


def screen() -> console.Console:
    """The standard output, as wide as its terminal."""
    found = console.Console()
    if not found.is_terminal:
        found.width = PIPED_COLUMNS
    return found
