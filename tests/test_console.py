"""The commands of the documentation run, and print what stands there."""

import pathlib
import re
import shlex

import pytest

from pulumi_skypilot import catalog, cli
from pulumi_skypilot.cli import fitting, gpus
from pulumi_skypilot.lifecycle import server_query
from scripts import console
from tests.test_docs import PAGES

NODES = [{"name": "a", "gpu": gpu, "count": 8, "free": 8} for gpu in ("H100", "L4")]
ROWS = [
    {"cloud": "aws", "region": "us-east-1", "instance": "i", "accelerator": "L4", "count": count,
     "cpus": 4.0, "memory": 64.0, "price": 0.8 * count, "spot": None}
    for count in (1.0, 2.0, 4.0)
]  # fmt: skip


def commands() -> list[str]:
    """Return every `fit` of --help and of a page that does not show what it prints."""
    text = "\n".join(page.read_text("utf-8") for page in PAGES)
    written = re.findall(r"^(pulumi-skypilot fit .*)$|`(pulumi-skypilot fit .+?)`", text, re.M)
    found = ["".join(pair).partition(" #")[0].strip() for pair in written]
    return list(dict.fromkeys([*found, *fitting.EXAMPLES]))


@pytest.mark.parametrize("page", console.PAGES, ids=lambda page: page.name)
def test_a_page_has_what_its_commands_print(page: pathlib.Path) -> None:
    assert console.filled(page) == page.read_text("utf-8"), "run `python -m scripts.console`"


@pytest.mark.parametrize("command", commands())
def test_a_command_of_the_documentation_lists_something(command: str, monkeypatch, capsys) -> None:
    answers = {
        "prices": {"rows": ROWS},
        "nodes": {"nodes": dict.fromkeys(("k8s/prod", "k8s/CONTEXT"), NODES)},
    }
    monkeypatch.setattr(server_query, "ask", lambda *_, **__: answers)
    monkeypatch.chdir(console.FOLDER)
    given = command.replace("MODEL", "Qwen/Qwen3-8B").replace("<context>", "CONTEXT")
    assert cli.main(shlex.split(given)[1:]) == 0, capsys.readouterr().err
    assert capsys.readouterr().out


@pytest.mark.parametrize("command", gpus.EXAMPLES)
def test_an_example_of_gpus_works(
    command: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: llm\n")
    monkeypatch.chdir(tmp_path)
    catalog.gpus.cache_clear()
    assert cli.main(shlex.split(command)[1:]) == 0, capsys.readouterr().err
    catalog.gpus.cache_clear()
