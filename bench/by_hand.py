"""Services by `pulumi up` and by SkyPilot's own commands: seconds until they are there and gone.

    python -m bench.by_hand [ROUNDS]

On an embedded cloud of its own with the stub engine. Both ways hand over the same task, and wait by
this package's wait for a service: SkyPilot's commands return before anything is ready. The ways
take turns, and the second begins the next round.
"""

import concurrent.futures
import dataclasses
import os
import pathlib
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from local import control
from pulumi_skypilot import skypilot
from pulumi_skypilot.lifecycle import operations, wait_service

from . import driver, soak

NAME, NET = "byhand", "10.90.0"
ROUNDS = 3
SIZES = (1, 4)
"""Services at once. Four hosts of two CPUs are what two real ones start in reasonable time."""
CHANGES: Mapping[str, Mapping[str, object]] = {
    "change in place": {"target": driver.TARGETS[1]},
    "rolling change": {"context": driver.CONTEXTS[1]},
}
"""The changes of one service, which follow each other."""
GOALS = {"up": 1.05, "change in place": 1.1, "rolling change": 1.1, "destroy": 1.1}


@dataclasses.dataclass(frozen=True)
class Step:
    """The seconds of one step."""

    services: int
    name: str
    way: str
    seconds: float


class Hand(soak.Hand):
    """SkyPilot's commands, each followed by the wait of this package; services at the same time."""

    def __init__(self, cloud: control.Cloud, folder: pathlib.Path) -> None:
        super().__init__(cloud, folder)
        self._server = cloud.api_server
        self._versions: dict[str, int] = {}

    def apply(self, changed: Iterable[str], settings: Mapping[str, driver.Settings]) -> None:
        """Run one command for each service, all at once, and wait for each."""
        names = list(changed)
        with concurrent.futures.ThreadPoolExecutor(len(names)) as pool:
            list(pool.map(lambda name: self._one(name, settings), names))

    def _one(self, name: str, settings: Mapping[str, driver.Settings]) -> None:
        super().apply([name], settings)
        self._versions[name] = self._versions.get(name, 0) + 1
        expected = wait_service.Expected(
            f"soak-{name}", self._versions[name], 1, "openai/gpt-oss-20b", 600
        )
        wait = wait_service.Wait(
            skypilot.Sdk(skypilot.Connection(self._server)),
            lambda listed: operations.endpoint(listed, self._server, None, None),
        )
        wait.until_ready(expected, soak.KEY)


WAYS: Mapping[str, type[soak.Pulumi] | type[Hand]] = {"pulumi up": soak.Pulumi, "by hand": Hand}


def main() -> int:
    """Print the table; 1 when a goal is missed."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    steps: list[Step] = []
    with (
        tempfile.TemporaryDirectory(prefix="byhand-") as folder,
        control.Cloud(NAME, NET, engine="stub").running() as cloud,
    ):
        os.environ["HOME"] = folder  # the SDK writes to ~/.sky
        for size in SIZES:
            for number in range(rounds):
                ways = list(WAYS)[:: 1 if number % 2 == 0 else -1]
                for way in ways:
                    place = pathlib.Path(folder) / f"{size}-{number}-{way.replace(' ', '-')}"
                    place.mkdir()
                    steps += measure(cloud, place, way, size)
    print(table(steps))
    return int(any(goal and ratio > goal for *_, ratio, goal in rows(steps)))


def measure(cloud: control.Cloud, folder: pathlib.Path, way: str, size: int) -> Iterator[Step]:
    """Make services, change one, and take them down."""
    how = WAYS[way](cloud, folder)
    names = driver.NAMES[:size]
    settings = {name: dict(driver.FIRST) for name in names}

    def timed(step: str, work: Callable[[], None]) -> Step:
        started = time.monotonic()
        work()
        return Step(size, step, way, time.monotonic() - started)

    yield timed("up", lambda: how.apply(names, settings))
    for change, values in CHANGES.items() if size == 1 else ():
        settings[names[0]] |= values
        yield timed(change, lambda: how.apply(names[:1], settings))
    yield timed("destroy", how.end)


def rows(steps: Sequence[Step]) -> Iterator[tuple[str, int, float, float, float, float | None]]:
    """Yield each step with the median of both ways, their ratio and the goal."""
    for services, name in dict.fromkeys((step.services, step.name) for step in steps):
        ours, hand = (
            statistics.median(
                step.seconds
                for step in steps
                if (step.services, step.name, step.way) == (services, name, way)
            )
            for way in WAYS
        )
        goal = GOALS[name] if services == 1 else 1.1
        yield name, services, ours, hand, ours / hand, goal


def table(steps: Sequence[Step]) -> str:
    """Return the rows as Markdown."""
    lines = [
        f"| {name} | {services} | {ours:.0f} s | {hand:.0f} s | {ratio:.2f} | {goal} |"
        for name, services, ours, hand, ratio, goal in rows(steps)
    ]
    head = "| step | services | `pulumi up` | by hand, with the same wait | ratio | goal |"
    return "\n".join([head, "|---|---:|---:|---:|---:|---:|", *lines])


if __name__ == "__main__":
    sys.exit(main())
