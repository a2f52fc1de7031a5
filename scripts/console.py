"""Writes what commands print into the documentation: `python -m scripts.console`.

A command is a line `$ pulumi-skypilot …` of a block of code. What it prints follows, up to the next
command or the end of the block.
"""

import contextlib
import io
import pathlib
import re
import shlex

from pulumi_skypilot import cli

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGES = (ROOT / "docs" / "memory.md",)
FOLDER = ROOT / "docs" / "reviews"
"""The commands run here. It has the prices of the report's examples, prices.json."""


def filled(page: str) -> str:
    """Return the page with what its commands print now."""
    return re.sub(
        r"^\$ (pulumi-skypilot .*)\n(?:(?!\$ |```).*\n)*",
        lambda command: f"{command[0].splitlines()[0]}\n{printed(command[1])}",
        page,
        flags=re.M,
    )


def printed(command: str) -> str:
    """Return what a command prints, without the spaces at the ends of lines."""
    out = io.StringIO()
    with contextlib.chdir(FOLDER), contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        cli.main(shlex.split(command)[1:])
    return "".join(f"{line.rstrip()}\n" for line in out.getvalue().splitlines())


def main() -> None:
    """Write every page."""
    for page in PAGES:
        page.write_text(filled(page.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main()
