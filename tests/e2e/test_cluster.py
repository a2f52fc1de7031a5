"""Clusters through their whole life: real Pulumi, real SkyPilot, a stub as the engine."""

import contextlib
import json
import pathlib
import re
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator

import pytest
import yaml

from local import control
from tests.e2e import files
from tests.e2e import stack as stacks

pytestmark = [pytest.mark.cloud, pytest.mark.timeout(3000)]


def lab(**changes: object) -> dict[str, object]:
    """A small cluster: the stub engine answers in seconds."""
    return {
        "kind": "cluster",
        "model": "openai/gpt-oss-20b",
        "servedName": "chat",
        "cpus": 2,
        "memory": 8,
        "infra": "aws",
        "context": 2048,
        **changes,
    }


def ask(endpoint: str, key: str) -> str | None:
    """Which server answers a request, and with which context; None when none does."""
    request = urllib.request.Request(
        f"{endpoint}/v1/completions",
        json.dumps({"model": "chat", "prompt": "?"}).encode(),
        {"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return str(json.loads(answer.read())["system_fingerprint"])
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return None


@contextlib.contextmanager
def asking(endpoint: str, key: str) -> Iterator[None]:
    """Keep a server busy, whatever becomes of it meanwhile."""
    over = threading.Event()

    def run() -> None:
        while not over.wait(2):
            ask(endpoint, key)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def of(cloud: control.Cloud, name: str) -> list[dict[str, object]]:
    """The instances of a cluster."""
    return [one for one in cloud.instances() if any(name in tag for tag in one["tags"].values())]


def lose(stack: stacks.Stack, cluster: str) -> None:
    """Let a stack's state forget a stopped cluster: a sweep lists it, and nothing else."""
    urn = next(one["urn"] for one in stack.resources() if one.get("id") == cluster)
    stack.run("state", "delete", urn, "--target-dependents", "--yes")
    listed = stack.sweep()
    assert listed.code == 1
    rows = re.findall(r"^(\S+) +cluster +(\S+) +\d+ (?:s|min) ", listed.output, re.MULTILINE)
    assert rows == [(cluster, "STOPPED")]


def test_a_cluster_lives_from_preview_to_destroy(
    cloud: control.Cloud,
    make_stack: Callable[..., stacks.Stack],
    sky_command: Callable[..., str],
    folder: pathlib.Path,
    tmp_path: pathlib.Path,
) -> None:
    """It was made by hand and is adopted; it has files.

    What a command that does not start leaves behind is in `tests/test_contract.py`.
    """
    stack = make_stack()
    name = f"{stack.name}-lab"
    hand = {"resources": {"cpus": "2", "memory": "8", "infra": "aws"}, "run": "sleep 3600"}
    file = tmp_path / "task.yaml"
    file.write_text(yaml.safe_dump(hand))
    sky_command("launch", "--yes", "--detach-run", "--cluster", name, str(file))
    (machine,) = [one["id"] for one in cloud.hosts()]

    settings = {"adopt": True, **files.settings(folder)}
    stack.deployments(lab=lab(**settings))
    shown = stack.run("preview").output
    assert f"adopt: the cluster '{name}' exists (made by hand): this stack takes it over" in shown
    assert "adopt: restarts: run sleep 3600 -> " in shown
    assert "adopt: not" not in shown
    stack.up()
    outputs = stack.outputs()
    endpoint, key = outputs["endpoints"]["lab"], outputs["apiKeys"]["lab"]
    assert str(ask(endpoint, key)).endswith("=2048")
    assert ask(endpoint, "another key") is None
    assert files.said(outputs, "lab").endswith("first bucket env")
    assert [(one["id"], one["spot"]) for one in of(cloud, name)] == [(machine, False)]
    stack.still_unchanged()

    # A change of the command or a file starts the server anew, on the same machine.
    (folder / "head.txt").write_text("second ")
    stack.deployments(lab=lab(context=4096, **settings))
    assert ": restarts: workdir.digest" in stack.run("preview").output
    stack.up()
    assert str(ask(endpoint, key)).endswith("=4096")
    assert files.said(outputs, "lab").endswith("second bucket env")
    assert [one["id"] for one in of(cloud, name)] == [machine]

    # Taken behind Pulumi's back, it is seen to be gone.
    sky_command("down", "--yes", name)
    stack.refresh()
    assert [one for one in stack.resources() if one["type"] == stacks.CLUSTER] == []
    stack.run("destroy", "--yes", "--skip-preview")
    assert (cloud.instances(), stack.name in sky_command("status", "-u")) == ([], False)


@pytest.mark.long
def test_an_idle_cluster_is_stopped_and_a_lost_one_made_anew(
    cloud: control.Cloud,
    make_stack: Callable[..., stacks.Stack],
    sky_command: Callable[..., str],
) -> None:
    """One is asked all the time, one falls idle."""
    idle = lab(autostop={"idle": 2, "then": "stop"})
    # No autostop: a server started anew on a busy machine may take longer than AUTOSTOP_MINUTES.
    stack = make_stack(lab=lab(), idle=idle)
    name = {one: f"{stack.name}-{one}" for one in ("lab", "idle")}
    stack.up()
    outputs = stack.outputs()
    endpoint, key = outputs["endpoints"]["lab"], outputs["apiKeys"]["lab"]
    with asking(endpoint, key):
        # Nobody asks the other: it is stopped. The busy one serves.
        stacks.until(
            lambda: [one["state"] for one in of(cloud, name["idle"])] == ["stopped"],
            900,
            "the idle cluster is stopped",
        )
        assert ask(endpoint, key) is not None
        stack.refresh()
        stack.up()
        stack.still_unchanged()

    # Stopped is neither drift nor gone. What is gone was taken behind Pulumi's back.
    sky_command("down", "--yes", name["lab"])
    stack.refresh()
    left = [one["inputs"]["name"] for one in stack.resources() if one["type"] == stacks.CLUSTER]
    assert left == [name["idle"]]
    stack.up()
    assert ask(stack.outputs()["endpoints"]["lab"], key) is not None
    stack.unchanged()
    assert [one["state"] for one in of(cloud, name["idle"])] == ["stopped"]

    # What its state has lost a sweep lists, and destroy takes down all the same.
    lose(stack, name["idle"])
    stack.run("destroy", "--yes", "--skip-preview")
    assert (cloud.instances(), stack.name in sky_command("status", "-u")) == ([], False)


@pytest.mark.long
def test_two_spot_machines_serve_as_one_and_are_given_up_when_idle(
    cloud: control.Cloud, make_stack: Callable[..., stacks.Stack]
) -> None:
    pair = lab(nodes=2, spot=True, autostop={"idle": 2, "then": "down"})
    del pair["cpus"], pair["memory"]
    pair["accelerators"] = ["L4:1", "A10G:1"]  # whichever is cheaper
    stack = make_stack(pair=pair)
    stack.up()
    outputs = stack.outputs()
    assert str(ask(outputs["endpoints"]["pair"], outputs["apiKeys"]["pair"])).endswith("=2048")
    made = of(cloud, f"{stack.name}-pair")
    assert [(one["spot"], one["gpu"]) for one in made] == [(True, "L4:1")] * 2
    stack.unchanged()

    stacks.until(lambda: cloud.instances() == [], 900, "the idle pair is given up")
    stack.refresh()
    assert [one for one in stack.resources() if one["type"] == stacks.CLUSTER] == []
    stack.run("destroy", "--yes", "--skip-preview")
    assert cloud.instances() == []
