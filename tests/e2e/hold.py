"""The real provider, held before or after one call to the real SkyPilot, for who comes to kill.

Python reads sitecustomize.py as it starts (held/). The first process that comes to the call writes
a file and waits for another one.
"""

import dataclasses
import functools
import os
import pathlib
import time
import typing

from pulumi_skypilot import skypilot

VARIABLE = "HOLD"
_FOLDER = pathlib.Path(__file__).parent / "held"


@dataclasses.dataclass(frozen=True)
class Hold:
    """A call of the interface, and the files by which the two sides speak."""

    folder: pathlib.Path
    call: str
    side: typing.Literal["before", "after"]

    @property
    def environment(self) -> dict[str, str]:
        """What holds the provider of a CLI that has it."""
        told = f"{self.call} {self.side} {self.folder}"
        return {VARIABLE: told, "PYTHONPATH": f"{_FOLDER}:{_FOLDER.parents[2]}"}

    @property
    def reached(self) -> bool:
        """Whether the provider has come to the call, and waits."""
        return (self.folder / "held").exists()

    def release(self) -> None:
        """Let it go on, if it is still there."""
        (self.folder / "go").touch()

    def wait(self) -> None:
        """Wait, in the provider; only the first time."""
        if not self.reached:
            (self.folder / "held").touch()
            while not (self.folder / "go").exists():
                time.sleep(0.05)


def install() -> None:
    """Put the hold around the call for the rest of this process's life."""
    call, side, folder = os.environ[VARIABLE].split(" ", 2)
    hold = Hold(pathlib.Path(folder), call, typing.cast("typing.Any", side))
    original = getattr(skypilot.Sdk, call)

    @functools.wraps(original)
    def held(*args: object, **options: object) -> object:
        if side == "before":
            hold.wait()
        found = original(*args, **options)
        if side == "after":
            hold.wait()
        return found

    setattr(skypilot.Sdk, call, held)
