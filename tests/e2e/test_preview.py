"""Previews with the real CLI: no account, no server, and one line for what is wrong."""

import dataclasses
import json
import re
import shutil
from collections.abc import Callable

import pytest
import yaml

from pulumi_skypilot import cli, testing
from pulumi_skypilot.lifecycle.services import Services
from pulumi_skypilot.plan import cost
from pulumi_skypilot.report import markdown, preview_json
from tests.conftest import chat
from tests.e2e import stack as stacks
from tests.wanted import MARK, NAME, wanted

STACKS = sorted(file.name.split(".")[1] for file in (stacks.ROOT / "stacks").glob("Pulumi.*.yaml"))

pytestmark = pytest.mark.timeout(300)


@pytest.mark.parametrize("name", STACKS)
def test_a_stack_of_this_repository_previews_without_an_account(
    name: str, new_stack: Callable[..., stacks.Stack]
) -> None:
    stack = new_stack()
    shutil.copy(stacks.ROOT / "Pulumi.yaml", stack.project)
    shutil.copy(stacks.ROOT / "stacks" / f"Pulumi.{name}.yaml", stack.file)
    stack.run("config", "set", "llm:prefix", name)
    shown = stack.run("preview", "--diff").output
    assert re.search(rf'name +: "{name}-chat"', shown)
    assert f"vllm serve openai/gpt-oss-{'20b' if name in ('local', 'dev') else '120b'}" in shown
    assert "--enable-auto-tool-choice" in shown, "from what all stacks share"


def test_without_a_server_the_cost_is_unknown_and_the_preview_succeeds(
    new_stack: Callable[..., stacks.Stack],
) -> None:
    told = new_stack(chat=chat()).run("preview").output
    assert "cost: unknown (apiServer http://127.0.0.1:9: no SkyPilot API server answers" in told
    assert "chat: 1 of 2 CPUs 8 GiB, aws" in told


def test_a_report_of_what_the_real_command_writes_has_no_secret_in_it(
    new_stack: Callable[..., stacks.Stack],
) -> None:
    stack = new_stack(chat=chat(secrets={"HF_TOKEN": "hfToken"}, env={"A": "canary-env"}))
    stack.secret("hfToken", "canary-token")
    written = stack.run("preview", "--json", "--show-sames", "--show-secrets").output
    report = markdown.markdown(
        preview_json.read(json.loads(written)), cost.Prices(away="not asked")
    )
    assert "| **chat** | new | `openai/gpt-oss-20b` | 2 CPUs 8 GiB, aws | 1 | 2048 |" in report
    assert "canary" not in report


def test_a_budget_that_cannot_be_checked_fails_unless_it_allows_that(
    new_stack: Callable[..., stacks.Stack],
) -> None:
    """A server that was busy let anything pass; so did an update that had no preview."""
    stack = new_stack(chat=chat())
    stack.run("config", "set", "--path", "llm:budget.hourly", "40")
    line = (
        "llm:budget: it cannot be checked: apiServer http://127.0.0.1:9: no SkyPilot API server "
        "answers there (connection refused), so the price of chat (2 CPUs 8 GiB, aws) is unknown"
    )
    for command in (stack.run("preview", check=False), stack.up(check=False)):
        assert command.code != 0
        assert line in command.output
        assert "Traceback" not in command.output
    failed = stack.run("preview", "--json", check=False).output
    report = markdown.markdown(preview_json.read(json.loads(failed)), cost.Prices(away="not asked"))
    assert f"nothing can be deployed like this.**\n\n- {line}" in report
    stack.run("config", "set", "--path", "llm:budget.unknown", "allow")
    shown = stack.run("preview", "--json").output
    report = markdown.markdown(preview_json.read(json.loads(shown)), cost.Prices(away="not asked"))
    assert "- llm:budget: not counted, as unknown: allow says: chat (2 CPUs 8 GiB, aws): " in report


OWN_PROGRAM = """
import pulumi
import pulumi_skypilot as skypilot

scope = skypilot.Scope("models", api_server="http://127.0.0.1:9", budget={budget})
spec = {{"model": "openai/gpt-oss-20b", "accelerators": "L4:1", "infra": "aws"}}
chat = skypilot.Deployment("chat", spec, scope=scope)
lab = skypilot.Cluster("lab", spec, scope=scope)
pulumi.export("endpoint", chat.endpoint)
"""


def test_a_budget_holds_in_a_program_of_ones_own(new_stack: Callable[..., stacks.Stack]) -> None:
    stack = new_stack()
    main = stack.project / "__main__.py"
    main.write_text(OWN_PROGRAM.format(budget={"hourly": 40}))
    for command in (stack.run("preview", check=False), stack.up(check=False)):
        assert command.code != 0
        assert (
            "models.budget: it cannot be checked: apiServer http://127.0.0.1:9: no SkyPilot API "
            "server answers there (connection refused), so the price of chat (L4:1, aws), lab "
            "(L4:1, aws) is unknown"
        ) in command.output
        assert "Traceback" not in command.output
    main.write_text(OWN_PROGRAM.format(budget={"hourly": 40, "unknown": "allow"}))
    shown = stack.run("preview").output
    assert "models.budget: not counted, as unknown: allow says: chat (L4:1, aws), lab " in shown
    assert "cost: unknown (apiServer http://127.0.0.1:9" in shown
    main.write_text(OWN_PROGRAM.format(budget={"hourley": 40}))
    wrong = stack.run("preview", check=False).output
    assert "models.budget.hourley: unknown key; did you mean hourly?" in wrong
    assert "Traceback" not in wrong


WRONG_PROGRAM = """
import pulumi
import pulumi_skypilot as skypilot

scope = skypilot.Scope("models", api_server="http://127.0.0.1:9")
spec = {"model": "openai/gpt-oss-20b", "accelerators": "L4:1", "infra": "aws"}
skypilot.Deployment("chat", {**spec, "tols": True}, scope=scope)
skypilot.Service("code", {**spec, "infra": "asw"}, scope=scope)
skypilot.Cluster("lab", {**spec, "workdir": "./nowhere"}, scope=scope)
"""


def test_all_mistakes_of_a_program_of_ones_own_are_told_at_once(
    new_stack: Callable[..., stacks.Stack],
) -> None:
    stack = new_stack()
    (stack.project / "__main__.py").write_text(WRONG_PROGRAM)
    result = stack.run("preview", check=False)
    assert result.code != 0
    assert "Traceback" not in result.output
    told = result.output.partition("Diagnostics:")[2]
    for line in (
        "chat: tols: unknown key; did you mean tools?",
        "code: infra: asw: no cloud asw in SkyPilot; did you mean aws?",
        "lab: workdir: there is no folder ./nowhere; name one, or make it",
    ):
        assert told.count(line) == 1, result.output


def mistakes(**told: tuple[dict[str, object], str]) -> dict[str, tuple[dict[str, object], str]]:
    """By the deployment's key: what is wrong, and what its line says."""
    return told


@pytest.mark.parametrize(
    "told",
    [
        mistakes(
            key=(chat(modle="x"), "modle: unknown key; did you mean model?"),
            gpu=(chat(accelerators="H10:1"), "accelerators: no GPU H10 is known"),
            long=(
                chat(context=300000),
                "context: 300000 tokens are more than the 131072 of openai/gpt-oss-20b",
            ),
            turned=(chat(replicas={"min": 5, "max": 2}), "replicas: min 5 is above max 2"),
            aimless=(chat(replicas={"min": 1, "max": 2}), "replicas: from 1 to 2 needs a target"),
            place=(chat(infra="asw"), "infra: asw: no cloud asw in SkyPilot; did you mean aws?"),
            Chat_1=(chat(), "llm:deployments.Chat_1: t"),  # the name is at fault, and is the key
        ),
        mistakes(secret=(chat(secrets={"HF_TOKEN": "hfToken"}), "secrets.HF_TOKEN: ")),
    ],
    ids=["settings", "secret"],
)
def test_each_mistake_is_one_line_that_names_the_property(
    told: dict[str, tuple[dict[str, object], str]], new_stack: Callable[..., stacks.Stack]
) -> None:
    stack = new_stack(**{key: table for key, (table, _) in told.items()})
    result = stack.run("preview", check=False)
    assert result.code != 0
    assert "Traceback" not in result.output
    summary = result.output.partition("Diagnostics:")[2]
    lines = [line for line in summary.splitlines() if "llm:" in line and "Stack" not in line]
    assert len(lines) == len(told), result.output
    for key, (_, words) in told.items():
        place = words if words.startswith("llm:") else f"llm:deployments.{key}.{words}"
        assert [line for line in lines if place in line], key


def test_a_model_that_does_not_fit_is_told_with_what_would(
    new_stack: Callable[..., stacks.Stack],
) -> None:
    big = {"model": "Qwen/Qwen3-8B", "accelerators": "L4:1", "infra": "aws"}
    result = new_stack(chat=big).run("preview", check=False)
    assert result.code != 0
    assert "Traceback" not in result.output
    (line,) = result.errors()
    assert (
        "context: 40960 tokens of Qwen/Qwen3-8B do not fit L4:1: one request needs 5.63 GiB of "
        "KV cache and 3.06 GiB are left; what fits: context 15360, L4:2, L40S:1"
    ) in line


def test_what_was_not_checked_is_a_warning_of_the_plain_preview(
    new_stack: Callable[..., stacks.Stack],
) -> None:
    large = {"model": "somebody/some-model", "accelerators": "T4:1"}
    owned = {"model": "openai/gpt-oss-20b", "accelerators": "RTX4060:1", "infra": "k8s"}
    stack = new_stack(unk=large, mine=owned, fine={**owned, "accelerators": "H100:1"})
    shown = stack.run("preview").output
    summary = shown.partition("Diagnostics:")[2]
    told = sorted(
        line.partition("warning: ")[2] for line in summary.splitlines() if "warning" in line
    )
    assert [line.split(" not in")[0] for line in told] == [
        f"{stack.name}-mine: not checked: RTX4060:1:",
        f"{stack.name}-unk: not checked: somebody/some-model is",
    ]
    assert "unk: 1 of T4:1, anywhere; fit not checked" in shown
    assert "mine: 1 of RTX4060:1, k8s; fit not checked" in shown


def test_a_mistake_is_named_where_it_was_written(new_stack: Callable[..., stacks.Stack]) -> None:
    """The project's shared deployments reach the program through the CLI, and only as a value."""
    stack = new_stack(chat=chat(context=4096))
    file = stack.project / "Pulumi.yaml"
    shared = {"chat": {"tols": True}, "code": {"model": "openai/gpt-oss-20b", "infra": "asw"}}
    config = {"llm:shared": {"value": shared}}
    file.write_text(yaml.safe_dump({**yaml.safe_load(file.read_text()), "config": config}))
    shown = stack.run("preview", check=False).output
    assert "llm:shared.chat.tols: unknown key; did you mean tools?" in shown
    assert "llm:shared.code.infra" in shown
    assert "llm:deployments" not in shown
    assert "Traceback" not in shown


def test_a_setting_that_is_probably_misspelt_is_a_warning(
    new_stack: Callable[..., stacks.Stack],
) -> None:
    stack = new_stack(chat=chat())
    stack.run("config", "set", "llm:prefx", "x")
    shown = stack.run("preview").output
    assert "warning: llm:prefx is not a setting of this package; did you mean llm:prefix?" in shown


def test_production_protects_what_costs_to_lose(new_stack: Callable[..., stacks.Stack]) -> None:
    stack = new_stack(chat=chat(), lab=chat(protect=False))
    stack.run("config", "set", "llm:production", "true")
    steps = json.loads(stack.run("preview", "--json").output)["steps"]
    protected = {
        state["urn"].rpartition("::")[2]: state.get("protect", False)
        for state in (step["newState"] for step in steps)
        if state["type"] == stacks.SERVICE
    }
    assert protected == {"chat": True, "lab": False}


def test_a_sweep_reads_the_state_by_the_real_command(
    new_stack: Callable[..., stacks.Stack],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    stack = new_stack()
    state = json.loads(stack.run("stack", "export").output)
    urn = f"urn:pulumi:{stack.name}::llm::{{}}::{{}}".format
    types = {name: f"pulumi-python:dynamic/skypilot:{name}" for name in ("Scope", "Service")}
    python = urn("pulumi:providers:pulumi-python", "default")
    place = {"apiServer": "http://sky.test", "mark": MARK}
    known = {"name": NAME, "scope": place}
    state["deployment"]["resources"] = [
        {"urn": python, "custom": True, "id": "p", "type": "pulumi:providers:pulumi-python"},
        *(
            {
                "urn": urn(types[kind], kind),
                "custom": True,
                "id": id_,
                "type": types[kind],
                "outputs": outputs,
                "provider": f"{python}::p",
            }
            for kind, id_, outputs in (("Scope", MARK, place), ("Service", NAME, known))
        ),
    ]
    stack.run("stack", "import", stdin=json.dumps(state))
    for name, value in stack.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(stack.project)
    with testing.use(testing.SkyPilot()) as sky:
        services = Services(sky, sky.clock)
        services.create(wanted())
        assert cli.main(["sweep"]) == 0
        services.create(dataclasses.replace(wanted(), name="left-over"))
        assert cli.main(["sweep", "--stack", stack.name, "--yes"]) == 0
        assert [one.name for one in sky.services()] == [NAME]
        assert cli.main(["sweep", "--all", "--api-server", "http://sky.test"]) == 0
    assert "left-over  service" in capsys.readouterr().out
