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


def age(since: float | None, now: float) -> str:
    """Return how long ago a time was, in its largest unit; "?" without one."""
    if since is None:
        return "?"
    seconds = max(now - since, 0)
    for size, unit in _UNITS:
        if seconds >= size:
            return f"{seconds // size:.0f} {unit}"
    return f"{seconds:.0f} s"


_UNITS = ((86400, "d"), (3600, "h"), (60, "min"))
