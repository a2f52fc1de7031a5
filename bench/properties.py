"""One property after another of a service, or of a cluster, changed on the real SkyPilot by Pulumi.

Services are without replicas until somebody asks, so that a change costs seconds; a cluster has its
machines, which serve before and after. What is looked at is the preview before, the call, and that
nothing is left to do after it, before and after a refresh. Each property has a deployment of its
own, several at once in one stack; each alone where they fail.
The same on the fake, with replicas, is `tests/test_property_changes.py`.
"""

import argparse
import os
import pathlib
import sys
import tempfile
import time
import typing
from collections.abc import Iterator, Sequence

from local import control
from local.api_server import home
from local.aws import catalog_files
from tests import properties
from tests.e2e import stack as stacks

NAME, NET = os.environ.get("TEST_CLOUD", "faults/10.82.0").split("/")
AT_ONCE = 4
ASLEEP = {"min": 0, "max": 1, "targetQps": 1}
NEEDS_ONE = ("spot.onDemand",)
"""Properties that cannot be without a replica."""
NOT_THERE = {
    "infra": "the embedded cloud is an AWS",
    "volumes": "the embedded cloud is an AWS",
    "modelCache": "the embedded cloud is an AWS",
    "mounts.source": "there is no such bucket",
    "mounts.mode": "there is no such bucket",
    "workdir.path": "the program reads the folder: tests/e2e/test_lifecycle.py",
    "workdir.digest": "the program takes it: tests/e2e/test_lifecycle.py",
    "workdir.ref": "goes with workdir.url",
    "workdir.url": "the embedded cloud has no internet",
    "tls": "tests/e2e/test_adoption.py",
}
"""Properties whose change cannot be made here, and why."""
NO_DOCKER = "the emulated hosts have no Docker"
NOT_ON_MACHINES = {
    "image": NO_DOCKER,
    "imageCredentials.server": NO_DOCKER,
    "imageCredentials.username": NO_DOCKER,
    "imageCredentials.password": NO_DOCKER,
}
"""Nor can these where there is a machine."""


def main() -> int:
    """Print a row for each property; 1 when one did not go as its preview said."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("kind", choices=("service", "cluster"))
    kind = parser.parse_args().kind
    print(f"| {kind}'s property | preview says | |\n|---|---|---|", flush=True)
    wrong, start, rows = 0, time.monotonic(), list(changes(kind))
    with (
        tempfile.TemporaryDirectory(prefix="properties-") as folder,
        control.Cloud(NAME, NET, engine="stub").running() as cloud,
    ):
        config = {"skypilot:apiServer": cloud.api_server, "llm:deployments": {}}
        stack = stacks.Stack(pathlib.Path(folder) / "stack", "one", config)
        # Here is no internet: SkyPilot looks the type of an instance up in a list that is there.
        home.write_files(stack.folder / "home", catalog_files.files())
        for name in ("x", "canary"):  # that deployments name
            stack.secret(name, "a value")
        for first in range(0, len(rows), AT_ONCE):
            for change, problem in _lives(stack, rows[first : first + AT_ONCE]):
                verdict = f"WRONG: {problem}" if problem else "as it says"
                print(f"| `{change.name}` | {change.effect.value} | {verdict} |", flush=True)
                wrong += bool(problem)
        stack.run("destroy", "--yes", "--skip-preview")
        left = cloud.instances()
    minutes = (time.monotonic() - start) / 60
    print(f"\n{wrong} of {len(rows)} wrong, {len(left)} machines left; {minutes:.0f} minutes")
    return 1 if wrong or left else 0


def changes(kind: str) -> Iterator[properties.Change]:
    """Those of a service or a cluster that can be made on the embedded cloud."""
    not_there = NOT_THERE if kind == "service" else NOT_THERE | NOT_ON_MACHINES
    for change in properties.CHANGES:
        if change.kind == kind and change.name not in not_there:
            yield change


def _lives(
    stack: stacks.Stack, group: Sequence[properties.Change]
) -> Iterator[tuple[properties.Change, str]]:
    """Yield each change with its mistake, or ""."""
    try:
        _life(stack, group)
    except AssertionError as error:
        if len(group) == 1:
            yield group[0], str(error).replace("\n", " ")[:1500]
            return
        print(f"not at once ({error}): each alone", file=sys.stderr)
        for change in group:
            yield from _lives(stack, [change])
    else:
        yield from ((change, "") for change in group)


def _life(stack: stacks.Stack, group: Sequence[properties.Change]) -> None:
    """Make the changes at once. Raises AssertionError."""
    names = [f"chat{number}" for number, _ in enumerate(group, 1)]
    before = {
        name: _cheap(change, change.before) for name, change in zip(names, group, strict=True)
    }
    after = {name: _cheap(change, change.after) for name, change in zip(names, group, strict=True)}
    stack.deployments(**before)
    stack.up()
    stack.deployments(**after)
    shown = stack.run("preview").output
    for name, change in zip(names, group, strict=True):
        if f"{name}: {change.effect.value}: " not in shown:
            raise AssertionError(
                f"the preview does not say {name}: {change.effect.value!r}: {shown}"
            )
    stack.up()
    stack.unchanged()
    stack.refresh()
    stack.still_unchanged()


def _cheap(change: properties.Change, table: properties.Table) -> dict[str, typing.Any]:
    """Return the deployment; a service without replicas, if its property allows that."""
    if change.kind == "cluster":
        return table
    replicas = {**ASLEEP, **table.get("replicas", {})}
    awake = change.name in NEEDS_ONE or (change.name == "replicas.min" and replicas["min"])
    return {**table, "replicas": {**replicas, "min": 1 if awake else 0}}


if __name__ == "__main__":
    sys.exit(main())
