import pathlib

import pytest
import yaml

from pulumi_skypilot import cli

STACK = """\
config:
  models:prefix: acme
  models:hfToken: {secure: v1:def}
  models:chatKey: {secure: v1:ghi}
  models:deployments:
    chat:
      model: Qwen/Qwen3-8B
      accelerators: L4:1
      context: 8192
      env: {PLAIN: x, SEALED: {secure: v1:abc}}
      secrets: {HF_TOKEN: hfToken}
      apiKey: chatKey
    other: {model: Qwen/Qwen3-8B, accelerators: H100:1, replicas: 2}
"""


@pytest.fixture
def project(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    (tmp_path / "Pulumi.yaml").write_text("name: models\nruntime: python\nstackConfigDir: stacks\n")
    (tmp_path / "stacks").mkdir()
    (tmp_path / "stacks" / "Pulumi.prod.yaml").write_text(STACK)
    monkeypatch.chdir(tmp_path / "stacks")
    return tmp_path


def test_a_deployment_of_a_stack_is_the_task_that_it_makes(project, capsys) -> None:
    assert cli.main(["export", "--stack", "prod", "chat"]) == 0
    said = capsys.readouterr()
    task = yaml.safe_load(said.out)
    assert task["name"] == "acme-chat"
    assert task["envs"] == {"PLAIN": "x", "SEALED": None}
    assert task["secrets"] == {"SERVE_API_KEYS": None, "HF_TOKEN": None}
    assert "vllm serve Qwen/Qwen3-8B" in task["run"]
    assert said.err.splitlines() == [
        "to do: to launch it by hand, pass --env SEALED",
        "to do: to launch it by hand, pass --secret SERVE_API_KEYS",
        "to do: to launch it by hand, pass --secret HF_TOKEN",
    ]


def test_what_the_project_shares_is_part_of_it(project, capsys) -> None:
    shared = {"value": {"other": {"disk": 99, "replicas": {"min": 1}}, "third": {"model": "a/b"}}}
    file = project / "Pulumi.yaml"
    file.write_text(
        yaml.safe_dump({**yaml.safe_load(file.read_text()), "config": {"shared": shared}})
    )
    assert cli.main(["export", "--stack", "prod", "other"]) == 0
    assert yaml.safe_load(capsys.readouterr().out)["resources"]["disk_size"] == 99
    assert cli.main(["export", "--stack", "prod", "no"]) == 2
    assert "there is other, third, chat" in capsys.readouterr().err


def test_a_file_holds_one_deployment_or_what_import_printed(project, capsys) -> None:
    one = project / "one.yaml"
    one.write_text("{model: Qwen/Qwen3-8B, accelerators: L4:1}")
    assert cli.main(["export", "--file", str(one)]) == 0
    said = capsys.readouterr()
    assert yaml.safe_load(said.out)["name"] == "model"
    assert said.err.startswith("a preview refuses it: model.context: 40960 tokens of Qwen/Qwen3-8B")
    many = project / "stacks" / "Pulumi.prod.yaml"
    assert cli.main(["export", "--file", str(many), "other"]) == 0
    assert yaml.safe_load(capsys.readouterr().out)["name"] == "other"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--stack", "prod"], "stack prod: which deployment?; there is chat, other"),
        (["--stack", "prod", "chta"], "stack prod: no deployment chta; there is chat, other"),
        (["--stack", "dev"], "Pulumi.dev.yaml: no such file; the project has the stacks prod"),
    ],
)
def test_what_is_not_there_is_said(project, capsys, arguments: list[str], reason: str) -> None:
    assert cli.main(["export", *arguments]) == 2
    assert reason in capsys.readouterr().err


def test_a_deployment_that_is_refused_says_why(project, capsys) -> None:
    path = project / "stacks" / "Pulumi.prod.yaml"
    path.write_text(STACK.replace("replicas: 2", "replicas: lots, gpu: 1"))
    assert cli.main(["export", "--stack", "prod", "other"]) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 2
    assert all(line.startswith("pulumi-skypilot: models:deployments.other.") for line in said)


def test_a_table_that_is_encrypted_as_a_whole_is_said(project, capsys) -> None:
    path = project / "stacks" / "Pulumi.prod.yaml"
    path.write_text("config:\n  models:deployments: {secure: v1:abc}\n")
    assert cli.main(["export", "--stack", "prod", "chat"]) == 2
    assert "is encrypted in stack prod" in capsys.readouterr().err


def test_a_folder_without_a_project_is_said(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["export", "--stack", "prod"]) == 2
    assert "there is no Pulumi.yaml" in capsys.readouterr().err
