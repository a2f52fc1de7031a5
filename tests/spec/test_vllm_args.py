"""The key `vllmArgs`, and words that could pass for a flag."""

import pytest

from pulumi_skypilot import spec
from tests.spec.parsing import parsed, refused


@pytest.mark.parametrize("flag", sorted(spec.OWNED))
def test_flags_that_are_ours_are_refused(flag: str) -> None:
    assert refused(vllmArgs={flag: "x"}).startswith(f"vllmArgs: {flag} is managed for you; ")


@pytest.mark.parametrize(("flag", "key"), spec.mapping.FLAGS.items())
def test_a_flag_with_a_key_is_written_under_the_key(flag: str, key: str) -> None:
    expected = f"vllmArgs: {flag} is set by the key {key}; write {key}"
    assert refused(vllmArgs={flag: "x"}) == expected


@pytest.mark.parametrize(
    ("flag", "whole"),
    [
        ("grp", "grpc"),
        ("root-pa", "root-path"),
        ("ud", "uds"),
        ("conf", "config"),
        ("api-k", "api-key"),
        ("middlewar", "middleware"),
        ("middleware.x", "middleware"),
        ("uvicorn-log", "uvicorn-log-level"),
        ("uvicorn-log-level.x", "uvicorn-log-level"),
    ],
)
@pytest.mark.parametrize("image", [None, "docker:a/b"])
def test_a_flag_cut_short_is_refused(image: str | None, flag: str, whole: str) -> None:
    """With an image of one's own vLLM's flags are not known, and argparse fills in the rest."""
    reason = refused(vllmArgs={flag: "x"}, image=image)
    assert reason == f"vllmArgs: {flag}: vLLM takes it for {whole}; write the whole name"


@pytest.mark.parametrize("flag", ["api-key.x", "grpc.on", "port.a"])
def test_a_part_of_a_flag_that_is_ours_is_refused(flag: str) -> None:
    assert refused(vllmArgs={flag: 1}).startswith(f"vllmArgs: {flag} is managed for you; ")


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        ("lora-modules", ["a=/b", "--grpc"]),
        ("seed", "--grpc"),
        ("x", ["--root-path=/a"]),
        ("x", "-O3"),
    ],
)
def test_a_value_is_no_other_flag(flag: str, value: object) -> None:
    assert "begins with a dash; vLLM takes it for a flag" in refused(vllmArgs={flag: value})


@pytest.mark.parametrize("value", ["-1", "-.5", "- a template", "-", ["a", "-2"], -1, "a-b"])
def test_a_value_may_be_negative(value: object) -> None:
    assert parsed(vllmArgs={"x": value}).vllm_args == {"x": value}


@pytest.mark.parametrize("level", ["debug", "trace", ["info", "debug"]])
def test_a_log_that_would_hold_keys_is_refused(level: object) -> None:
    assert "the log has the keys" in refused(vllmArgs={"uvicorn-log-level": level})
    assert parsed(vllmArgs={"uvicorn-log-level": "warning"})


@pytest.mark.parametrize("key", ["servedName", "revision", "quantization"])
def test_a_word_is_no_flag(key: str) -> None:
    assert "begins with a dash" in refused(**{key: "--grpc"})


@pytest.mark.parametrize("flag", ["--block-size", "block_size", "--block_size", "Block-Size"])
def test_a_flag_is_written_one_way(flag: str) -> None:
    assert refused(vllmArgs={flag: 1}) == f"vllmArgs: {flag}: write it as block-size"


@pytest.mark.parametrize("flag", ["O", "-O", "-O3"])
def test_a_short_flag_is_written_out(flag: str) -> None:
    reason = refused(vllmArgs={flag: 3})
    assert reason == f"vllmArgs: {flag}: write it as optimization-level, with a number"


def test_a_flag_needs_a_value() -> None:
    assert "write true for a flag that takes none" in refused(vllmArgs={"enforce-eager": None})


def test_vllm_args_are_a_table() -> None:
    assert refused(vllmArgs=["--enforce-eager"]) == (
        "vllmArgs: expected a table, got the list ['--enforce-eager']; write e.g. "
        "{seed: 1, enforce-eager: true}"
    )
