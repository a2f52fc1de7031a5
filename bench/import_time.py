"""The time that `import pulumi_skypilot` takes beyond `import pulumi`.

Every process of Pulumi that runs a program, and every plugin process, imports the package once. The
package loads its rooms at the first use of a name: the last rows show what a plugin process and a
program take then.
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
USES = ("import pulumi_skypilot.providers", "from pulumi_skypilot import Deployments")


@dataclasses.dataclass(frozen=True)
class Taken:
    """CPU and wall of one process, in seconds."""

    cpu: float
    wall: float

    def __sub__(self, other: "Taken") -> "Taken":
        return Taken(self.cpu - other.cpu, self.wall - other.wall)


def main() -> int:
    """Print the table; 1 when the package takes more than it may."""
    programs = (BASE, f"{BASE}; {PACKAGE}", *(f"{BASE}; {use}" for use in USES))
    for program in programs:
        run(program)  # writes the bytecode, and fills the cache of files
    rounds = [[run(program) for program in programs] for _ in range(RUNS)]
    base, *others = (median(column) for column in zip(*rounds, strict=True))
    print(f"| program | CPU, median of {RUNS} | wall, median of {RUNS} |\n|---|---:|---:|")
    print(f"| `{BASE}` | {base.cpu:.2f} s | {base.wall:.2f} s |")
    for name, taken in zip((PACKAGE, *USES), others, strict=True):
        more = taken - base
        print(f"| `{name}`, beyond it | {more.cpu:.2f} s | {more.wall:.2f} s |")
    beyond = others[0] - base
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
