"""What earlier releases left, under this code: tests/states, recorded by scripts/record.py."""

import json
import pathlib
import re
import shutil
import typing

import pytest
import yaml

from pulumi_skypilot import spec
from pulumi_skypilot.plan import cost
from pulumi_skypilot.report import markdown, preview_json
from scripts import record
from tests.e2e import fake, recorded
from tests.e2e import stack as stacks

RELEASES = sorted(folder.name for folder in recorded.FOLDER.iterdir())

pytestmark = pytest.mark.timeout(300)


def test_the_next_recording_has_every_setting() -> None:
    said = set[str]().union(*record.DEPLOYMENTS.values())
    known = {str(field.alias) for field in spec.Spec.model_fields.values()}
    assert known - said == set()


@pytest.fixture(params=RELEASES)
def release(request: pytest.FixtureRequest) -> pathlib.Path:
    return recorded.FOLDER / str(request.param)


@pytest.fixture
def stack(release: pathlib.Path, tmp_path: pathlib.Path) -> stacks.Stack:
    """The release's stack, with its state, on a backend of its own."""
    return recorded.restore(release, tmp_path / "stack")


@pytest.fixture
def left(release: pathlib.Path, tmp_path: pathlib.Path) -> pathlib.Path:
    """What the release left on SkyPilot."""
    return pathlib.Path(shutil.copy(release / "asked.jsonl", tmp_path))


def config(stack: stacks.Stack) -> dict[str, typing.Any]:
    return typing.cast("dict[str, typing.Any]", yaml.safe_load(stack.file.read_text())["config"])


def test_a_stack_of_an_earlier_release_goes_on(stack: stacks.Stack, left: pathlib.Path) -> None:
    # A release before the guard: it comes with the next `up`, and the preview says why.
    there = fake.environment(left)
    stack.run("refresh", "--yes", "--skip-preview", env=there)
    told = set(re.findall(r"recorded-(\w+: \w+): guard \(what runs answers paths outside of /v1",
                          stack.run("preview", env=there).output))  # fmt: skip
    effects = {"lab": "restarts", "pair": "restarts", "inner": "replaces"}  # inner: by GPU
    named = config(stack)["llm:deployments"]
    assert told == {f"{name}: {effects.get(name, 'rolls')}" for name in named}
    stack.up(env=there)
    stack.run("refresh", "--yes", "--skip-preview", "--expect-no-changes", env=there)
    stack.run("preview", "--expect-no-changes", env=there)
    for service in fake.read(left).services():
        assert "--middleware vllm_guard.Guard" in str(service.text)

    # A change is made to what it left.
    now = config(stack)
    now["llm:deployments"]["chat"]["context"] = 8192
    stack.write(now)
    assert "rolls: context" in stack.up(env=there).output
    stack.run("refresh", "--yes", "--skip-preview", "--expect-no-changes", env=there)
    stack.run("preview", "--expect-no-changes", env=there)
    assert "--max-model-len 8192" in fake.read(left).order("recorded-chat").text

    # All of it can be destroyed.
    assert fake.read(left).machines()
    stack.run("destroy", "--yes", "--skip-preview", env=there)
    after = fake.read(left)
    assert (after.services(), after.machines()) == ((), ())
    assert stack.resources() == []


REFUSED: dict[str, dict[str, object]] = {
    "recorded-chat": {"vllmArgs": {"max-num-seqs": 8}, "model": None},
    "recorded-small": {"accelerators": "H10:1"},
    "recorded-open": {"replicas": "many"},
    "recorded-lab": {"autostop": {"after": 5}, "timeouts": 3},
    "recorded-pair": {"kind": "swarm", "vllmArgs": {"max-num-seqs": 8}},
    "recorded-sealed": {"tls": "canary", "task": None},
    "recorded-turned": {"imageCredentials": ["canary"], "scope": None},
}
"""What of each resource's state is replaced by what this release refuses; None: it is missing."""


def mutilate(stack: stacks.Stack) -> None:
    state = json.loads(stack.run("stack", "export").output)
    for one in state["deployment"]["resources"]:
        for key, value in REFUSED.get(str(one.get("id")), {}).items():
            if one["type"] in (stacks.SERVICE, stacks.CLUSTER):
                for side in (one["inputs"], one["outputs"]):
                    side.pop(key, None)
                    if value is not None:
                        side[key] = value
    stack.run("stack", "import", stdin=json.dumps(state))


def report(stack: stacks.Stack, env: dict[str, str]) -> str:
    """The report of the stack's next preview."""
    written = stack.run("preview", "--json", "--show-sames", env=env).output
    return markdown.markdown(preview_json.read(json.loads(written)), cost.Prices(away="not asked"))


def test_a_stack_of_an_earlier_release_is_reported_on(
    stack: stacks.Stack, left: pathlib.Path
) -> None:
    shown = report(stack, fake.environment(left))
    assert "| **chat** | " in shown
    assert "earlier release wrote its state" not in shown


def test_a_state_that_this_release_cannot_read_stops_nothing(
    stack: stacks.Stack, left: pathlib.Path
) -> None:
    mutilate(stack)
    there = fake.environment(left)
    shown = stack.run("preview", env=there).output
    assert "Traceback" not in shown
    summary = shown.partition("Diagnostics:")[2].splitlines()
    for name in REFUSED:
        told = [line for line in summary if f" {name}: an earlier release wrote its state" in line]
        assert len(told) <= 1, shown
    assert "chat**: an earlier release wrote its state" in report(stack, there)
    stack.run("destroy", "--yes", "--skip-preview", env=there)
    after = fake.read(left)
    assert (after.services(), after.machines()) == ((), ())
    assert stack.resources() == []


def test_such_a_state_stops_no_refresh_and_no_up(stack: stacks.Stack, left: pathlib.Path) -> None:
    mutilate(stack)
    there = fake.environment(left)
    first = stack.run("refresh", "--yes", "--skip-preview", env=there, check=False)
    assert all("`pulumi up` puts that right" in line for line in first.errors()), first.output
    stack.up(env=there)
    stack.run("refresh", "--yes", "--skip-preview", "--expect-no-changes", env=there)
    stack.run("preview", "--expect-no-changes", env=there)
    stack.run("destroy", "--yes", "--skip-preview", env=there)
    assert fake.read(left).machines() == ()
