"""What stands before a server's command."""

import pytest

from pulumi_skypilot import errors
from pulumi_skypilot.cli.convert.from_task import server


def told(script: str) -> list[str]:
    return [str(remark) for remark in server.find(script, {}).told]


@pytest.mark.parametrize(
    "before",
    [
        "env", "nohup", "exec", "time", "setsid", "stdbuf -oL", "sudo -E -u ubuntu", "tini -s --",
        "conda run -n vllm --no-capture-output", "micromamba run -p /env", "poetry run", "pixi run",
        "uv run --python 3.12 --with vllm==0.9", "uv tool run --from vllm",
        "uvx --from 'vllm>=0.9'",
        "sudo env", "docker run --rm -it IMAGE", "podman container run -d IMAGE",
    ],
)  # fmt: skip
def test_a_wrapper_without_effect_goes_without_a_word(before: str) -> None:
    script = f"{before} vllm serve a/b --seed 1"
    assert server.find(script, {}).flags == {"seed": "1"}
    assert told(script) == []


@pytest.mark.parametrize(
    ("script", "what"),
    [
        ("timeout -k 5 1h vllm serve a/b", "`timeout -k 5 1h` stands before the server"),
        ("numactl -N 0 -m 0 vllm serve a/b", "binds the server to some of the"),
        ("taskset -c 0-7 vllm serve a/b", "`taskset -c 0-7` stands"),
        ("nice -n 5 vllm serve a/b", "it sets the server's priority"),
        ("env -u X vllm serve a/b", "`env -u X` stands"),
        ("uv run --with boto3 vllm serve a/b", "`uv --with boto3` stands"),
        ("conda run --cwd /x vllm serve a/b", "`conda --cwd /x` stands"),
        ("srun -N 2 vllm serve a/b", "`srun -N 2` stands before the server and is left out"),
        ("nsys profile -o x python -m vllm.entrypoints.openai.api_server --model a/b", "`nsys"),
    ],
)
def test_a_wrapper_that_does_something_is_told(script: str, what: str) -> None:
    (line,) = told(script)
    assert line.startswith("not carried over: run: ")
    assert what in line


@pytest.mark.parametrize(
    "script",
    [
        'bash -c "export A=1; exec vllm serve a/b --seed 1"',
        "bash -euo pipefail -c 'A=1 vllm serve a/b --seed 1'",
        "sh -lc 'B=2; A=1 vllm serve a/b --seed $((B - 1))'",
        "eval 'A=1 vllm serve a/b --seed 1'",
        "env A=1 bash -c 'vllm serve a/b --seed 1'",
        "export A=1\nenv vllm serve a/b --seed 1",
        'S=1\ndocker run -eA=1 IMAGE bash -c "vllm serve a/b --seed $S"',
        "env A=1 /usr/bin/python3.12 -u -X utf8 -m vllm.entrypoints.openai.api_server "
        "--model a/b --seed 1",
        "A=1 python /x/vllm/entrypoints/openai/api_server.py --model a/b --seed 1",
        "A=1 python /env/bin/vllm serve a/b --seed 1",
        "A=1 uvx vllm@0.9.1 serve a/b --seed 1",
    ],
)
def test_what_is_inside_is_read_with_its_variables(script: str) -> None:
    started = server.find(script, {})
    assert started.model == "a/b"
    assert started.flags == {"seed": "1"}
    assert started.environment == {"A": "1"}


@pytest.mark.parametrize(
    "script",
    [
        "echo vllm serve a/b", "pkill -f vllm serve", "bash start.sh", "python -m vllm.x --model a",
        "docker exec x ls", "./start.sh",
    ],
)  # fmt: skip
def test_what_starts_no_server_is_not_taken_for_one(script: str) -> None:
    with pytest.raises(errors.UnreadableTask, match="starts no vLLM server"):
        server.find(script, {})
