"""The words after `vllm serve`. What is expected here is what vLLM 0.32's own parser returned."""

import typing

import pytest

from pulumi_skypilot import catalog
from pulumi_skypilot.cli.convert.from_task import vllm_parser


def flags(words: str) -> dict[str, typing.Any]:
    return vllm_parser.read(words.split()).flags


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("-O3", {"optimization-level": "3"}),
        ("-O 2", {"optimization-level": "2"}),
        ("-O=1", {"optimization-level": "1"}),
        ("-O.cudagraph_mode=NONE", {"compilation-config": {"cudagraph_mode": "NONE"}}),
        ('-O {"level":3}', {"compilation-config": '{"level":3}'}),
        ("-cc.mode 3 -cc.a.b x", {"compilation-config": {"mode": 3, "a": {"b": "x"}}}),
        ("--hf_overrides.a_b+ x,y --hf-overrides.a_b+ z", {
            "hf-overrides": {"a_b": ["x", "y", "z"]},
        }),
        ("--kv-transfer-config.bytes 80m", {"kv-transfer-config": {"bytes": 80_000_000}}),
        ("-tp 2 -pp=3 -dp 4", {
            "tensor-parallel-size": "2", "pipeline-parallel-size": "3", "data-parallel-size": "4",
        }),
        ("-qawq -n2 -r 1", {"quantization": "awq", "nnodes": "2", "node-rank": "1"}),
        ("-ep -dpe", {"enable-expert-parallel": True, "data-parallel-external-lb": True}),
        ("-sc.method ngram", {"speculative-config": {"method": "ngram"}}),
        ("--tensor-parallel 2", {"tensor-parallel-size": "2"}),
        ("--no-enable-prefix", {"enable-prefix-caching": False}),
        ("--device-memory-utilization 0.8", {"gpu-memory-utilization": "0.8"}),
        ("--max_model_len=32k", {"max-model-len": "32k"}),
        ("--headless --hf-token --seed -1", {"headless": True, "hf-token": True, "seed": "-1"}),
        ("--served-model-name a b --seed 1", {"served-model-name": ["a", "b"], "seed": "1"}),
        ("--middleware a.b --seed 1 --middleware=c.d", {"middleware": ["a.b", "c.d"], "seed": "1"}),
        ("--enable-chunked-prefill false", {"enable-chunked-prefill": False}),
        ("--no-enable-prefix-caching=true", {"enable-prefix-caching": False}),
    ],
)  # fmt: skip
def test_options_are_read_as_vllm_reads_them(words: str, said: dict[str, object]) -> None:
    read = vllm_parser.read(words.split())
    assert (read.flags, read.model, read.refused, read.unread) == (said, None, [], [])


@pytest.mark.parametrize(
    "words",
    [
        "a/b --seed 1",
        "--seed 1 a/b",
        "--enforce-eager a/b",
        "-O3 a/b",
        "--headless a/b",
        "--disable-log-requests a/b",
        "--seed 1 -- a/b",
        "--model=a/b",
    ],
)
def test_the_model_is_the_word_that_belongs_to_no_flag(words: str) -> None:
    read = vllm_parser.read(words.split())
    assert (read.model, read.refused) == ("a/b", [])


@pytest.mark.parametrize(
    ("words", "word", "why"),
    [
        ("a/b c", "c", "vLLM takes one model"),
        ("a/b -O3 c", "c", "vLLM takes one model"),
        ("a/b --model c/d", "a/b", "vLLM takes one model"),
        (
            "a/b -cc.x 1 --compilation-config.y 2",
            "-cc.…",
            "the parts of --compilation",
        ),
        ("a/b --max-num 3", "--max-num 3", "more than one flag begins so"),
        ("a/b --config=x.yaml", "--config=x.yaml", "only of `--config FILE`"),
        ("a/b --config x.yaml", "--config x.yaml", "the file is not among the files of the task"),
    ],
)
def test_a_word_that_vllm_would_refuse_is_kept_with_the_reason(
    words: str, word: str, why: str
) -> None:
    ((refused, reason),) = vllm_parser.read(words.split()).refused
    assert refused == word
    assert why in reason


def test_no_word_gets_lost() -> None:
    read = vllm_parser.read(["a/b", "$X", "--zz", "1", "-yy", "-tp", "2", "${L[@]}", "c", "--seed"])
    assert read.flags == {"zz": "1", "yy": True, "tensor-parallel-size": "2", "seed": True}
    assert read.unread == ["$X", "${L[@]}"]
    assert [word for word, _ in read.refused] == ["c"]


def test_a_file_of_flags_is_weaker_than_the_command_line() -> None:
    text = "model: c/d\nseed: 1\nport: 80\nenforce_eager: true\nenable-prefix-caching: false\n"
    text += "grpc: false\nkv-transfer-config: {a: 1}\nserved-model-name: [x, y]\n"
    read = vllm_parser.read(["a/b", "--seed", "2", "--config", "/f.yaml"], {"/f.yaml": text}.get)
    assert read.model == "a/b"
    assert read.refused == []
    assert read.flags == {
        "seed": "2",
        "port": "80",
        "enforce-eager": True,
        "enable-prefix-caching": False,
        "kv-transfer-config": '{"a": 1}',
        "served-model-name": ["x", "y"],
    }
    assert vllm_parser.read(["--config", "/f.yaml"], {"/f.yaml": text}.get).model == "c/d"


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("32", 32), ("32k", 32_000), ("32K", 32_768), ("1.5m", 1_500_000), ("2G", 2**31),
        ("1.5K", None), ("x", None), ("", None),
    ],
)  # fmt: skip
def test_numbers_have_vllms_suffixes(text: str, number: int | None) -> None:
    assert vllm_parser.tokens(text) == number


def test_every_other_name_is_that_of_a_flag() -> None:
    known = catalog.flags()
    assert set(known.names.values()) <= known.flags | known.switches
    assert known.several | known.alone | known.optional <= known.flags
    assert not known.flags & known.switches
