"""Layers that keep a state, and the index of sparse attention, read from a config.json."""

import pytest

from pulumi_skypilot import catalog
from pulumi_skypilot.catalog import config_json
from pulumi_skypilot.catalog.architecture import Architecture, Kind
from tests import measured


def shape(model: str) -> Architecture:
    return catalog.models()[model].architecture


@pytest.mark.parametrize(
    ("model", "parallel", "size"),
    [
        # conv 8192 channels * 3 steps, 32 heads of 128 * 128; bfloat16
        ("Qwen/Qwen3-Next-80B-A3B-Instruct", 1, 8192 * 3 * 2 + 32 * 128 * 128 * 2),
        ("Qwen/Qwen3-Next-80B-A3B-Instruct", 2, 4096 * 3 * 2 + 16 * 128 * 128 * 2),
        # the recurrent state is float32
        ("Qwen/Qwen3.5-9B", 1, 8192 * 3 * 2 + 32 * 128 * 128 * 4),
        ("nvidia/NVIDIA-Nemotron-Nano-9B-v2", 1, 12288 * 3 * 2 + 128 * 80 * 128 * 4),
        # one group, of which each GPU has a copy
        ("ibm-granite/granite-4.0-h-small", 1, 8448 * 3 * 2 + 128 * 64 * 128 * 2),
        ("ibm-granite/granite-4.0-h-small", 2, 4352 * 3 * 2 + 64 * 64 * 128 * 2),
    ],
)
def test_a_state_has_one_size_on_each_gpu(model: str, parallel: int, size: int) -> None:
    state = shape(model).state
    assert state is not None
    assert state.state_bytes(parallel) == size


@pytest.mark.parametrize(
    ("model", "attention", "states", "feed_forward"),
    [
        ("Qwen/Qwen3-Next-80B-A3B-Instruct", 12, 36, 48),
        ("nvidia/NVIDIA-Nemotron-Nano-9B-v2", 4, 27, 25),
        ("nvidia/NVIDIA-Nemotron-3-Nano-30B-A3B-BF16", 6, 23, 23),
        ("ibm-granite/granite-4.0-h-small", 4, 36, 40),
    ],
)
def test_a_layer_has_attention_or_a_state_and_maybe_a_feed_forward_part(
    model: str, attention: int, states: int, feed_forward: int
) -> None:
    arch = shape(model)
    assert arch.state is not None
    assert arch.kinds.count(Kind.FULL) == attention
    assert sum(arch.state.layers) == states
    assert sum(arch.feed_forward or (True,) * arch.layers) == feed_forward


@pytest.mark.parametrize(
    ("more", "own"),
    [
        ({}, [0, 1, 2, 3, 4, 5]),
        ({"index_topk_freq": 2}, [0, 1, 3, 5]),
        ({"index_topk_pattern": "FSSFSS"}, [0, 3]),
    ],
)
def test_some_layers_share_the_index_of_an_earlier_one(
    more: dict[str, object], own: list[int]
) -> None:
    latent = {
        "num_hidden_layers": 6, "index_topk": 2048, "index_head_dim": 128, "index_n_heads": 64,
        "q_lora_rank": 1536, "kv_lora_rank": 512, "qk_rope_head_dim": 64, "qk_nope_head_dim": 128,
        "v_head_dim": 128,
    }  # fmt: skip
    index = config_json.read(measured.config("Llama-3.1-8B") | latent | more).index
    assert index is not None
    assert [layer for layer, has in enumerate(index.layers) if has] == own
    assert index.token_bytes == 132


def test_linear_attention_of_kimi_has_a_state_of_float32() -> None:
    kimi = {
        "model_type": "kimi_linear", "num_hidden_layers": 4, "hidden_size": 2304,
        "linear_attn_config": {
            "kda_layers": [1, 2, 3], "full_attn_layers": [4], "num_heads": 32, "head_dim": 128,
            "short_conv_kernel_size": 4,
        },
    }  # fmt: skip
    arch = config_json.read(measured.config("Llama-3.1-8B") | kimi)
    assert arch.kinds == (Kind.NONE, Kind.NONE, Kind.NONE, Kind.FULL)
    assert arch.state is not None
    assert arch.state.state_bytes(1) == 3 * 4096 * 3 * 2 + 32 * 128 * 128 * 4


def test_states_of_another_family_are_refused() -> None:
    bamba = measured.config("Llama-3.1-8B") | {"model_type": "bamba", "mamba_d_state": 128}
    with pytest.raises(config_json.Unknown, match="mamba_d_state means state-space layers"):
        config_json.read(bamba)
