"""The time that `import pulumi_skypilot` takes beyond `import pulumi`.

Every process of Pulumi that runs a program, and every plugin process, imports the package once.
"""

import dataclasses
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable

RUNS = 9
LIMIT_SECONDS = 0.15
BASE = "import pulumi"
PACKAGE = "import pulumi_skypilot"


@dataclasses.dataclass(frozen=True)
class Taken:
    """CPU and wall of one process, in seconds."""

    cpu: float
    wall: float

    def __sub__(self, other: "Taken") -> "Taken":
        return Taken(self.cpu - other.cpu, self.wall - other.wall)


def main() -> int:
    """Print the table; 1 when the package takes more than it may."""
    for program in (BASE, PACKAGE):
        run(program)  # writes the bytecode, and fills the cache of files
    rounds = [(run(BASE), run(PACKAGE)) for _ in range(RUNS)]
    base, package = (median(column) for column in zip(*rounds, strict=True))
    beyond = package - base
    print(f"| program | CPU, median of {RUNS} | wall, median of {RUNS} |\n|---|---:|---:|")
    for name, taken in ((f"`{BASE}`", base), (f"`{PACKAGE}`", package), ("difference", beyond)):
        print(f"| {name} | {taken.cpu:.2f} s | {taken.wall:.2f} s |")
    return int(max(beyond.cpu, beyond.wall) > LIMIT_SECONDS)


def run(program: str) -> Taken:
    """Run a program in a process of its own."""
    before, started = os.times(), time.monotonic()
    subprocess.run([sys.executable, "-c", program], check=True)
    after, wall = os.times(), time.monotonic() - started
    user = after.children_user - before.children_user
    return Taken(user + after.children_system - before.children_system, wall)


def median(column: Iterable[Taken]) -> Taken:
    """Return the median of each number: a busy machine spoils the mean."""
    taken = list(column)
    return Taken(
        statistics.median(run.cpu for run in taken), statistics.median(run.wall for run in taken)
    )


if __name__ == "__main__":
    sys.exit(main())
