"""The reader of a model's config.json. It returns the shape as an Architecture.

It only reads data. It never loads code that a config.json names.
"""

import typing
from collections.abc import Mapping

from .architecture import Architecture, Experts, Kind, Latent
from .stored import Config, fp8_cache, quantization

TEXT = ("text_config", "llm_config", "language_config")
"""The keys under which a model of several parts keeps its language part."""

HOLDS_GATE_UP = (
    "cohere",
    "deepseek",
    "ernie",
    "exaone",
    "gemma",
    "glm4_moe",
    "granite",
    "hunyuan",
    "internlm",
    "kimi",
    "olmo3",
    "qwen",
    "seed_oss",
    "solar",
    "stablelm",
)
"""Families whose `forward` has `gate_up, _ = self.gate_up_proj(x)` (vllm/model_executor/models)."""

NEEDED = (
    "model_type",
    "num_hidden_layers",
    "num_attention_heads",
    "hidden_size",
    "vocab_size",
)
"""The keys without which no memory can be calculated."""

WIDTHS = ("intermediate_size", "moe_intermediate_size")
"""At least one of these keys is needed too."""

UNCOUNTED: Mapping[str, str] = {
    "attn_type_list": "linear attention",
    "block_configs": "layers of several shapes",
    "compress_ratios": "a cache that is compressed",
    "global_head_dim": "heads of two sizes",
    "hybrid_override_pattern": "state-space layers",
    "index_topk": "an index of its sparse attention in the cache",
    "is_encoder_decoder": "an encoder",
    "layers_block_type": "state-space layers",
    "linear_attn_config": "linear attention",
    "linear_num_value_heads": "linear attention",
    "mamba_d_state": "state-space layers",
    "num_global_key_value_heads": "heads of two numbers",
    "num_kv_shared_layers": "layers that share their cache",
    "sparse_attention_config": "an index of its sparse attention in the cache",
    "ssm_cfg": "state-space layers",
    "state_size": "state-space layers",
    "swa_num_key_value_heads": "heads of two numbers",
}
"""Keys of config.json for parts whose memory this package cannot calculate, and those parts."""


PATTERNS = {"cohere2": 4, "gemma2": 2, "gemma3": 6, "gemma3_text": 6, "gpt_oss": 2}
"""Every Nth layer uses full attention. The family's class sets N when config.json does not."""

KINDS: Mapping[str, Kind] = {
    "full_attention": Kind.FULL,
    "sliding_attention": Kind.WINDOW,
    "chunked_attention": Kind.CHUNK,
}
"""The names of the kinds in layer_types."""


class Unknown(ValueError):
    """An architecture whose memory cannot be calculated, with the reason."""


def text_part(config: Config) -> dict[str, typing.Any]:
    """Return the config of the language part, with the keys of a text-only model."""
    part: Config = next((config[key] for key in TEXT if isinstance(config.get(key), Mapping)), {})
    return {**config, **part}


def read(config: Config) -> Architecture:
    """Return the architecture in a config.json. Raise Unknown for one without a known memory."""
    text: Config = text_part(config)
    _refuse_unknown(text)
    family = str(text["model_type"])
    layers, heads = text["num_hidden_layers"], text["num_attention_heads"]
    # Some configs write null where others leave the key out.
    head_size = text.get("head_dim") or text["hidden_size"] // heads
    latent = _latent(text)
    window, kinds = _kinds(text, family, layers)
    rope_size = latent.rope if latent else int(head_size * text.get("partial_rotary_factor", 1))
    bias = bool(text.get("attention_bias")) or family.startswith("qwen2")
    experts = _experts(text, family)
    return Architecture(
        name=str((config.get("architectures") or [family])[0]),
        layers=layers,
        hidden=text["hidden_size"],
        heads=heads,
        kv_heads=text.get("num_key_value_heads") or heads,
        head_size=head_size,
        vocabulary=text["vocab_size"],
        intermediate=text.get("intermediate_size_mlp") or text.get("intermediate_size") or 0,
        max_positions=text.get("max_position_embeddings"),
        window=window,
        kinds=kinds,
        experts=experts,
        expert_layers=tuple(_has_experts(text, i) for i in range(layers) if experts)
        or (False,) * layers,
        latent=latent,
        quantization=quantization(text.get("quantization_config") or {}),
        # Gemma families tie by default (transformers, Gemma3TextConfig).
        tied=bool(text.get("tie_word_embeddings", family.startswith("gemma"))),
        qkv_bias=bias,
        output_bias=bias and not family.startswith(("glm4", "qwen2")),
        holds_gate_up=family.startswith(HOLDS_GATE_UP),
        new_residuals=family.startswith("gemma"),
        multimodal=str((config.get("architectures") or [""])[0]).endswith("ConditionalGeneration"),
        image_numbers=text.get("image_numbers") or image_numbers(config),
        fp8_cache=fp8_cache(text.get("quantization_config") or {}),
        qk_norm=bool(text.get("use_qk_norm") and family == "glm4_moe")
        or family.startswith(("qwen3", "gemma3")),
        sinks=family == "gpt_oss",
        norms=4 if family in ("gemma2", "gemma3", "gemma3_text", "glm4") else 2,
        rope_positions=_rope_positions(text, family),
        rope_size=rope_size,
        family=family,
        extra_parameters=text.get("extra_parameters", 0),
    )


def _refuse_unknown(text: Config) -> None:
    name = (text.get("architectures") or [text.get("model_type") or "without a name"])[0]
    odd = next((key for key in UNCOUNTED if _has_part(text.get(key))), None)
    if odd:
        raise Unknown(
            f"architecture {name} is not supported: {odd} means {UNCOUNTED[odd]}, whose memory "
            "cannot be calculated"
        )
    lacking = [key for key in NEEDED if not text.get(key)]
    lacking += [] if any(map(text.get, WIDTHS)) else [WIDTHS[0]]
    if _expert_count(text) and not _experts_per_token(text):
        lacking.append("num_experts_per_tok")
    if lacking:
        raise Unknown(
            f"architecture {name} is not supported: config.json has no {', '.join(lacking)}, "
            "without which the memory cannot be calculated"
        )
    strange = sorted(set(text.get("layer_types") or ()) - KINDS.keys())
    if strange:
        raise Unknown(
            f"architecture {name} is not supported: layer_types has {', '.join(strange)}; the "
            f"supported types are {', '.join(KINDS)}"
        )


def _has_part(value: object) -> bool:
    """Return whether the value of a key of UNCOUNTED says that the model has that part.

    A list has the kind of each layer.
    """
    plain = (1, "attention", "full_attention")
    return any(kind not in plain for kind in value) if isinstance(value, list) else bool(value)


def image_numbers(config: Config) -> int:
    """Return the numbers of an image for each token that it becomes; 0 for a model without images.

    A token stands for several merged patches.
    """
    vision = config.get("vision_config")
    patch = vision.get("patch_size") if isinstance(vision, Mapping) else None
    if not isinstance(vision, Mapping) or not isinstance(patch, int):
        return 0
    if config.get("mm_tokens_per_image"):
        merged = (vision["image_size"] // patch) ** 2 / config["mm_tokens_per_image"]
    elif vision.get("pixel_shuffle_ratio"):
        merged = vision["pixel_shuffle_ratio"] ** -2
    else:
        merged = (config.get("spatial_merge_size") or vision.get("spatial_merge_size") or 1) ** 2
    frames = vision.get("temporal_patch_size") or 1
    return int(3 * patch**2 * frames * merged)


def _latent(text: Config) -> Latent | None:
    if not text.get("kv_lora_rank"):
        return None
    return Latent(
        kv_rank=text["kv_lora_rank"],
        rope=text["qk_rope_head_dim"],
        nope=text["qk_nope_head_dim"],
        value=text["v_head_dim"],
        query_rank=text.get("q_lora_rank"),
    )


def _experts(text: Config, family: str) -> Experts | None:
    count, per_token = _expert_count(text), _experts_per_token(text)
    if not count or not per_token:
        return None
    intermediate = text.get("moe_intermediate_size") or text["intermediate_size"]
    shared = text.get("n_shared_experts") or (1 if family.startswith("llama4") else 0)
    beside = text.get("shared_expert_intermediate_size") or shared * intermediate
    return Experts(
        count=count,
        per_token=per_token,
        intermediate=intermediate,
        shared_intermediate=beside,
        correction="n_routed_experts" in text,
    )


def _expert_count(text: Config) -> int | None:
    keys = ("num_local_experts", "num_experts", "n_routed_experts")
    return next((text[key] for key in keys if text.get(key)), None)


def _experts_per_token(text: Config) -> int | None:
    keys = ("num_experts_per_tok", "experts_per_token", "top_k_experts")
    return next((text[key] for key in keys if text.get(key)), None)


def _has_experts(text: Config, layer: int) -> bool:
    step = text.get("interleave_moe_layer_step") or text.get("decoder_sparse_step") or 1
    dense = layer < (text.get("first_k_dense_replace") or 0)
    return not dense and layer not in text.get("mlp_only_layers", ()) and (layer + 1) % step == 0


def _kinds(text: Config, family: str, layers: int) -> tuple[int | None, tuple[Kind, ...]]:
    """Return the window in tokens (None: there is none) and the kind of each layer.

    vLLM reads layer_types, else the pattern of the family (vllm/model_executor/models: gpt_oss.py,
    OAIAttention._build_attention; gemma3.py, llama4.py).
    """
    window = text.get("sliding_window") if text.get("use_sliding_window", True) else None
    if family.startswith("llama4"):
        chunk = text.get("attention_chunk_size")
        return chunk, _every(4, layers, Kind.CHUNK) if chunk else (Kind.FULL,) * layers
    if not window:
        return None, (Kind.FULL,) * layers
    if text.get("layer_types"):
        return window, tuple(KINDS[kind] for kind in text["layer_types"])
    full = text.get("max_window_layers")
    if full is not None and family.startswith("qwen"):  # transformers, Qwen2Config
        return window, tuple(Kind.FULL if i < full else Kind.WINDOW for i in range(layers))
    step = text.get("sliding_window_pattern") or PATTERNS.get(family)
    if step:
        return window, _every(step, layers, Kind.WINDOW)
    return window, (Kind.WINDOW,) * layers


def _every(step: int, layers: int, kind: Kind) -> tuple[Kind, ...]:
    return tuple(Kind.FULL if (i + 1) % step == 0 else kind for i in range(layers))


def _rope_positions(text: Config, family: str) -> tuple[int, ...]:
    """Return the lengths of vLLM's rotary tables (rotary_embedding/__init__.py, get_rope)."""
    most = text.get("max_position_embeddings") or 0
    nested = text.get("rope_parameters") or {}
    by_kind = [scaling for scaling in nested.values() if isinstance(scaling, Mapping)]
    scaling = text.get("rope_scaling") or (nested if not by_kind else {})
    if by_kind:
        return tuple(_table(scaling, most) for scaling in by_kind)
    if family.startswith("gemma3"):  # local layers have their own table, without scaling
        return (most, _table(scaling, most))
    return (_table(scaling, most, text.get("original_max_position_embeddings")),)


def _table(scaling: Config, most: int, original: int | None = None) -> int:
    kind, factor = scaling.get("rope_type") or scaling.get("type"), scaling.get("factor", 1)
    if scaling.get("mrope_section"):  # rotary_embedding/mrope.py, MRotaryEmbedding.__init__
        return most * 4
    if kind in ("longrope", "su"):  # both tables, one after the other
        return most + int(scaling.get("original_max_position_embeddings") or original or 0)
    if kind == "yarn":
        return int((scaling.get("original_max_position_embeddings") or most) * factor)
    return int(most * factor) if kind in ("linear", "dynamic") else int(most)
