"""`docker compose` in an imported script."""

import pytest

from pulumi_skypilot import errors
from pulumi_skypilot.cli.convert import from_task

FILE = """
services:
  vllm:
    image: vllm/vllm-openai:${TAG:-v0.11.0}
    command: --model a/b --seed 7
    environment: [VLLM_A=1, HF_TOKEN]
    ipc: host
    ports: ["8000:8000"]
    volumes: ["~/.cache/huggingface:/root/.cache/huggingface"]
    deploy: {resources: {reservations: {devices: [{capabilities: [gpu]}]}}}
  web:
    image: nginx
"""
UP = "docker compose up -d"


def imported(run: str, file: str | None = FILE, name: str = "compose.yaml") -> from_task.Imported:
    task = {"run": run, "resources": {"accelerators": "L4:1"}}
    return from_task.deployment(task, lambda path: file if path == name else None)


@pytest.mark.parametrize(
    ("run", "name"),
    [
        (UP, "compose.yaml"),
        ("sudo docker-compose up", "docker-compose.yml"),
        ("docker compose -p x -f my.yaml up --wait vllm", "my.yaml"),
    ],
)
def test_the_server_of_a_compose_file_is_read(run: str, name: str) -> None:
    result = imported(run, name=name)
    assert result.table["model"] == "a/b"
    assert result.table["image"] == "docker:vllm/vllm-openai:v0.11.0"
    assert result.table["vllmArgs"] == {"seed": 7}
    assert result.table["env"] == {"VLLM_A": "1"}
    lost = [remark.text for remark in result.remarks if remark.kind == "not carried over"]
    assert lost == [
        "docker compose: the service of nginx is left out; a deployment runs its server only"
    ]


@pytest.mark.parametrize(
    "service",
    [
        "{image: i/vllm, entrypoint: [vllm, serve], command: [a/b, --seed, '7']}",
        "{image: i/x, entrypoint: bash -c, command: ['vllm serve a/b --seed 7']}",
        "{image: i/vllm, command: [--model, a/b, --seed=7], environment: {B: 2}}",
    ],
)
def test_each_way_to_write_a_command_is_read(service: str) -> None:
    table = imported(UP, f"services: {{s: {service}}}").table
    assert (table["model"], table["vllmArgs"]) == ("a/b", {"seed": 7})


def test_a_compose_file_that_the_script_writes_is_read_and_not_named() -> None:
    run = f"cat > compose.yaml <<'E'\n{FILE}\nE\n{UP}"
    lines = [str(remark) for remark in imported(run, None).remarks]
    assert not [line for line in lines if "cat" in line.split("`")]


def test_a_compose_file_that_is_not_there_is_a_refusal_that_says_so() -> None:
    with pytest.raises(errors.UnreadableTask, match="run: the file of its docker compose is not"):
        imported(UP, None)


@pytest.mark.parametrize("file", ["services: [", "[]", "services: {db: {image: postgres}}"])
def test_a_compose_file_without_a_server_is_refused(file: str) -> None:
    with pytest.raises(errors.UnreadableTask, match="starts no vLLM server"):
        imported(UP, file)
