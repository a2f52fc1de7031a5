"""Where a secret may be found: real Pulumi, and a SkyPilot in the provider's own memory."""

import json
import pathlib
import threading
from collections.abc import Iterator

import pytest

from pulumi_skypilot import cli
from pulumi_skypilot.plan import cost
from pulumi_skypilot.report import markdown, preview_json
from tests import certificates
from tests.conftest import chat
from tests.e2e import stack as stacks

pytestmark = pytest.mark.timeout(300)

CANARIES = {
    "hfToken": "canary-hf-7c1e55",
    "ownKey": "sk-canary-91ab02",
    "imagePassword": "canary-image-3d77f0",
    "skypilot:token": "sky_canary-5f20ce",
}
GREETING = "canary-env-88aa01"

SITE = """\
from pulumi_skypilot import errors, testing
from pulumi_skypilot.providers import base

fake = testing.SkyPilot()
if {broken}:
    fake.fail("up", errors.Failed("no place has a machine"))
base.connect, base.clock = lambda _: fake, fake.clock
"""
"""What Python runs at its start, in the provider's process too."""


class World:
    """A stack with a secret in every place that takes one, and the canaries to look for."""

    def __init__(self, stack: stacks.Stack, folder: pathlib.Path, values: list[str]) -> None:
        self.stack, self.folder, self.values = stack, folder, values

    def run(self, *args: str, broken: bool = False) -> stacks.Result:
        """A command whose provider has a fake, and whose temporary files are kept."""
        site = self.folder / f"site-{broken}"
        site.mkdir(exist_ok=True)
        (site / "sitecustomize.py").write_text(SITE.format(broken=broken))
        temporary = self.folder / "tmp"
        temporary.mkdir(exist_ok=True)
        env = {"PYTHONPATH": str(site), "TMPDIR": str(temporary)}
        return self.stack.run(*args, env=env, check=not broken)

    def leaks(self, text: str) -> list[str]:
        return [value for value in self.values if value in text]

    def files(self) -> list[str]:
        """Files with a secret in them."""
        return [
            str(path)
            for path in self.folder.rglob("*")
            if path.is_file() and self.leaks(path.read_text("latin-1"))
        ]


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, list[str]]:
    """A stack file with all of the secrets, which is slow to make, and their values."""
    folder = tmp_path_factory.mktemp("sealed")
    tls = certificates.make(folder)
    one = chat(
        secrets={"HF_TOKEN": "hfToken"},
        apiKey="ownKey",
        tls={"certificate": "tlsCertificate", "key": "tlsKey"},
        image="docker:registry.example.com/vllm:1",
        imageCredentials={
            "server": "registry.example.com",
            "username": "u",
            "password": "imagePassword",
        },
    )
    config = {"skypilot:apiServer": "http://127.0.0.1:9", "llm:deployments": {"chat": one}}
    stack = stacks.Stack(folder / "stack", "hush", config)
    canaries = {**CANARIES, "tlsCertificate": tls.certificate, "tlsKey": tls.key}
    for name, value in canaries.items():
        stack.secret(name, value)
    path = "llm:deployments.chat.env.GREETING"
    stack.run("config", "set", "--secret", "--path", path, stdin=GREETING)
    return stack.file.read_text(), [*CANARIES.values(), GREETING, tls.key.splitlines()[1]]


@pytest.fixture
def world(tmp_path: pathlib.Path, sealed: tuple[str, list[str]]) -> World:
    text, values = sealed
    stack = stacks.Stack(tmp_path / "stack", "hush", {})
    stack.file.write_text(text)
    return World(stack, tmp_path, list(values))


@pytest.fixture
def command_lines() -> Iterator[set[str]]:
    """The command lines of all processes that were seen meanwhile."""
    seen: set[str] = set()
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.2):
            seen.update(stacks.command_lines().splitlines())

    thread = threading.Thread(target=look)
    thread.start()
    yield seen
    over.set()
    thread.join()


def test_no_secret_is_shown_or_written_by_any_command(
    world: World,
    command_lines: set[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    plan = world.folder / "plan.json"
    shown = {
        "first preview": world.run("preview", "--diff", "--save-plan", str(plan)).output,
        "up": world.run("up", "--yes", "--diff", "--logtostderr", "--logflow", "-v=8").output,
    }
    world.values.append("canary-another")
    world.stack.secret("hfToken", "canary-another")
    shown |= {
        "json": world.run("preview", "--json", "--show-sames").output,
        "changed": world.run("preview", "--diff", "--save-plan", f"{plan}.2").output,
        "export": world.run("stack", "export").output,
        "output": world.run("stack", "output").output,
        "refresh": world.run("refresh", "--diff", "--preview-only").output,
        "command lines": "\n".join(command_lines),
    }
    assert ": rolls: secrets" in shown["changed"]
    assert "vllm serve" in plan.read_text()
    assert {name: world.leaks(text) for name, text in shown.items() if world.leaks(text)} == {}
    assert world.files() == []

    seen = preview_json.read(json.loads(shown["json"]))
    report = markdown.markdown(seen, cost.Prices(away="not asked"))
    assert "| **chat** | " in report
    assert world.leaks(report) == []
    # The looking finds what is there.
    assert world.leaks(world.run("stack", "export", "--show-secrets").output) != []

    monkeypatch.chdir(world.stack.project)
    for command in (["plan", "--offline"], ["export"]):
        assert cli.main([*command, "--stack", "hush"]) == 0
    said = capsys.readouterr()
    assert "HF_TOKEN" in said.out
    assert world.leaks(said.out + said.err) == []


def test_an_error_holds_no_secret(world: World) -> None:
    failed = world.run("up", "--yes", "--skip-preview", broken=True)
    assert "no place has a machine" in failed.output
    assert world.leaks(failed.output) == []
    assert world.files() == []
    for name, value in (("tlsKey", "canary-no-pem"), ("ownKey", "canary, two")):
        world.stack.secret(name, value)
        world.values.append(value)
    refused = world.run("preview", broken=True)
    assert "tls.key: its secret is " in refused.output
    assert world.leaks(refused.output) == []


def test_at_its_highest_level_pulumis_own_log_holds_secrets_and_ours_does_not(
    world: World,
) -> None:
    """The engine writes what it hands to a provider (docs/reliability.md); -v=8 shows nothing."""
    written = world.run("preview", "--logtostderr", "--logflow", "-v=9").output
    lines = [line for line in written.splitlines() if world.leaks(line)]
    assert lines != []
    assert [line for line in lines if "arshaling property for RPC" not in line] == []
