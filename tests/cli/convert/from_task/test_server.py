import typing

import pytest

from pulumi_skypilot import errors
from pulumi_skypilot.cli.convert.from_task import server, vllm_parser


def flags(arguments: str, **variables: str) -> dict[str, typing.Any]:
    return dict(server.find(f"vllm serve a/b {arguments}", variables).flags)


@pytest.mark.parametrize(
    "command",
    [
        "vllm serve a/b --seed 1",
        "exec /opt/venv/bin/vllm serve a/b --seed 1 | tee log &",
        "HF_HOME=/x nohup vllm serve --seed 1 a/b",
        "python3 -u -m vllm.entrypoints.openai.api_server --model a/b --seed=1",
        "uv run vllm serve --trust-remote-code a/b --seed 1",
        "if [ $SKYPILOT_NODE_RANK = 0 ]; then vllm serve a/b --seed 1; fi",
    ],
)
def test_a_server_is_found_in_whichever_form(command: str) -> None:
    started = server.find(command, {})
    assert started.model == "a/b"
    assert started.flags["seed"] == "1"


def test_flags_are_spelt_as_vllm_does_now() -> None:
    assert flags("--max_model_len=10 -tp 2 --no-enable-prefix-caching --lora-modules a=b c=d") == {
        "max-model-len": "10",
        "tensor-parallel-size": "2",
        "enable-prefix-caching": False,
        "lora-modules": ["a=b", "c=d"],
    }


def test_a_flag_said_twice_counts_as_said_last() -> None:
    assert flags("--seed 1 --seed 2") == {"seed": "2"}


def test_a_negative_number_is_a_value() -> None:
    assert flags("--max-model-len -1") == {"max-model-len": "-1"}


def test_pairs_are_the_table_that_they_have_become() -> None:
    assert flags("--limit-mm-per-prompt image=4,video=1") == {
        "limit-mm-per-prompt": '{"image": 4, "video": 1}'
    }


def test_words_that_may_be_any_flags_are_kept_apart() -> None:
    started = server.find('vllm serve a/b --seed 1 $MORE "${LIST[@]}" --port 80', {})
    assert started.unread == ("$MORE", "${LIST[@]}")
    assert started.flags == {"seed": "1", "port": "80"}


def test_the_environment_is_what_is_exported_and_what_stands_before() -> None:
    started = server.find("A=1\nexport B=2\nC=3 vllm serve a/b\nD=4 other", {})
    assert started.environment == {"B": "2", "C": "3"}
    assert [command.words for command in started.others] == [("other",)]


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("python train.py", "it starts no vLLM server"),
        ("python -m sglang.launch_server --model a/b", "it starts SGLang, and a deployment"),
        ("docker run ghcr.io/huggingface/text-generation-inference --model-id a/b", "starts Hugg"),
        ("ollama serve", "it starts Ollama"),
        ("echo vllm serve a/b", "it starts no vLLM server"),
        ("vllm serve a/b &\nvllm serve c/d", "it starts 2 vLLM servers"),
        ("vllm serve $MODEL", "its vLLM server is MODEL, which has no value"),
        ("vllm serve $(cat model)", "worked out on the machine"),
        ("vllm serve --seed 1", "is not named; write it after `vllm serve`"),
    ],
)
def test_what_is_no_one_server_is_refused(script: str, reason: str) -> None:
    with pytest.raises(errors.UnreadableTask, match=reason.replace("$", "\\$")):
        server.find(script, {})


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("64", 64),
        ("0.95", 0.95),
        ("1e6", "1e6"),
        ("0640", "0640"),
        ('{"a": 1}', {"a": 1}),
        ("true", "true"),
        (["1", "x"], [1, "x"]),
        (True, True),
    ],
)
def test_a_value_is_a_number_only_where_it_is_written_the_same_again(
    word: vllm_parser.Value, value: object
) -> None:
    assert server.value(word) == value
