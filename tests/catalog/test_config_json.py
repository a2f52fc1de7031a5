"""The shape of a model, read from its config.json."""

import pytest

from pulumi_skypilot import catalog
from pulumi_skypilot.catalog import architecture, config_json
from pulumi_skypilot.plan.memory import weights
from tests import measured


@pytest.mark.parametrize(
    ("family", "full"),
    [("gemma2", 21), ("gemma3_text", 7), ("cohere2", 10), ("mistral", 0), ("phi3", 0)],
)
def test_windows_are_where_the_family_has_them(family: str, full: int) -> None:
    config = measured.config("Llama-3.1-8B") | {
        "model_type": family,
        "num_hidden_layers": 42,
        "sliding_window": 4096,
    }
    kinds = config_json.read(config).kinds
    assert kinds.count(architecture.Kind.FULL) == full
    assert kinds.count(architecture.Kind.WINDOW) == 42 - full


def test_layers_below_the_first_window_see_everything() -> None:
    config = measured.config("Qwen3-8B") | {
        "sliding_window": 4096, "use_sliding_window": True, "max_window_layers": 28,
    }  # fmt: skip
    assert config_json.read(config).kinds.count(architecture.Kind.WINDOW) == 8


@pytest.mark.parametrize(
    ("config", "numbers"),
    [
        (
            {
                "mm_tokens_per_image": 256,
                "vision_config": {"patch_size": 14, "image_size": 896},
            },
            9408,
        ),
        ({"vision_config": {"patch_size": 14, "pixel_shuffle_ratio": 0.5}}, 2352),
        ({"spatial_merge_size": 2, "vision_config": {"patch_size": 14}}, 2352),
        (
            {
                "vision_config": {
                    "patch_size": 14, "spatial_merge_size": 2, "temporal_patch_size": 2,
                }
            },
            4704,
        ),
        ({"vision_config": None}, 0),
        ({}, 0),
    ],
)  # fmt: skip
def test_an_image_has_so_many_numbers_for_each_of_its_tokens(
    config: dict[str, object], numbers: int
) -> None:
    assert config_json.image_numbers(config) == numbers


def test_a_long_rope_has_two_tables_in_one() -> None:
    config = measured.config("Llama-3.1-8B") | {
        "model_type": "phi3",
        "rope_scaling": {"type": "longrope"},
        "original_max_position_embeddings": 4096,
        "partial_rotary_factor": 0.75,
    }
    shape = config_json.read(config)
    assert shape.rope_positions == (131072 + 4096,)
    assert shape.rope_size == 96


@pytest.mark.parametrize(
    ("model", "parameters"),
    [
        ("google/gemma-4-E2B-it", 5_104_297_504),
        ("google/gemma-4-E4B-it", 7_941_100_832),
        ("google/gemma-4-26B-A4B-it", 25_805_933_872),
        ("google/gemma-4-31B-it", 31_273_086_512),
    ],
)
def test_gemma_4_has_the_parameters_that_transformers_makes_of_its_config(
    model: str, parameters: int
) -> None:
    """Transformers 5.19, Gemma4ForConditionalGeneration on the meta device."""
    assert weights.parameters(catalog.models()[model].architecture) == parameters


def test_layers_that_share_a_cache_have_neither_keys_nor_values() -> None:
    shape = catalog.models()["google/gemma-4-E2B-it"].architecture
    assert shape.kinds.count(architecture.Kind.SHARED) == 20
    assert shape.heads_of(4) == architecture.Heads(1, 512)
    assert shape.heads_of(3) == architecture.Heads(1, 256)
    assert (shape.intermediate_of(0), shape.intermediate_of(34)) == (6144, 12288)
