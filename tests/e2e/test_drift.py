"""What docs/how-to/drift.md says of a scheduled look, with the real CLI. No server."""

import pathlib
import typing
from collections.abc import Callable

import pytest

from pulumi_skypilot import testing
from tests.conftest import chat
from tests.e2e import fake
from tests.e2e import stack as stacks

pytestmark = pytest.mark.timeout(300)

PAGE = (stacks.ROOT / "docs" / "how-to" / "drift.md").read_text()
LOOK = ("refresh", "--preview-only", "--expect-no-changes")


def test_a_look_fails_after_a_change_by_hand_and_changes_nothing(
    new_stack: Callable[..., stacks.Stack], tmp_path: pathlib.Path
) -> None:
    stack = new_stack(chat=chat())
    asked = tmp_path / "asked"
    stack.up(env=fake.environment(asked))
    assert stack.run(*LOOK, env=fake.environment(asked)).code == 0

    name = stack.service()["outputs"]["name"]
    (service,) = fake.read(asked).services()
    by_hand = testing.order(text=str(service.text).replace("2048", "1024"))
    typing.cast("testing.SkyPilot", fake.Kept(asked)).update(name, by_hand)
    before = fake.asked(asked)
    found = stack.run(*LOOK, check=False, env=fake.environment(asked))
    assert found.code != 0
    (line,) = [line for line in found.output.splitlines() if "+drift" in line]
    (shown,) = [line for line in PAGE.splitlines() if "+drift" in line]
    assert line.split() == shown.split()
    assert fake.asked(asked) == before
