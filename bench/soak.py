"""Four services, random changes and traffic all along, by `pulumi up` and by `sky serve update`.

Both ways make the same changes in the same order, each on an embedded cloud of its own with the
stub engine: the next step begins once every replica of a step's services is of the newest version.
"""

import argparse
import collections
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import typing
from collections.abc import Iterable

from bench import driver, watching
from local import control
from pulumi_skypilot import errors, plan, skypilot, spec
from pulumi_skypilot.lifecycle import operations
from pulumi_skypilot.skypilot import interface
from pulumi_skypilot.spec import stack
from tests.e2e import stack as stacks

NAME, NET = "soak", "10.82.0"
KEY = "sk-soak-key-1"
SEED = 1
SETTLE_SECONDS = 600.0
POLL_SECONDS = 5.0
"""A question costs the API server a second of CPU."""
HEADS = (
    ("way", "way"),
    ("minutes", "minutes"),
    ("steps", "steps"),
    ("changes", "changes"),
    ("rolled", "of them rolling"),
    ("broken", "steps that failed"),
    ("requests", "requests"),
    ("failed", "failed"),
    ("left", "machines left at the end"),
    ("processes", "processes left"),
    ("provider", "provider's memory, largest MiB"),
    ("server", "API server's memory, MiB: first, largest, last"),
)


class Way(typing.Protocol):
    """The ways to make changes."""

    name: str

    def apply(self, changed: Iterable[str], settings: typing.Mapping[str, driver.Settings]) -> None:
        """Let the services be so; the first time, make them."""

    def end(self) -> None:
        """Take all of it down."""


class Pulumi:
    """`pulumi up`."""

    name = "pulumi up"

    def __init__(self, cloud: control.Cloud, folder: pathlib.Path) -> None:
        config = {"skypilot:apiServer": cloud.api_server, "llm:deployments": {}}
        self.stack = stacks.Stack(folder / "stack", "soak", config)
        self.stack.secret("soakKey", KEY)

    def apply(self, changed: Iterable[str], settings: typing.Mapping[str, driver.Settings]) -> None:  # noqa: ARG002
        """Write the stack file, and let Pulumi find what has changed."""
        self.stack.deployments(**{n: driver.deployment(setting) for n, setting in settings.items()})
        self.stack.up()

    def end(self) -> None:
        """Destroy the stack."""
        self.stack.run("destroy", "--yes", "--skip-preview")
        left = self.stack.resources()
        if left:
            raise RuntimeError(f"still in state: {[resource['urn'] for resource in left]}")


class Hand:
    """`sky serve up`, `update` and `down`, with the task that Pulumi would have handed over."""

    name = "sky serve update"

    def __init__(self, cloud: control.Cloud, folder: pathlib.Path) -> None:
        self._folder = folder
        self._url = cloud.api_server
        self._made: set[str] = set()

    def apply(self, changed: Iterable[str], settings: typing.Mapping[str, driver.Settings]) -> None:
        """Run one command for each service."""
        for name in changed:
            table = driver.deployment(settings[name])
            file = self._folder / f"{name}.yaml"
            made = plan.plan(spec.parse(stack.spec_of(table)), f"soak-{name}")
            file.write_text(made.task_text)
            command = ["update", f"soak-{name}", str(file)]
            if name not in self._made:
                command = ["up", str(file), "--service-name", f"soak-{name}"]
            values = ("--secret", f"SERVE_API_KEYS={KEY}")
            env = ("--env", f"GREETING={settings[name]['greeting']}")
            self._sky("serve", *command, *values, *env, "--yes")
            self._made.add(name)

    def end(self) -> None:
        """Take the services down, and wait until SkyPilot lists none."""
        self._sky("serve", "down", "--all", "--yes")
        stacks.until(lambda: "soak-" not in self._sky("serve", "status"), 600, "the services go")

    def _sky(self, *args: str) -> str:
        environment = {
            "HOME": str(self._folder),
            "PATH": f"{stacks.ROOT / '.venv' / 'bin'}:{os.environ['PATH']}",
            "SKYPILOT_API_SERVER_ENDPOINT": self._url,
            "SKYPILOT_DISABLE_USAGE_COLLECTION": "1",
        }
        done = subprocess.run(
            ["sky", *args], env=environment, check=True, stdout=subprocess.PIPE, text=True
        )
        return done.stdout


WAYS: dict[str, type[Pulumi] | type[Hand]] = {"pulumi": Pulumi, "hand": Hand}


def main() -> int:
    """Make the changes the ways that were asked for, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30, help="of changes, each way")
    parser.add_argument("--way", choices=WAYS, action="append", help="default: both")
    parser.add_argument("--seed", type=int, default=SEED)
    given = parser.parse_args()
    name, net = os.environ.get("TEST_CLOUD", f"{NAME}/{NET}").split("/")
    rows = []
    for way in given.way or WAYS:
        cloud = control.Cloud(name, net, engine="stub")
        with tempfile.TemporaryDirectory(prefix="soak-") as folder:
            cloud.stop()
            cloud.start()
            try:
                rows.append(soak(cloud, pathlib.Path(folder), WAYS[way], given.minutes, given.seed))
            finally:
                cloud.stop()
    print(table(rows))
    return 0


def soak(
    cloud: control.Cloud,
    folder: pathlib.Path,
    how: type[Pulumi] | type[Hand],
    minutes: float,
    seed: int,
) -> dict[str, object]:
    """Make changes for so many minutes; a row of the table."""
    os.environ["HOME"] = str(folder)  # the SDK writes to ~/.sky
    sky = skypilot.Sdk(skypilot.Connection(cloud.api_server))
    settings = {name: dict(driver.FIRST) for name in driver.NAMES}
    programs = watching.Programs(cloud.location.home, folder / "stack" / "pulumi")
    before = programs.serving()
    way: Way = how(cloud, folder)
    watching.say(f"{way.name}: makes the services")
    way.apply(driver.NAMES, settings)
    for name in driver.NAMES:
        settle(sky, name, 1)
    made: collections.Counter[str] = collections.Counter()
    urls = {name: _url(sky, name, cloud.api_server) for name in driver.NAMES}
    start, broken = time.monotonic(), 0
    with watching.Memory(programs) as memory, watching.Traffic(urls, KEY) as traffic:
        for step in driver.steps(seed):
            if time.monotonic() - start > minutes * 60:
                break
            made["steps"] += 1
            for change in step:
                settings[change.service][change.setting] = change.value
                made[change.setting] += 1
            began, failed = time.monotonic(), len(traffic.failed)
            try:
                way.apply([change.service for change in step], settings)
                for change in step:
                    settle(sky, change.service, int(settings[change.service]["min"]))
            except (AssertionError, TimeoutError, subprocess.CalledProcessError) as error:
                broken += 1
                watching.say(f"{way.name}: a step failed: {error}")
            changed = ", ".join(f"{c.service} {c.setting}={c.value}" for c in step)
            watching.say(
                f"{way.name}: {changed}: {time.monotonic() - began:.0f} s, "
                f"{len(traffic.failed) - failed} not answered"
            )
    elapsed = time.monotonic() - start
    way.end()
    time.sleep(30)  # what ends late is not yet left over
    reasons = collections.Counter(traffic.failed)
    watching.say(f"{way.name}: {dict(made)}; not answered: {dict(reasons)}")
    return {
        "way": f"`{way.name}`",
        "minutes": f"{elapsed / 60:.0f}",
        "steps": made.pop("steps"),
        "changes": made.total(),
        "rolled": sum(made[setting] for setting in driver.ROLLS),
        "broken": broken,
        "requests": traffic.asked,
        "failed": len(traffic.failed),
        "left": len(cloud.instances()),
        "processes": programs.serving() - before,
        "provider": max(memory.provider),
        "server": f"{memory.server[0]}, {max(memory.server)}, {memory.server[-1]}",
    }


def settle(sky: interface.SkyPilot, name: str, replicas: int) -> None:
    """Wait until a service has its replicas, READY, and all of the newest version."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while not _settled(sky, name, replicas):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{name} has not {replicas} replicas of its newest version")
        time.sleep(POLL_SECONDS)


def _settled(sky: interface.SkyPilot, name: str, replicas: int) -> bool:
    try:
        service = sky.service(f"soak-{name}")
    except errors.SkyPilotError:
        return False  # a busy server gives no answer now and then
    return (
        service is not None
        and len(service.replicas) == replicas
        and all(r.status == "READY" and r.version == service.version for r in service.replicas)
    )


def table(rows: list[dict[str, object]]) -> str:
    """Return the rows as Markdown."""
    lines = [[head for _, head in HEADS], ["---"] * len(HEADS)]
    lines += [[str(row[key]) for key, _ in HEADS] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _url(sky: interface.SkyPilot, name: str, server: str) -> str:
    service = sky.service(f"soak-{name}")
    return str(operations.endpoint(service.endpoint if service else None, server))


if __name__ == "__main__":
    sys.exit(main())
