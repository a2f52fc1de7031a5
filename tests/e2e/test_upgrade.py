"""What earlier releases left, under this code: tests/states, recorded by scripts/record.py."""

import pathlib
import shutil

import pytest
import yaml

from pulumi_skypilot import spec
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


def test_a_stack_of_an_earlier_release_goes_on(stack: stacks.Stack, left: pathlib.Path) -> None:
    # Nothing changes with a new release.
    stack.unchanged()
    there = fake.environment(left)
    stack.run("refresh", "--yes", "--skip-preview", "--expect-no-changes", env=there)
    stack.run("preview", "--expect-no-changes", env=there)

    # A change is made to what it left.
    config = yaml.safe_load(stack.file.read_text())["config"]
    config["llm:deployments"]["chat"]["context"] = 8192
    stack.write(config)
    assert "rolls: run --max-model-len" in stack.up(env=there).output
    stack.run("refresh", "--yes", "--skip-preview", "--expect-no-changes", env=there)
    stack.run("preview", "--expect-no-changes", env=there)
    assert "--max-model-len 8192" in fake.read(left).order("recorded-chat").text

    # All of it can be destroyed.
    assert fake.read(left).machines()
    stack.run("destroy", "--yes", "--skip-preview", env=there)
    after = fake.read(left)
    assert (after.services(), after.machines()) == ((), ())
    assert stack.resources() == []
