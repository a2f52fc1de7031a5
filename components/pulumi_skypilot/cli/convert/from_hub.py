"""The facts file of a model that the catalogue does not have: its own files, as TOML.

Checked against the weight files: their bytes must match the size computed from config.json.
"""

import json
import re
import typing
from collections.abc import Iterator, Mapping

from ... import catalog
from ...catalog import config_json, model_keys
from ...catalog.architecture import Architecture
from ...catalog.config_json import Unknown
from ...plan import memory
from ...plan.memory import weights
from . import hub

FAMILIES = frozenset(
    {
        "deepseek_v2",
        "deepseek_v3",
        "deepseek_v32",
        "exaone4",
        "gemma2",
        "gemma3",
        "gemma3_text",
        "glm4",
        "glm4_moe",
        "glm_moe_dsa",
        "gpt_oss",
        "granite",
        "granitemoehybrid",
        "hunyuan_v1_dense",
        "kimi_k2",
        "llama",
        "llama4",
        "llama4_text",
        "minimax_m2",
        "ministral3",
        "mistral",
        "mixtral",
        "nemotron_h",
        "olmo2",
        "olmo3",
        "phi3",
        "qwen2",
        "qwen3",
        "qwen3_5_moe_text",
        "qwen3_5_text",
        "qwen3_moe",
        "qwen3_next",
        "qwen3_vl_moe_text",
        "qwen3_vl_text",
        "seed_oss",
    }
)
"""Families whose parameters the catalogue's tests count. For others the bytes must match."""

GPT_OSS: Mapping[str, object] = {
    "tool_parser": "openai",
    "reasoning_parser": "openai_gptoss",
}
"""Parsers of that architecture, which its fine-tuned models need too."""

MARGIN = 0.02
"""Largest relative difference between the bytes of the tensors and the computed size."""

_OUTPUT = re.compile(r"(^|\.)lm_head\.")


def facts_file(name: str, files: hub.ModelFiles) -> tuple[str, list[str]]:
    """Return the text of the file, and notes for the user. Raises Unknown."""
    config = _normal(files)
    shape = config_json.read(config)
    stored = _format(shape, config)
    extra_parameters, notes = _extra_parameters(shape, files, config)
    if extra_parameters:
        config["extra_parameters"] = extra_parameters
    entry: dict[str, typing.Any] = {"id": name, "weights": stored}
    if files.tensor_bytes:
        entry["weights_bytes"] = files.tensor_bytes
    least = catalog.formats()[stored].min_compute_capability
    if least > catalog.VLLM_COMPUTE_CAPABILITY:
        entry["min_compute_capability"] = list(least)
    if shape.sinks:
        entry |= GPT_OSS
    if files.gated:
        entry["gated"] = True
    entry["source"] = files.source
    return "\n".join(_lines(name, entry, config)), notes


def _normal(files: hub.ModelFiles) -> dict[str, typing.Any]:
    """Return the keys of a config.json to keep, with its language part at the top level."""
    text = config_json.text_part(files.config)
    if isinstance(text.get("quantization_config"), Mapping):
        text["quantization_config"] = _quantization(text["quantization_config"])
    if files.tensors and text.get("tie_word_embeddings") is None:
        # The default depends on the family's class; the tensors show the value.
        text["tie_word_embeddings"] = not any(map(_OUTPUT.search, files.tensors))
    kept = {key: text[key] for key in model_keys.KEPT if text.get(key) is not None}
    numbers = config_json.image_numbers(files.config)
    if numbers:
        kept["image_numbers"] = numbers
    # Keys that make a model unknown stay, so that `config_json.read` refuses it.
    return {**kept, **{key: text[key] for key in model_keys.UNCOUNTED if text.get(key)}}


def _quantization(quantization: Mapping[str, typing.Any]) -> dict[str, typing.Any]:
    """Return a quantization config without the repetition of names for every layer."""
    kept = dict(quantization)
    for key in ("ignore", "exclude_modules", "modules_to_not_convert", "ignored_layers"):
        if isinstance(kept.get(key), list):
            short = [re.sub(r"\.\d+\.", ".N.", str(name)) for name in kept[key]]
            kept[key] = list(dict.fromkeys(short))
    layers = kept.get("quantized_layers")
    if isinstance(layers, Mapping):
        kept["quantized_layers"] = {
            re.sub(r"\.\d+\.", ".N.", name): how for name, how in layers.items()
        }
        kept.pop("config_groups", None)  # which name every layer again
    return kept


def _format(shape: Architecture, config: Mapping[str, typing.Any]) -> str:
    """Return the format of the stored weights, as formats.toml names it. Raises Unknown."""
    quantization = config.get("quantization_config") or {}
    if not quantization:
        return "bfloat16"
    if shape.quantization is None or shape.quantization.method not in catalog.formats():
        raise Unknown(
            f"quantization {quantization.get('quant_method')} is not known; "
            f"known are {', '.join(catalog.formats())}"
        )
    return shape.quantization.method


def _extra_parameters(
    shape: Architecture, files: hub.ModelFiles, config: Mapping[str, typing.Any]
) -> tuple[int, list[str]]:
    """Return the parameters of parts beside the language model, and notes. Raises Unknown."""
    family = config["model_type"]
    parts = sorted(
        key.removesuffix("_config")
        for key, value in files.config.items()
        if isinstance(value, Mapping)
        and key.endswith("_config")
        and key not in (*config_json.TEXT, "quantization_config", "generation_config")
    )
    if files.tensor_bytes is None:
        if family not in FAMILIES:
            raise Unknown(
                f"architecture {shape.name} is not known, and there is no safetensors index to "
                "check its size against"
            )
        left = f"; its {' and '.join(parts)} part is not counted" if parts else ""
        return 0, [f"there is no safetensors index: the size of its weights is computed{left}"]
    float32 = "float32" in (files.config.get("torch_dtype"), files.config.get("dtype"))
    file_bytes = files.tensor_bytes // (2 if float32 else 1)  # vLLM loads float32 as bfloat16
    computed = weights.file_bytes(shape)
    extra = file_bytes - computed
    if parts and extra > 0:
        return extra // 2, [
            f"its {' and '.join(parts)} part: {memory.gib(extra)}, the rest of its files"
        ]
    if abs(extra) <= MARGIN * file_bytes or extra in _spare(shape, files.config):
        return 0, []
    difference = (
        f"its files hold {memory.gib(file_bytes)}, but its config.json gives {memory.gib(computed)}"
    )
    if family not in FAMILIES:
        raise Unknown(f"architecture {shape.name} is not known: {difference}")
    return 0, [f"{difference}; the size from config.json is used"]


def _spare(shape: Architecture, config: Mapping[str, typing.Any]) -> range:
    """Return the range of bytes that files may hold and vLLM does not load.

    These are layers that predict further tokens, and an output layer that equals the embedding.
    """
    more_layers = config.get("num_nextn_predict_layers") or 0
    layer = weights.file_bytes(shape) // shape.layers
    table = shape.vocabulary * shape.hidden * weights.BFLOAT16 * shape.tied
    return range(int((more_layers * 2 * layer + table) * (1 + MARGIN)))


def _lines(
    name: str, entry: Mapping[str, typing.Any], config: Mapping[str, typing.Any]
) -> Iterator[str]:
    yield f"# What previews know of {name}: numbers of its config.json and its safetensors index."
    yield f"# Written by `pulumi-skypilot models add {name}`; run it again to update it. Commit it."
    yield "[[model]]"
    yield from (f"{key} = {_toml(value)}" for key, value in entry.items())
    yield ""
    yield "[model.config]"
    yield from (f"{key} = {_toml(value)}" for key, value in config.items())
    yield ""


def _toml(value: object) -> str:
    """Return a value as TOML on one line. TOML has no null: keys without a value are left out."""
    if isinstance(value, Mapping):
        inner = (
            f"{key if re.fullmatch(r'[A-Za-z0-9_-]+', key) else json.dumps(key)} = {_toml(member)}"
            for key, member in value.items()
            if member is not None
        )
        return f"{{ {', '.join(inner)} }}" if value else "{}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(_toml(member) for member in value if member is not None)}]"
    return json.dumps(value)
