"""The numbers of GPUs over which a model splits, as vLLM's own checks have it."""

import typing

import pytest

from pulumi_skypilot import catalog
from pulumi_skypilot.catalog import config_json, splitting
from pulumi_skypilot.catalog.architecture import Architecture

SMALL = {  # Qwen3-4B
    "architectures": ["Qwen3ForCausalLM"],
    "model_type": "qwen3",
    "num_hidden_layers": 36,
    "hidden_size": 2560,
    "intermediate_size": 9728,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "head_dim": 128,
    "vocab_size": 151936,
}
BLOCKS = {"quant_method": "fp8", "weight_block_size": [128, 128]}
GROUPS = {"quant_method": "gptq", "bits": 4, "group_size": 128, "sym": True}
PACKED = {
    "quant_method": "compressed-tensors",
    "config_groups": {"group_0": {"weights": {"num_bits": 4, "group_size": 128}}},
}
BLOCKS_PACKED = {
    "quant_method": "compressed-tensors",
    "config_groups": {
        "group_0": {"weights": {"num_bits": 8, "strategy": "block", "block_structure": [128, 128]}}
    },
}
EXPERTS: dict[str, typing.Any] = {
    "num_experts": 128,
    "num_experts_per_tok": 8,
    "moe_intermediate_size": 768,
}


def shape(**more: typing.Any) -> Architecture:
    return config_json.read({**SMALL, **more})


def why(parallel: int, *, whole_experts: bool = False, **more: typing.Any) -> str | None:
    return splitting.unsplit("It", shape(**more), parallel, whole_experts=whole_experts)


@pytest.mark.parametrize(
    ("stored", "unit"),
    [
        (BLOCKS, "blocks of 128"),
        (BLOCKS_PACKED, "blocks of 128"),
        (GROUPS, "groups of 128"),
        ({**GROUPS, "quant_method": "awq"}, "groups of 128"),
        (PACKED, "groups of 128"),
    ],
)
def test_blocks_and_groups_of_dense_layers_are_not_cut(
    stored: dict[str, typing.Any], unit: str
) -> None:
    assert why(4, quantization_config=stored) is None
    assert why(8, quantization_config=stored) == (
        f"It has feed-forward layers of 9728 in {unit}, which do not split over 8 GPUs; "
        "take 1, 2, 4"
    )


@pytest.mark.parametrize(
    "stored",
    [
        {},
        {"quant_method": "fp8"},
        {**GROUPS, "group_size": 32},
        {**GROUPS, "group_size": -1},
        {"quant_method": "modelopt", "quant_algo": "NVFP4", "group_size": 16},
    ],
)
def test_a_scale_a_layer_a_row_or_a_small_group_is_no_limit(stored: dict[str, typing.Any]) -> None:
    assert why(8, quantization_config=stored) is None


def test_experts_in_fp8_and_gptq_have_their_blocks_divided_down_to_32() -> None:
    for stored in (BLOCKS, GROUPS):
        few: dict[str, typing.Any] = {
            **EXPERTS,
            "intermediate_size": 8192,
            "quantization_config": stored,
        }
        assert why(8, **few) is None  # 96 each
        assert "experts of 768 in" in str(why(16, **few, num_key_value_heads=16))  # 48 each


def test_experts_in_compressed_tensors_do_not() -> None:
    few: dict[str, typing.Any] = {**EXPERTS, "intermediate_size": 8192}
    for stored in (PACKED, BLOCKS_PACKED):
        assert "experts of 768 in" in str(why(8, **few, quantization_config=stored))
        assert why(8, **few, quantization_config=stored, whole_experts=True) is None


def test_the_queries_of_compressed_attention_are_a_layer_of_their_own() -> None:
    latent: dict[str, typing.Any] = {
        "kv_lora_rank": 512,
        "q_lora_rank": 1536,
        "qk_rope_head_dim": 64,
        "qk_nope_head_dim": 128,
        "v_head_dim": 128,
        "intermediate_size": 8192,
        "quantization_config": BLOCKS,
    }
    assert why(16, **latent) is None
    assert why(32, **latent) == (
        "It has queries of 6144 in blocks of 128, which do not split over 32 GPUs; take 1, 2, 4, "
        "8, 16"
    )


def test_widths_and_the_vocabulary_split_too() -> None:
    odd: dict[str, typing.Any] = {
        "num_attention_heads": 14,
        "num_key_value_heads": 7,
        "head_dim": 64,
    }
    assert "feed-forward layers of 4864, which" in str(why(7, **odd, intermediate_size=4864))
    assert "151936 rows in its embedding, which" in str(why(7, **odd, intermediate_size=4900))


def test_every_model_of_the_catalogue_is_whole_on_one_gpu() -> None:
    assert all(splitting.splits(facts.architecture, 1) for facts in catalog.models().values())
