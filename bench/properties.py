"""One property after another of a service changed, on the real SkyPilot by the real Pulumi.

A service without replicas until somebody asks, so that a change costs seconds: what is looked at is
the preview before, the call, and that nothing is left to do after it, before and after a refresh.
The same on the fake, with replicas and with clusters, is `tests/test_properties.py`.
"""

import os
import pathlib
import sys
import tempfile
import time
import typing
from collections.abc import Iterator

from local import control
from tests import properties
from tests.e2e import stack as stacks

NAME, NET = os.environ.get("TEST_CLOUD", "faults/10.82.0").split("/")
ASLEEP = {"min": 0, "max": 1, "targetQps": 1}
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
    "tls": "tests/e2e/test_keys.py",
}
"""Properties of a service whose change cannot be made here, and why."""


def main() -> int:
    """Print a row for each property; 1 when one did not go as its preview said."""
    print("| property | preview says | `up`, s | |\n|---|---|---|---|", flush=True)
    wrong = 0
    with (
        tempfile.TemporaryDirectory(prefix="properties-") as folder,
        control.Cloud(NAME, NET, engine="stub").running() as cloud,
    ):
        config = {"skypilot:apiServer": cloud.api_server, "llm:deployments": {}}
        stack = stacks.Stack(pathlib.Path(folder) / "stack", "one", config)
        for name in ("x", "canary"):  # that deployments name
            stack.secret(name, "a value")
        for change in changes():
            try:
                seconds, verdict = _life(stack, change), "as it says"
            except AssertionError as error:
                seconds, verdict = 0.0, f"WRONG: {error}".replace("\n", " ")[:1500]
                wrong += 1
            effect = change.effect.value
            print(f"| `{change.name}` | {effect} | {seconds:.0f} | {verdict} |", flush=True)
        stack.run("destroy", "--yes", "--skip-preview")
        left = cloud.instances()
    print(f"\n{wrong} wrong, {len(left)} machines left")
    return 1 if wrong or left else 0


def changes() -> Iterator[properties.Change]:
    """Those of a service that can be made on the embedded cloud."""
    for one in properties.CHANGES:
        if one.kind == "service" and one.name not in NOT_THERE:
            yield one


def _life(stack: stacks.Stack, change: properties.Change) -> float:
    """How long the `up` of the change took. Raises AssertionError."""
    stack.deployments(chat=_asleep(change.name, change.before))
    stack.up()
    stack.unchanged()
    stack.deployments(chat=_asleep(change.name, change.after))
    shown = stack.run("preview").output
    if f"chat: {change.effect.value}: " not in shown:
        raise AssertionError(f"the preview does not say {change.effect.value!r}: {shown}")
    start = time.monotonic()
    stack.up()
    seconds = time.monotonic() - start
    stack.unchanged()
    stack.run("refresh", "--yes")
    stack.unchanged()
    return seconds


def _asleep(name: str, table: properties.Table) -> dict[str, typing.Any]:
    replicas = {**ASLEEP, **table.get("replicas", {})}
    least = 1 if replicas["min"] and name == "replicas.min" else 0
    return {**table, "replicas": {**replicas, "min": least}}


if __name__ == "__main__":
    sys.exit(main())
