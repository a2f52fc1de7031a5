"""Previews of 1 to 300 deployments, against as many resources that do nothing.

    python -m bench.growth [DEPLOYMENTS ...]

The bare program declares as many dynamic resources: two for each deployment, and one. Both run with
the real CLI in the same environment, in turns. Our deployments are on the SkyPilot in memory; a
preview does not ask it. `up` creates them there.
"""

import contextlib
import dataclasses
import pathlib
import re
import statistics
import string
import sys
import tempfile
import threading
import time
import typing
from collections.abc import Iterator, Mapping

import yaml

from pulumi_skypilot.lifecycle import server_query
from tests.e2e import fake
from tests.e2e import stack as stacks

from . import preview

SIZES = (1, 10, 100, 300)
ROUNDS = {1: 7, 10: 5, 100: 3, 300: 3}
GOALS = {1: 1.2, 10: 1.2, 100: 1.4, 300: 1.4}
CHANGED_GOAL = 1.5
MEMORY_AT, MEMORY_GOAL = 100, 1.3
WATCH_SECONDS = 0.05
BARE = pathlib.Path(__file__).parent / "bare"


@dataclasses.dataclass(frozen=True)
class Row:
    """One measure of both programs: seconds of a command, or MiB of the provider's process."""

    what: str
    deployments: int
    ours: float
    bare: float
    goal: float | None
    unit: str = "s"

    @property
    def ratio(self) -> float:
        """Return how many times as long ours takes."""
        return self.ours / self.bare


def main() -> int:
    """Print the table; 1 when a goal is missed."""
    sizes = tuple(map(int, sys.argv[1:])) or SIZES
    print("| command | deployments | ours | bare | ratio | goal |")
    print("|---|---:|---:|---:|---:|---:|")
    rows = []
    for size in sizes:
        for row in measure(size):
            goal = f"{row.goal:.1f}" if row.goal else ""
            print(
                f"| {row.what} | {row.deployments} | {row.ours:.2f} {row.unit} "
                f"| {row.bare:.2f} {row.unit} "
                f"| {row.ratio:.2f} | {goal} |",
                flush=True,
            )
            rows.append(row)
    return int(any(row.goal and row.ratio > row.goal for row in rows))


def measure(size: int) -> Iterator[Row]:
    """Create both stacks, and preview each unchanged and changed."""
    with tempfile.TemporaryDirectory(prefix="growth-") as folder:
        ours = Ours(pathlib.Path(folder) / "ours", size)
        bare = Bare(pathlib.Path(folder) / "bare", size)
        yield Row("up", size, ours.up(), bare.up(), None)
        rounds = ROUNDS.get(size, 3)
        yield _previews("preview, nothing changed", size, (ours, bare), rounds, GOALS.get(size))
        if size == MEMORY_AT:
            yield Row("provider's memory", size, ours.memory(), bare.memory(), MEMORY_GOAL, "MiB")
        ours.change()
        bare.change()
        yield _previews("preview, all changed", size, (ours, bare), rounds, CHANGED_GOAL)


def _previews(
    what: str, size: int, programs: "tuple[Program, Program]", rounds: int, goal: float | None
) -> Row:
    taken = [[program.preview() for program in programs] for _ in range(rounds)]
    ours, bare = (statistics.median(column) for column in zip(*taken, strict=True))
    return Row(what, size, ours, bare, goal)


class Program:
    """A stack, and the environment of its commands."""

    changes = False

    def __init__(self, stack: stacks.Stack, environment: Mapping[str, str]) -> None:
        """Take a stack without resources."""
        self.stack, self.environment = stack, environment

    def up(self) -> float:
        """Create all; return the seconds."""
        with _timed() as taken:
            self.stack.up(env=dict(self.environment))
        return taken[0]

    def preview(self) -> float:
        """Preview, and see whether it shows what it must; return the seconds."""
        expected = () if self.changes else ("--expect-no-changes",)
        with _timed() as taken:
            shown = self.stack.run("preview", *expected, env=dict(self.environment))
        if ("to update" in shown.output) != self.changes:
            raise RuntimeError(shown.output)
        return taken[0]

    def memory(self) -> float:
        """Preview, and return the most memory that the provider's process held, in MiB."""
        peaks: list[int] = []
        over = threading.Event()
        watch = threading.Thread(target=_watch, args=(self.stack, peaks, over))
        watch.start()
        self.preview()
        over.set()
        watch.join()
        return max(peaks) / 2**10

    def change(self) -> None:
        """Change every deployment."""
        raise NotImplementedError


class Ours(Program):
    """The project's own program."""

    def __init__(self, folder: pathlib.Path, size: int) -> None:
        self._names = [_name(number) for number in range(size)]
        offline = {server_query.OFFLINE_VARIABLE: "1"}
        super().__init__(
            stacks.Stack(folder, "growth", self._config(32768)),
            {**fake.environment(folder / "asked"), **offline},
        )

    def change(self) -> None:
        """Change the context of all."""
        self.changes = True
        self.stack.write(self._config(65536))

    def _config(self, context: int) -> dict[str, typing.Any]:
        deployment = {**preview.deployment(), "context": context}
        return {
            "skypilot:apiServer": preview.SCOPE["apiServer"],
            "llm:deployments": dict.fromkeys(self._names, deployment),
        }


class Bare(Program):
    """A program of resources that do nothing."""

    def __init__(self, folder: pathlib.Path, size: int) -> None:
        program = folder.with_name("program")
        program.mkdir()
        (program / "__main__.py").write_text((BARE / "__main__.py").read_text())
        project = yaml.safe_load((stacks.ROOT / "Pulumi.yaml").read_text())
        (program / "Pulumi.yaml").write_text(yaml.safe_dump(project))
        self._resources = 2 * size + 1
        super().__init__(stacks.Stack(folder, "bare", self._config(32768), program=program), {})

    def change(self) -> None:
        """Change the context of all."""
        self.changes = True
        self.stack.write(self._config(65536))

    def _config(self, context: int) -> dict[str, typing.Any]:
        spec = {**preview.deployment(), "context": context}
        return {"llm:resources": self._resources, "llm:spec": spec}


def _name(number: int) -> str:
    """Return a name of letters: chataaa, chataab and so on."""
    letters = string.ascii_lowercase
    return "chat" + "".join(letters[number // 26**place % 26] for place in (2, 1, 0))


def _watch(stack: stacks.Stack, peaks: list[int], over: threading.Event) -> None:
    """Note the most memory of the provider's processes of a stack, in KiB, until it is over."""
    while not over.wait(WATCH_SECONDS):
        for process in stack.processes():
            with contextlib.suppress(OSError):
                if b"pulumi.dynamic" in (process / "cmdline").read_bytes():
                    peak = re.search(r"VmHWM:\s+(\d+)", (process / "status").read_text())
                    peaks += [int(peak[1])] if peak else []


@contextlib.contextmanager
def _timed() -> Iterator[list[float]]:
    taken: list[float] = []
    started = time.monotonic()
    yield taken
    taken.append(time.monotonic() - started)


if __name__ == "__main__":
    sys.exit(main())
