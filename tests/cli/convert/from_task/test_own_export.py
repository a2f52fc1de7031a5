"""A task that this package exported, imported again by the command."""

import pathlib
import typing

import pytest
import yaml

from pulumi_skypilot import cli
from pulumi_skypilot.cli.convert import from_task, to_task
from pulumi_skypilot.cli.convert.from_task import own_export

SECRETS = ("chatKey", "newKey", "token", "cert", "certKey", "imagePw")
VOLUMES = {"models": {"type": "k8s-pvc", "infra": "k8s", "size": 50}}

DEPLOYMENTS: dict[str, dict[str, typing.Any]] = {
    "plain": {"model": "openai/gpt-oss-20b", "accelerators": "H100:1"},
    "keyed": {
        "model": "openai/gpt-oss-20b",
        "accelerators": "H100:1",
        "reasoningEffort": "low",
        "tools": True,
        "secrets": {"HF_TOKEN": "token"},
        "env": {"A": "b"},
        "setup": "apt-get install -y x\n",
        "apiKey": ["newKey", "chatKey"],
        "tls": {"certificate": "cert", "key": "certKey"},
        "replicas": {"min": 1, "max": 3, "targetQps": 2},
        "host": "llm.example.com",
        "timeouts": {"ready": 900},
        "protect": True,
    },
    "open": {"model": "Qwen/Qwen3-8B", "accelerators": "L40S:1", "auth": "none", "spot": True},
    "image": {
        "model": "Qwen/Qwen3-8B",
        "accelerators": ["L40S:2", "H100:2"],
        "image": "docker:vllm/vllm-openai:v0.32.0",
        "imageCredentials": {"server": "s", "username": "u", "password": "imagePw"},
        "memory": "64+",
        "infra": ["aws", "gcp/us-central1"],
        "vllmArgs": {"seed": 1, "compilation-config": {"mode": 3}},
    },
    "machines": {
        "kind": "cluster",
        "model": "Qwen/Qwen3-32B",
        "accelerators": "H100:2",
        "nodes": 2,
        "autostop": {"idle": 10, "then": "down"},
        "apiKey": "chatKey",
    },
    "cpu": {"model": "Qwen/Qwen3-8B", "memory": "64+", "context": 4096},
    "kept": {
        "model": "Qwen/Qwen3-8B",
        "accelerators": "L40S:1",
        "infra": "k8s",
        "volumes": {"/models": "models"},
        "modelCache": "/models",
        "pod": {"nodeSelector": {"a": "b"}, "sharedMemory": 8},
    },
}


@pytest.fixture
def project(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    config = {f"llm:{name}": {"secure": "v1:abc"} for name in SECRETS}
    tables: dict[str, typing.Any] = {"llm:deployments": DEPLOYMENTS, "llm:volumes": VOLUMES}
    (tmp_path / "Pulumi.yaml").write_text("name: llm\nruntime: python\n")
    (tmp_path / "Pulumi.prod.yaml").write_text(yaml.safe_dump({"config": config | tables}))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("key", DEPLOYMENTS)
def test_an_own_export_comes_back_equal_and_without_remarks(key, project, capsys) -> None:
    assert cli.main(["export", "--stack", "prod", key]) == 0
    task = project / "task.sky.yaml"
    task.write_text(capsys.readouterr().out)
    assert cli.main(["import", str(task)]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    assert yaml.safe_load(said.out)["config"]["llm:deployments"] == {key: DEPLOYMENTS[key]}


def test_what_was_changed_by_hand_is_kept_and_what_was_added_is_told(project, capsys) -> None:
    assert cli.main(["export", "--stack", "prod", "keyed"]) == 0
    text = capsys.readouterr().out.replace("max_replicas: 3", "max_replicas: 5")
    text = text.replace("  exec vllm serve", "  python warm_up.py\n  exec vllm serve")
    task = project / "task.sky.yaml"
    task.write_text(text.replace("apt-get install -y x", "apt-get install -y y"))
    assert cli.main(["import", str(task)]) == 0
    said = capsys.readouterr()
    table = yaml.safe_load(said.out)["config"]["llm:deployments"]["keyed"]
    changed = {"setup": "apt-get install -y y\n", "replicas": {"min": 1, "max": 5, "targetQps": 2}}
    assert table == DEPLOYMENTS["keyed"] | changed
    (line,) = said.err.splitlines()
    assert line.startswith("not carried over: run: `python warm_up.py`")


def test_without_its_comment_it_has_its_to_dos(project, capsys) -> None:
    assert cli.main(["export", "--stack", "prod", "keyed"]) == 0
    content = yaml.safe_load(capsys.readouterr().out)
    places = [remark.path for remark in from_task.deployment(content).remarks]
    assert places == [
        "service.tls.certfile", "service.tls.keyfile", "secret SERVE_API_KEYS", "secret HF_TOKEN",
    ]  # fmt: skip


def test_what_is_no_name_of_a_setting_is_not_said() -> None:
    table = {"model": "a/b", "apiKey": "sk-hush", "secrets": {"HF_TOKEN": "hf_hush", "A": "token"}}
    text = own_export.comment("chat", table, {})
    assert "hush" not in text
    assert own_export.beside(text) == {"key": "chat", "secrets": {"A": "token"}}


@pytest.mark.parametrize("text", ["", "name: x", "# pulumi-skypilot: {", "# pulumi-skypilot: 1"])
def test_another_comment_says_nothing(text: str) -> None:
    assert own_export.beside(text) is None


def test_a_key_without_which_the_task_is_the_same_is_left_out() -> None:
    table = {"model": "openai/gpt-oss-20b", "accelerators": "H100:1", "context": 131072, "disk": 99}
    task = to_task.export(table, "chat")
    assert from_task.deployment(task).table == {
        "model": "openai/gpt-oss-20b", "accelerators": "H100:1", "disk": 99,
    }  # fmt: skip
