"""The console that the commands print their tables to."""

from rich import console

PIPED_COLUMNS = 120
"""Width of a table in a file or pipe, where no terminal has one: no model's name is wrapped."""


def screen() -> console.Console:
    """Return the standard output, as wide as its terminal."""
    output = console.Console()
    if not output.is_terminal:
        output.width = PIPED_COLUMNS
    return output
