"""The life of a service of more than one plain machine, on the real SkyPilot.

Two nodes a replica, several accelerators with a target each, spot, files. A cluster with the same
is in test_cluster.py.
"""

import pathlib
from collections.abc import Callable

import pytest

from local import control
from tests.e2e import files
from tests.e2e import stack as stacks

pytestmark = [pytest.mark.cloud, pytest.mark.long, pytest.mark.timeout(3000)]

SPOT_L4 = ("L4:1", True)
"""The cheapest of the alternatives below."""


def pair(folder: pathlib.Path, **changes: object) -> dict[str, object]:
    """Two spot machines with a GPU each, whichever it is, and files."""
    return {
        "model": "openai/gpt-oss-20b",
        "servedName": "chat",
        "accelerators": ["L4:1", "A10G:1"],
        "nodes": 2,
        "spot": True,
        "infra": "aws",
        "context": 2048,
        **files.settings(folder),
        **changes,
    }


def machines(cloud: control.Cloud, name: str) -> list[tuple[str, bool]]:
    """GPU and whether it is spot, of each machine of a cluster or of a service's replicas."""
    return [
        (one["gpu"], one["spot"])
        for one in cloud.instances()
        if any(name in tag for tag in one["tags"].values())
    ]


def unchanged(stack: stacks.Stack) -> None:
    """Nothing has changed, before a refresh and after."""
    stack.unchanged()
    stack.refresh()
    stack.unchanged()


def test_a_service_of_two_spot_nodes_has_a_target_for_each_gpu(
    cloud: control.Cloud,
    make_stack: Callable[..., stacks.Stack],
    sky_command: Callable[..., str],
    folder: pathlib.Path,
) -> None:
    replicas = {"min": 1, "max": 2, "targetQps": {"L4": 2, "A10G": 3}}
    stack = make_stack(
        mix=pair(folder, replicas=replicas, readinessProbe={"initialDelay": 300}),
    )
    name = f"{stack.name}-mix"
    stack.up()
    assert files.said(stack.outputs(), "mix").endswith("first bucket env")
    assert machines(cloud, name) == [SPOT_L4, SPOT_L4]
    unchanged(stack)

    # A file that is changed is a change, and arrives. Nobody asks diff here: the engine itself must
    # delete first. What is targeted is all that is done: the next one waits and tells the address.
    (folder / "head.txt").write_text("second ")
    assert ": replaces: workdir.digest" in stack.run("preview").output
    before = {host["id"] for host in cloud.hosts()}
    stack.up("--target-replace", str(stack.service()["urn"]), "--target-dependents")
    stack.up()
    assert files.said(stack.outputs(), "mix").endswith("second bucket env")
    assert before.isdisjoint(host["id"] for host in cloud.hosts())

    # Taken away behind Pulumi's back: refresh sees it, up puts it right.
    sky_command("serve", "down", "--yes", name)
    stacks.until(lambda: not cloud.hosts(), 300, "the service goes")
    stack.refresh()
    assert stacks.SERVICE not in [one["type"] for one in stack.resources()]
    stack.up()
    assert files.said(stack.outputs(), "mix").endswith("second bucket env")
    stack.unchanged()

    stack.run("destroy", "--yes", "--skip-preview")
    assert cloud.instances() == []
    assert files.buckets(cloud) == [files.BUCKET]
