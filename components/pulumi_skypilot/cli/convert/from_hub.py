"""The facts file of a model that the catalogue does not have: its own files, as TOML.

Held to the files themselves: the bytes of the tensors must come to what the architecture says.
"""

import json
import re
import typing
from collections.abc import Iterator, Mapping

from ... import catalog
from ...catalog import config_json
from ...catalog.architecture import Architecture
from ...catalog.config_json import Unknown
from ...plan import memory
from ...plan.memory import weights
from . import hub

KEPT = (
    "architectures",
    "model_type",
    "num_hidden_layers",
    "hidden_size",
    "intermediate_size",
    "intermediate_size_mlp",
    "num_attention_heads",
    "num_key_value_heads",
    "head_dim",
    "vocab_size",
    "max_position_embeddings",
    "original_max_position_embeddings",
    "tie_word_embeddings",
    "attention_bias",
    "use_qk_norm",
    "partial_rotary_factor",
    "rope_scaling",
    "rope_parameters",
    "sliding_window",
    "use_sliding_window",
    "sliding_window_pattern",
    "max_window_layers",
    "layer_types",
    "attention_chunk_size",
    "num_local_experts",
    "num_experts",
    "n_routed_experts",
    "num_experts_per_tok",
    "experts_per_token",
    "top_k_experts",
    "moe_intermediate_size",
    "n_shared_experts",
    "shared_expert_intermediate_size",
    "first_k_dense_replace",
    "interleave_moe_layer_step",
    "decoder_sparse_step",
    "mlp_only_layers",
    "kv_lora_rank",
    "q_lora_rank",
    "qk_rope_head_dim",
    "qk_nope_head_dim",
    "v_head_dim",
    "quantization_config",
)
"""What of a config.json goes into the file, in this order: what `config_json.read` asks for."""

FAMILIES = frozenset(
    {
        "deepseek_v3",
        "gemma3",
        "gemma3_text",
        "glm4_moe",
        "gpt_oss",
        "kimi_k2",
        "llama",
        "llama4",
        "llama4_text",
        "mistral",
        "mixtral",
        "phi3",
        "qwen2",
        "qwen3",
        "qwen3_moe",
    }
)
"""Families whose parameters the catalogue's tests reckon one by one. Others must add up."""

GPT_OSS: Mapping[str, object] = {
    "tool_parser": "openai",
    "reasoning_parser": "openai_gptoss",
}
"""What goes with that architecture, in whatever fine-tuned model."""

MARGIN = 0.02
"""How far the bytes of the tensors may be from what the architecture comes to."""

_OUTPUT = re.compile(r"(^|\.)lm_head\.")


def facts_file(name: str, found: hub.Found) -> tuple[str, list[str]]:
    """The text of the file, and what to know of it. Raises Unknown."""
    config = _normal(found)
    shape = config_json.read(config)
    stored = _format(shape, config)
    beside, notes = _beside(shape, found, config)
    if beside:
        config["extra_parameters"] = beside
    entry: dict[str, typing.Any] = {"id": name, "weights": stored}
    if found.tensor_bytes:
        entry["weights_bytes"] = found.tensor_bytes
    least = catalog.formats()[stored].min_compute_capability
    if least > catalog.VLLM_COMPUTE_CAPABILITY:
        entry["min_compute_capability"] = list(least)
    if shape.sinks:
        entry |= GPT_OSS
    if found.gated:
        entry["gated"] = True
    entry["source"] = found.source
    return "\n".join(_lines(name, entry, config)), notes


def _normal(found: hub.Found) -> dict[str, typing.Any]:
    """What is kept of a config.json, its language part as if there were no other."""
    text = config_json.text_part(found.config)
    if isinstance(text.get("quantization_config"), Mapping):
        text["quantization_config"] = _quantization(text["quantization_config"])
    if found.tensors and text.get("tie_word_embeddings") is None:
        # A default of the family's class, which the tensors tell without knowing it.
        text["tie_word_embeddings"] = not any(map(_OUTPUT.search, found.tensors))
    kept = {key: text[key] for key in KEPT if text.get(key) is not None}
    numbers = config_json.image_numbers(found.config)
    if numbers:
        kept["image_numbers"] = numbers
    # What makes it unknown must stay in sight of the one who says so.
    return {**kept, **{key: text[key] for key in config_json.UNCOUNTED if text.get(key)}}


def _quantization(found: Mapping[str, typing.Any]) -> dict[str, typing.Any]:
    """Without the same names for every layer."""
    kept = dict(found)
    for key in ("ignore", "exclude_modules", "modules_to_not_convert", "ignored_layers"):
        if isinstance(kept.get(key), list):
            short = [re.sub(r"\.\d+\.", ".N.", str(name)) for name in kept[key]]
            kept[key] = list(dict.fromkeys(short))
    return kept


def _format(shape: Architecture, config: Mapping[str, typing.Any]) -> str:
    """The format of formats.toml that the weights are stored in."""
    told = config.get("quantization_config") or {}
    if not told:
        return "bfloat16"
    if shape.quantization is None or shape.quantization.method not in catalog.formats():
        raise Unknown(
            f"quantization {told.get('quant_method')} is not known; "
            f"{', '.join(catalog.formats())} are what is reckoned here"
        )
    return shape.quantization.method


def _beside(
    shape: Architecture, found: hub.Found, config: Mapping[str, typing.Any]
) -> tuple[int, list[str]]:
    """Parameters of parts beside the language model, by what the files hold, and what to know."""
    family = config["model_type"]
    parts = sorted(
        key.removesuffix("_config")
        for key, value in found.config.items()
        if isinstance(value, Mapping)
        and key.endswith("_config")
        and key not in (*config_json.TEXT, "quantization_config", "generation_config")
    )
    if found.tensor_bytes is None:
        if family not in FAMILIES:
            raise Unknown(
                f"architecture {shape.name} is not known, and no safetensors index tells whether "
                "its numbers are taken rightly"
            )
        left = f"; its {' and '.join(parts)} part is not counted" if parts else ""
        return 0, [f"there is no safetensors index: its weights are reckoned{left}"]
    whole = "float32" in (found.config.get("torch_dtype"), found.config.get("dtype"))
    held = found.tensor_bytes // (2 if whole else 1)  # vLLM loads float32 as bfloat16
    reckoned = weights.file_bytes(shape)
    over = held - reckoned
    if parts and over > 0:
        return over // 2, [f"its {' and '.join(parts)} part: {memory.gib(over)}, by what is left"]
    if abs(over) <= MARGIN * held or over in _spare(shape, found.config):
        return 0, []
    said = f"its files hold {memory.gib(held)}, and its numbers come to {memory.gib(reckoned)}"
    if family not in FAMILIES:
        raise Unknown(f"architecture {shape.name} is not known: {said}")
    return 0, [f"{said}: what is reckoned is what counts"]


def _spare(shape: Architecture, config: Mapping[str, typing.Any]) -> range:
    """Bytes of what files may hold and vLLM does not load.

    Layers that predict further tokens; an output layer that is the embedding.
    """
    further = config.get("num_nextn_predict_layers") or 0
    layer = weights.file_bytes(shape) // shape.layers
    table = shape.vocabulary * shape.hidden * weights.BFLOAT16 * shape.tied
    return range(int((further * 2 * layer + table) * (1 + MARGIN)))


def _lines(
    name: str, entry: Mapping[str, typing.Any], config: Mapping[str, typing.Any]
) -> Iterator[str]:
    yield f"# What previews know of {name}: numbers of its config.json and its safetensors index."
    yield f"# Written by `pulumi-skypilot models add {name}`, which writes it anew; commit it."
    yield "[[model]]"
    yield from (f"{key} = {_toml(value)}" for key, value in entry.items())
    yield ""
    yield "[model.config]"
    yield from (f"{key} = {_toml(value)}" for key, value in config.items())
    yield ""


def _toml(value: object) -> str:
    """A value on one line. TOML has no null: keys without a value go."""
    if isinstance(value, Mapping):
        inner = (
            f"{key if re.fullmatch(r'[A-Za-z0-9_-]+', key) else json.dumps(key)} = {_toml(one)}"
            for key, one in value.items()
            if one is not None
        )
        return f"{{ {', '.join(inner)} }}" if value else "{}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(_toml(one) for one in value if one is not None)}]"
    return json.dumps(value)
