"""The format of weights, read from a config.json."""

import pytest

from pulumi_skypilot.catalog import stored


@pytest.mark.parametrize(
    ("config", "bits", "group", "zeros"),
    [
        ({"quant_method": "awq", "bits": 4, "group_size": 128}, 4, 128, True),
        ({"quant_method": "gptq", "bits": 4, "group_size": 64, "sym": True}, 4, 64, False),
        ({"quant_method": "awq", "w_bit": 4, "q_group_size": 64}, 4, 64, True),
        ({"quant_method": "gptq", "bits": 8, "group_size": -1}, 8, None, False),
        ({"quant_method": "fp8"}, 8, None, False),
        ({"quant_method": "modelopt", "quant_algo": "NVFP4"}, 4, 16, False),
        ({"quant_method": "mxfp4"}, 4, 32, False),
    ],
)
def test_a_config_says_how_weights_are_stored(
    config: dict[str, object], bits: int, group: int | None, zeros: bool
) -> None:
    stored_as = stored.quantization(config)
    assert stored_as is not None
    assert (stored_as.bits, stored_as.group, stored_as.zeros) == (bits, group, zeros)


MIXED = {
    "model.layers.0.self_attn.q_proj": {"quant_algo": "FP8"},
    "model.layers.1.linear_attn.out_proj": {"quant_algo": "FP8"},
    "model.layers.0.mlp.down_proj": {"quant_algo": "W4A16_NVFP4", "group_size": 16},
    "lm_head": {"quant_algo": "W4A16_NVFP4", "group_size": 16},
}


def test_a_mixture_has_attention_in_fp8_and_the_rest_in_four_bits() -> None:
    config = {"quant_method": "modelopt", "quant_algo": "MIXED_PRECISION"}
    mixed = stored.quantization({**config, "quantized_layers": MIXED})
    assert mixed == stored.Quantization(
        "modelopt_mixed", 4, 16, scale_bits=8, attention_bits=8, output=True
    )
    other = {**MIXED, "model.layers.0.mlp.up_proj": {"quant_algo": "FP8"}}
    assert stored.quantization({**config, "quantized_layers": other}) is None


@pytest.mark.parametrize(
    ("ignored", "experts_only", "attention"),
    [
        (["lm_head", "model.layers.N.self_attn*"], False, 16),
        (["model.layers.N.self_attn*", "model.layers.N.mlp.gate"], False, 16),
        (["model.layers.N.self_attn*", "model.layers.N.mlp.shared_experts*"], True, None),
        (["model.layers.N.self_attn*", "model.layers.N.mlp*"], True, None),
        (["re:.*self_attn.*", r"re:.*mlp\.(gate|up|gate_up|down)_proj.*"], True, None),
        (["model.layers.N.self_attn.q_proj.bias"], False, None),
        (["mtp.layers.N.self_attn.q_proj", "mtp.layers.N.mlp.up_proj"], False, None),
        (["model.layers.N.linear_attn.conv1d", "model.layers.N.linear_attn.norm"], False, None),
        (["model.layers.N.self_attn.indexers_proj"], False, None),
        (["mlp.gate", "model.layers.0.", "self_attn", "shared_expert"], True, None),
        (["model.layers.N.self_attn.q_proj", "model.layers.N.self_attn.o_proj"], False, 16),
        (["model.layers.N.self_attn*", "model.visual.blocks.N.mlp*"], False, 16),
    ],
)
def test_the_layers_that_are_left_out_are_in_bfloat16(
    ignored: list[str], experts_only: bool, attention: int | None
) -> None:
    config = {"quant_method": "modelopt", "quant_algo": "NVFP4", "ignore": ignored}
    left = stored.quantization(config)
    assert left is not None
    assert (left.experts_only, left.attention_bits) == (experts_only, attention)


def test_blocks_come_from_weight_block_size_or_block_structure() -> None:
    blocks = stored.quantization({"quant_method": "fp8", "weight_block_size": [128, 64]})
    assert blocks is not None
    assert blocks.block == (128, 64)
    weights = {"num_bits": 8, "strategy": "block", "block_structure": [128, 128]}
    packed = {"quant_method": "compressed-tensors", "config_groups": {"0": {"weights": weights}}}
    compressed = stored.quantization(packed)
    assert compressed is not None
    assert compressed.block == (128, 128)
