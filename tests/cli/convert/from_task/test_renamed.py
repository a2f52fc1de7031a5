"""Flags of earlier releases that go by another name now."""

import pytest

from pulumi_skypilot.cli.convert import from_task

YARN = '{"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32768}'
ROPE = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32768}


def imported(flags: str, **content: object) -> from_task.Imported:
    return from_task.deployment({"run": f"vllm serve a/b {flags}", **content})


def named(result: from_task.Imported) -> list[str]:
    return [str(remark) for remark in result.remarks if "rope" in str(remark)]


def test_rope_scaling_becomes_a_part_of_hf_overrides() -> None:
    result = imported(f"--rope-scaling '{YARN}'")
    assert result.table["vllmArgs"] == {"hf-overrides": {"rope_parameters": ROPE}}
    differs, to_do = named(result)
    assert differs.endswith("rope-scaling: vllmArgs.hf-overrides.rope_parameters does this now")
    assert to_do.startswith("to do: flag rope-scaling: write rope_theta of the model's config.json")


def test_its_theta_and_the_users_own_overrides_are_beside_it() -> None:
    result = imported(f"--rope-theta 1000000 --rope-scaling='{YARN}' --hf-overrides '{{\"a\": 1}}'")
    rope = {"rope_theta": 1000000, **ROPE}
    assert result.table["vllmArgs"] == {"hf-overrides": {"a": 1, "rope_parameters": rope}}
    assert not any(line.startswith("to do") for line in named(result))


@pytest.mark.parametrize("flags", ["--rope-scaling $ROPE", "--rope-scaling '{}' --hf-overrides f"])
def test_what_cannot_be_moved_is_named(flags: str) -> None:
    (line,) = named(imported(flags))
    assert line.startswith("not carried over: flag rope-scaling: ")


def test_theta_alone_is_named() -> None:
    (line,) = named(imported("--rope-theta 7"))
    assert line.startswith("not carried over: flag rope-theta: vLLM")


def test_an_image_of_ones_own_keeps_its_flags() -> None:
    image = {"accelerators": "L4:1", "image_id": "docker:vllm/vllm-openai:v0.8.0"}
    result = imported("--rope-theta 7", resources=image)
    assert result.table["vllmArgs"] == {"rope-theta": 7}


def test_the_backend_of_structured_outputs_has_moved() -> None:
    args = imported("--guided-decoding-backend xgrammar").table["vllmArgs"]
    assert args == {"structured-outputs-config": {"backend": "xgrammar"}}
