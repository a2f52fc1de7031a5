"""docs/guide.md, as far as it needs no machine; tests/e2e/test_guide.py runs the rest."""

import pathlib
import re
import shlex

import pytest
import yaml

from pulumi_skypilot import cli, plan, spec
from pulumi_skypilot.plan import tool_server
from pulumi_skypilot.spec import stack
from scripts import console

PAGE = console.ROOT / "docs" / "guide.md"
TEXT = PAGE.read_text("utf-8")
STACKS = console.project_files(TEXT)


def deployments() -> dict[str, plan.Plan]:
    planned = {}
    for name, text in STACKS.items():
        for key, data in yaml.safe_load(text)["config"]["llm:deployments"].items():
            planned[f"{name} {key}"] = plan.plan(spec.parse(stack.spec_of(data)), f"a-{key}")
    return planned


def test_the_stacks_of_the_guide_have_a_plan_and_nothing_to_act_on() -> None:
    planned = deployments()
    assert len(planned) == len(STACKS) == 4
    assert {name: made.warnings for name, made in planned.items() if made.warnings} == {}
    assert {name: made.unchecked for name, made in planned.items() if made.unchecked} == {}


def test_the_setup_of_the_demo_installs_what_the_preview_asks_for() -> None:
    wanted = deployments()["Pulumi.demo.yaml lab"].spec
    assert wanted.tool_server == ("demo",)
    assert " && ".join((wanted.setup or "").splitlines()) == tool_server.INSTALL


@pytest.mark.parametrize("line", re.findall(r"`(pulumi-skypilot export .*?)`", TEXT))
def test_a_stack_of_the_guide_is_exported(
    line: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: llm\nruntime: python\n")
    for name, text in STACKS.items():
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    assert cli.main(shlex.split(line)[1:]) == 0
    task = yaml.safe_load(capsys.readouterr().out)
    assert "vllm serve openai/gpt-oss-120b" in task["run"]


def test_each_block_is_run_by_a_test() -> None:
    """Blocks of bash run on the embedded cloud, those with a $ are written by scripts.console."""
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", TEXT, re.M | re.S)
    begins = {"yaml": "# Pulumi.", "": "$ pulumi-skypilot ", "bash": "", "text": ""}
    assert [text for kind, text in blocks if not text.startswith(begins[kind])] == []
    assert len(blocks) > 10
