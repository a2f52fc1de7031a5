"""Stacks as releases left them: tests/states, recorded by scripts/record.py."""

import pathlib
import shutil

from tests.e2e import stack as stacks

FOLDER = stacks.ROOT / "tests" / "states"
NAME = "recorded"
"""The stack's name: it stands in the state."""


def restore(release: pathlib.Path, folder: pathlib.Path) -> stacks.Stack:
    """The release's stack with its state, on a backend of its own in the folder."""
    one = stacks.Stack(folder, NAME, {})
    shutil.copy(release / "Pulumi.yaml", one.file)
    one.run("stack", "import", "--file", str(release / "state.json"))
    return one
