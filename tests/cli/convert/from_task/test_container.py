"""`docker run` in an imported script."""

import typing

import pytest

from pulumi_skypilot.cli.convert import from_task
from pulumi_skypilot.cli.convert.from_task import server

MODEL = "Qwen/Qwen3-8B"


def imported(run: str, **content: object) -> from_task.Imported:
    return from_task.deployment({"run": run, "resources": {"accelerators": "L4:1"}, **content})


@pytest.mark.parametrize(
    "command",
    [
        f"vllm/vllm-openai:v0.11.0 --model {MODEL} --seed 1",
        f"vllm/vllm-openai:v0.11.0 {MODEL} --seed 1",
        f"vllm/vllm-openai:v0.11.0 vllm serve {MODEL} --seed 1",
        f"--entrypoint vllm vllm/vllm-openai:v0.11.0 serve {MODEL} --seed 1",
        f"--entrypoint=bash vllm/vllm-openai:v0.11.0 -c 'vllm serve {MODEL} --seed 1'",
        f"--entrypoint python3 vllm/vllm-openai:v0.11.0 -m vllm.entrypoints.openai.api_server "
        f"--model {MODEL} --seed 1",
    ],
)
def test_the_image_and_its_server_are_read(command: str) -> None:
    table = imported(
        "sudo docker run -d --rm --gpus all --ipc=host --shm-size 16g -p 8000:8000 --name v "
        f"--ulimit memlock=-1 -e VLLM_A=1 -eB=2 {command}"
    ).table
    assert table["image"] == "docker:vllm/vllm-openai:v0.11.0"
    assert table["model"] == MODEL
    assert table["vllmArgs"] == {"seed": 1}
    assert table["env"] == {"VLLM_A": "1", "B": "2"}


def test_an_image_of_another_name_serves_when_it_is_told_a_model() -> None:
    result = imported(f"docker run --gpus all registry.example/llm:1 --model {MODEL}")
    assert result.table["image"] == "docker:registry.example/llm:1"
    assert any("is taken for vLLM's server" in str(remark) for remark in result.remarks)


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("-v ~/.cache/huggingface:/root/.cache/huggingface", "modelCache keeps it"),
        ("--mount type=bind,source=/h,target=/root/.cache/huggingface", "modelCache keeps it"),
        ("-v /data:/models:ro", "a folder of the machine; put its files into a bucket"),
        ("--env-file .env", "docker run --env-file .env: it is left out"),
        ("-w /work", "docker run -w /work: it is left out"),
        ("--gpus '\"device=0,1\"'", "a deployment has all GPUs of its machine"),
    ],
)
def test_what_the_deployment_lacks_is_told(option: str, said: str) -> None:
    result = imported(f"docker run {option} vllm/vllm-openai --model {MODEL}")
    assert any(said in str(remark) for remark in result.remarks)


def test_a_secret_variable_is_not_repeated() -> None:
    result = imported(
        f"docker run -e HF_TOKEN=hf_hush -e A vllm/vllm-openai --model {MODEL}",
        envs={"A": "b"},
    )
    assert result.table["secrets"] == {"HF_TOKEN": "hfToken"}
    assert result.table["env"] == {"A": "b"}
    assert "hf_hush" not in str(result)


def test_a_variable_that_is_passed_on_is_the_tasks_own() -> None:
    run = f"docker run -e HF_TOKEN=$HF_TOKEN vllm/vllm-openai --model {MODEL}"
    result = imported(run, secrets={"HF_TOKEN": None})
    assert result.table["secrets"] == {"HF_TOKEN": "hfToken"}
    assert "env" not in result.table
    assert [str(r) for r in result.remarks if r.path == "env HF_TOKEN"] == []


@pytest.mark.parametrize("image", ["$IMAGE", "$(cat image)"])
def test_an_image_that_only_the_machine_knows_is_told(image: str) -> None:
    started: typing.Any = server.find(f"docker run {image} --model {MODEL}", {})
    assert started.image is None
    assert any("write it into image" in str(remark) for remark in started.told)
