"""The numbers of flags, compared with what vLLM itself declares."""

import math
import typing

import hypothesis
import pytest
from hypothesis import strategies as st

from pulumi_skypilot import catalog, errors, plan, spec
from pulumi_skypilot.catalog import declared
from pulumi_skypilot.plan import ranges, vllm

NUMERIC = {
    flag: known for flag, known in declared.ranges().items() if not known.one_of and not known.many
}
TAKEN = {*spec.OWNED, *spec.mapping.FLAGS}
FREE = sorted(flag for flag in NUMERIC if flag not in TAKEN and "." not in flag)
"""Numeric flags that vllmArgs may hold."""


def refused(**data: object) -> list[str]:
    table = {"model": "somebody/some-model", "accelerators": "A100:1", **data}
    try:
        plan.plan(spec.parse(table), "chat")
    except errors.SpecError as error:
        return [problem.reason for problem in error.problems]
    return []


def test_the_ranges_are_of_the_release_that_is_installed() -> None:
    assert declared.engine() == vllm.VERSION
    known = catalog.flags()
    for flag, range_ in declared.ranges().items():
        assert flag.partition(".")[0] in known.flags, flag
        assert range_.source
        assert range_.type in ranges.TYPES
    assert len(NUMERIC) >= 70


@pytest.mark.parametrize("flag", FREE)
@pytest.mark.parametrize(
    "value", [True, math.nan, math.inf, -math.inf, "nan", "inf", "much", {"a": 1}]
)
def test_what_is_no_number_is_refused(flag: str, value: object) -> None:
    (reason,) = refused(vllmArgs={flag: value})
    assert reason.startswith(f"vllmArgs: {flag} ")
    assert f"vLLM {vllm.VERSION} asks for; " in reason


@hypothesis.given(st.sampled_from(FREE), st.floats(-1e6, 1e6) | st.integers(-10, 70_000))
def test_a_number_is_taken_just_where_the_bounds_have_it(flag: str, value: float) -> None:
    known = NUMERIC[flag]
    good = (
        (known.gt is None or value > known.gt)
        and (known.ge is None or value >= known.ge)
        and (known.lt is None or value < known.lt)
        and (known.le is None or value <= known.le)
        and (known.type == "float" or float(value).is_integer())
    )
    assert (ranges.wrong(flag, value) is None) == good
    assert (ranges.wrong(flag, repr(value).removesuffix(".0")) is None) == good


@hypothesis.given(st.sampled_from(sorted(NUMERIC)), st.floats() | st.text() | st.booleans())
def test_a_number_that_is_reckoned_with_is_one_that_vllm_takes(flag: str, value: object) -> None:
    number = ranges.number(flag, value)
    known = NUMERIC[flag]
    assert number is None or math.isfinite(number)
    assert number is None or known.ge is None or number >= known.ge
    assert number is None or known.gt is None or number > known.gt
    assert number is None or known.le is None or number <= known.le


@pytest.mark.parametrize(
    ("flag", "value", "number"),
    [
        ("kv-cache-memory-bytes", "2k", 2000),
        ("kv-cache-memory-bytes", "1.5g", 1_500_000_000),
        ("max-num-queued-tokens", "2K", 2048),
        ("max-model-len", "auto", -1),
        ("max-model-len", -1, -1),
        ("max-logprobs", -1, -1),
        ("gpu-memory-utilization", "0.9", 0.9),
        ("device-memory-utilization", 0.9, 0.9),
        ("kv-cache-memory-bytes", "1.5G", None),
        ("block-size", "2k", None),
        ("gpu-memory-utilization", "90%", None),
    ],
)
def test_numbers_are_read_as_vllm_reads_them(flag: str, value: object, number: object) -> None:
    assert ranges.number(flag, value) == number
    assert (ranges.wrong(flag, value) is None) == (number is not None)


@pytest.mark.parametrize(
    ("args", "reason"),
    [
        (
            {"gpu-memory-utilization": 95},
            "gpu-memory-utilization 95 is not a number above 0 and up to 1, which vLLM 0.32.0 "
            "asks for; write 0.95",
        ),
        (
            {"block-size": 0},
            "block-size 0 is not a whole number above 0, which vLLM 0.32.0 asks for; change it or "
            "leave it out",
        ),
        (
            {"max-lora-rank": 12},
            "max-lora-rank 12 is not one of 1, 8, 16, 32, 64, 128, 256, 320, 512, which vLLM "
            "0.32.0 asks for; change it or leave it out",
        ),
        ({"watermark": 1}, "watermark 1 is not a number from 0 and below 1, which vLLM"),
        ({"data-parallel-rpc-port": 0}, "is not a whole number from 1 and up to 65535"),
        ({"sse-keep-alive-interval": -1}, "is not a whole number of 0 or more"),
        ({"optimization-level": 7}, "optimization-level 7 is not one of 0, 1, 2, 3"),
        ({"seed": [1, 2]}, "seed takes one value, not a list; write one"),
        ({"numa-bind-nodes": [0, -1]}, "numa-bind-nodes -1 is not a whole number of 0 or more"),
        ({"scheduling-policy": "lifo"}, "has no scheduling-policy lifo; known are fcfs, priority"),
        ({"speculative-config": {"num_speculative_tokens": 0}}, "num_speculative_tokens 0 is not"),
        ({"speculative-config": '{"num_speculative_tokens": 0}'}, "num_speculative_tokens 0 is"),
        ({"speculative-config.num_speculative_tokens": 0}, "num_speculative_tokens 0 is not a"),
    ],
)
def test_what_is_out_of_range_is_told_with_the_bound(args: dict[str, object], reason: str) -> None:
    (message,) = refused(vllmArgs=args)
    assert message.startswith("vllmArgs: ")
    assert reason in message


@pytest.mark.parametrize(
    "args",
    [
        {"max-lora-rank": "16", "cudagraph-capture-sizes": [1, 2, "4"], "optimization-level": "3"},
        {"video-pruning-rate": "None", "kv-cache-memory-bytes": "2G", "max-logprobs": -1},
        {"speculative-config": {"num_speculative_tokens": 3, "model": "a/b"}},
        {"speculative-config": "{not json"},
        {"numa-bind-nodes": 0},
    ],
)
def test_what_is_in_range_is_taken(args: dict[str, object]) -> None:
    assert refused(vllmArgs=args) == []


def test_all_mistakes_are_told_at_once() -> None:
    args = {"gpu-memory-utilization": 95, "block-size": 0, "seed": "x"}
    messages = refused(vllmArgs=args, maxSequences=300, maxBatchedTokens=200)
    assert len(messages) == 4
    assert messages[-1] == (
        "maxBatchedTokens: maxBatchedTokens 200 is less than maxSequences 300, which vLLM 0.32.0 "
        "refuses; write maxBatchedTokens 300 or more, or lower maxSequences"
    )


@pytest.mark.parametrize(
    ("data", "key"),
    [
        ({"maxSequences": 10_000, "model": "openai/gpt-oss-20b", "accelerators": "B200"},
         "maxSequences"),
        ({"maxSequences": 4096, "optimize": "latency"}, "maxSequences"),
        ({"maxBatchedTokens": 2048, "context": 4096,
          "vllmArgs": {"enable-chunked-prefill": False}}, "context"),
        ({"maxBatchedTokens": 2048, "context": 4096,
          "vllmArgs": {"no-enable-chunked-prefill": True}}, "context"),
        ({"maxSequences": 8, "vllmArgs": {"max-num-active-seqs": 9}}, "maxSequences"),
        ({"context": 4096, "vllmArgs": {"long-prefill-token-threshold": 5000}}, "context"),
        ({"vllmArgs": {"data-parallel-size": 2, "data-parallel-size-local": 4}}, "vllmArgs"),
    ],
)  # fmt: skip
def test_two_flags_that_vllm_refuses_together_are_told(data: dict[str, object], key: str) -> None:
    (message,) = refused(**data)
    assert key in message
    assert "which vLLM 0.32.0 refuses; write " in message


def test_two_flags_that_go_together_are_taken() -> None:
    assert refused(maxBatchedTokens=2048, context=4096) == []
    assert refused(maxBatchedTokens=300, maxSequences=300) == []


def test_an_image_is_only_told_of_but_nothing_false_is_reckoned_with() -> None:
    data: dict[str, typing.Any] = {"image": "docker:a/b"}
    assert refused(**data, vllmArgs={"stream-interval": 0}) == []
    (message,) = refused(**data, vllmArgs={"gpu-memory-utilization": 95, "stream-interval": 0})
    assert message.endswith("write 0.95")


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [("context", "4096", 4096), ("maxSequences", "8", 8), ("nodes", "1", 1), ("disk", "300", 300)],
)
def test_a_number_that_pulumi_stored_as_text_counts(key: str, text: str, value: int) -> None:
    table = {"model": "a/b", "accelerators": "A100:1"}
    written = spec.to_inputs(spec.parse({**table, key: text}))
    assert written[key] == value
    assert written == spec.to_inputs(spec.parse({**table, key: value}))


def test_fractions_as_text_count_and_other_text_does_not() -> None:
    table = {"model": "a/b", "accelerators": "A100:1"}
    scaled = {"min": "1", "max": "2", "targetQps": "2.5"}
    assert spec.parse({**table, "replicas": scaled}).replicas.target_qps == 2.5
    assert spec.parse({**table, "replicas": "2"}).replicas.max == 2
    for wrong in ("4096.5", "many", "", "-1", "1e3", "nan"):
        with pytest.raises(errors.SpecError):
            spec.parse({**table, "context": wrong})
