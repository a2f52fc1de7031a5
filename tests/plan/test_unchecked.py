"""Every fact of a deployment that was not checked is reported."""

import pytest

from pulumi_skypilot import plan, spec
from pulumi_skypilot.plan import unchecked

FITS = {"model": "openai/gpt-oss-20b", "accelerators": "H100:1"}


def reasons(**data: object) -> tuple[str, ...]:
    return plan.plan(spec.parse({**FITS, **data}), "chat").unchecked


def test_what_is_reckoned_whole_has_no_reason() -> None:
    assert reasons() == ()
    assert reasons(vllmArgs={"seed": 7, "enable-lora": False, "chat-template": "/x"}) == ()
    assert reasons(env={"VLLM_LOGGING_LEVEL": "DEBUG", "NAME": "x"}, revision="main") == ()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (
            {"model": "acme/chat-7b", "accelerators": "T4:1"},
            "acme/chat-7b is not in the catalogue, so its memory, disk and "
            "flags, and whether it is gated, are unknown: add it with `pulumi-skypilot models add "
            "acme/chat-7b`",
        ),
        ({"model": "openai/gpt-oss-20B"}, "(did you mean openai/gpt-oss-20b?)"),
        ({"model": "/models/mine"}, "the model in /models/mine is not known here"),
        ({"revision": "v2"}, "revision v2 of openai/gpt-oss-20b"),
        ({"accelerators": "GB10:1"}, "GB10:1: not in the catalogue of GPUs"),
        (
            {"accelerators": "MI300X:1", "image": "docker:vllm/vllm-openai-rocm:v0.32.0"},
            "MI300X:1: the memory fit follows vLLM's source, and no AMD GPU was measured",
        ),
        (
            {"accelerators": None, "cpus": "8"},
            "without GPUs memory is only estimated: about 24 GiB, and memory is not set",
        ),
        ({"accelerators": None, "memory": "8+"}, "about 24 GiB, and memory is 8+"),
        ({"image": "docker:vllm/vllm-openai:v0.20.0"}, "the image brings its own"),
        ({"nodes": 2}, "over several machines or more than two stages"),
        ({"accelerators": "H100:4", "tensorParallel": 1, "pipelineParallel": 4}, "two stages"),
        ({"quantization": "experts_int8"}, "with quantization experts_int8 the memory fit is not"),
        (
            {"model": "Qwen/Qwen3-0.6B", "kvCacheDtype": "int4_per_token_head"},
            "with kv-cache-dtype int4_per_token_head the memory fit is not computed",
        ),
        ({"vllmArgs": {"cpu-offload-gb": 8}}, "with cpu-offload-gb the memory fit is not computed"),
        (
            {"vllmArgs": {"hf-overrides.rope_scaling.factor": 2}},
            "with hf-overrides the memory fit is not",
        ),
        ({"vllmArgs": {"speculative-config": {"method": "mtp"}}}, "with speculative-config"),
        ({"vllmArgs": {"spec-method": "mtp", "spec-model": "a/b"}}, "spec-method, spec-model"),
        (
            {"vllmArgs": {"compilation-config": {"level": 0}}},
            "the memory fit leaves out compilation-config",
        ),
        (
            {"context": 4096, "vllmArgs": {"enable-chunked-prefill": False}},
            "leaves out enable-chunked-prefill",
        ),
        (
            {"context": 4096, "vllmArgs": {"no-enable-chunked-prefill": True}},
            "leaves out enable-chunked-prefill",
        ),
        ({"env": {"VLLM_USE_V2_MODEL_RUNNER": "0"}}, "leaves out env VLLM_USE_V2_MODEL_RUNNER"),
        ({"env": {"CUDA_VISIBLE_DEVICES": "0"}}, "leaves out env CUDA_VISIBLE_DEVICES"),
    ],
)
def test_each_kind_is_told_with_what_to_do(data: dict[str, object], reason: str) -> None:
    lines = reasons(**data)
    assert any(reason in line for line in lines), lines
    assert not any("\n" in line for line in lines)


def test_a_flag_of_another_release_is_not_taken_for_harmless() -> None:
    lines = reasons(image="docker:vllm/vllm-openai:v0.40.0", vllmArgs={"new-pool-gb": 8})
    assert "the memory fit leaves out new-pool-gb" in lines


def test_every_reason_is_told_at_once() -> None:
    lines = reasons(accelerators=["H100:1", "GB10:1"], nodes=2, vllmArgs={"moe-backend": "triton"})
    assert len(lines) == 3


def test_an_unplanned_spec_has_the_same_reasons() -> None:
    data = {**FITS, "nodes": 2, "revision": "v2"}
    assert unchecked.of_spec(spec.parse(data)) == reasons(nodes=2, revision="v2")
