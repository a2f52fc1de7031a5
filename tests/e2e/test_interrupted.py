"""The real CLI and its plugin, killed while SkyPilot (in memory) does what they asked for."""

import pathlib
import typing
from collections.abc import Callable, Iterator

import pytest

from tests.e2e import fake
from tests.e2e import stack as stacks

CHAT: dict[str, typing.Any] = {
    "model": "openai/gpt-oss-120b",
    "accelerators": ["H100:1", "H200:1"],
    "infra": "aws",
    # A table reaches each provider process in another order.
    "vllmArgs": {
        "seed": 1,
        "enable-prefix-caching": True,
        "block-size": 16,
        "async-scheduling": True,
    },
}
LAB: dict[str, typing.Any] = {
    "kind": "cluster",
    "model": "openai/gpt-oss-20b",
    "accelerators": "L4:1",
    "infra": "aws",
}

pytestmark = pytest.mark.timeout(300)


class Killed:
    """A stack of a service and a cluster, and what happens to it."""

    def __init__(self, stack: stacks.Stack, file: pathlib.Path) -> None:
        self.stack, self.file = stack, file

    def run(self, *args: str, check: bool = True) -> stacks.Result:
        return self.stack.run(*args, check=check, env=fake.environment(self.file))

    def up(self) -> None:
        self.run("up", "--yes", "--skip-preview")

    def kill(self, command: str, *calls: str) -> None:
        """Begin the command and kill it with all its processes once these calls have been made."""
        before = len(fake.asked(self.file))
        running = self.stack.start(command, env=fake.environment(self.file, *calls))
        stacks.until(
            lambda: {*calls} <= {*fake.asked(self.file)[before:]}, 180, f"{command}: {calls}"
        )
        self.stack.kill_all()
        running.wait()
        self.run("cancel", "--yes")

    def served(self) -> tuple[list[str], list[str]]:
        """Names of services, and of machines that cost money."""
        there = fake.read(self.file)
        return (
            [one.name.partition("-")[2] for one in there.services()],
            sorted(one.name.partition("-")[2] for one in there.machines()),
        )


@pytest.fixture
def killed(new_stack: Callable[..., stacks.Stack], tmp_path: pathlib.Path) -> Iterator[Killed]:
    one = Killed(new_stack(chat=CHAT, lab=LAB), tmp_path / "asked.jsonl")
    yield one
    one.stack.kill_all()


def test_what_a_killed_create_has_made_is_taken_up(killed: Killed) -> None:
    killed.kill("up", "up", "launch")
    killed.up()
    assert sorted(fake.asked(killed.file)) == ["launch", "up"]
    shown = killed.run("preview", "--expect-no-changes").output
    assert "interrupted" not in shown
    assert killed.served() == (["chat"], ["chat-1", "lab"])


def test_what_a_killed_create_has_made_goes_with_the_stack(killed: Killed) -> None:
    killed.kill("up", "up", "launch")
    killed.run("destroy", "--yes", "--skip-preview")
    assert killed.served() == ([], [])


def test_what_no_program_names_any_more_goes_with_the_stack(killed: Killed) -> None:
    killed.kill("up", "up", "launch")
    killed.stack.deployments(lab=LAB)
    killed.up()
    assert killed.served()[0] == ["chat"], "pulumi-skypilot sweep finds it; Pulumi knows it not"
    killed.run("destroy", "--yes", "--skip-preview")
    assert killed.served() == ([], [])


def test_a_killed_update_goes_on(killed: Killed) -> None:
    killed.up()
    killed.stack.deployments(chat={**CHAT, "context": 8192}, lab={**LAB, "context": 8192})
    killed.kill("up", "update", "cancel_jobs")
    killed.up()
    assert fake.asked(killed.file).count("update") == 1, "SkyServe has it already: no second roll"
    killed.run("refresh", "--yes", "--skip-preview", "--expect-no-changes")
    killed.run("preview", "--expect-no-changes")


def test_a_killed_destroy_goes_on_or_is_made_good(killed: Killed) -> None:
    killed.up()
    killed.kill("destroy", "down", "machine_down")
    killed.run("up", "--yes", "--skip-preview", "--refresh")
    assert killed.served()[0] == ["chat"]
    killed.kill("destroy", "down", "machine_down")
    killed.run("destroy", "--yes", "--skip-preview")
    assert (killed.served(), killed.stack.resources()) == (([], []), [])


def test_a_second_up_meanwhile_is_refused_and_calls_nothing(killed: Killed) -> None:
    first = killed.stack.start("up", env=fake.environment(killed.file, "up", "launch"))
    stacks.until(lambda: {"up", "launch"} <= {*fake.asked(killed.file)}, 60, "both are being made")
    asked = fake.asked(killed.file)
    second = killed.run("up", "--yes", "--skip-preview", check=False)
    assert second.code != 0
    assert "currently locked" in second.output
    assert fake.asked(killed.file) == asked
    killed.stack.kill_all()
    first.wait()
