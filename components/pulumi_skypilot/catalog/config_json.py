"""The reader of a model's config.json. It returns the shape as an Architecture.

It only reads data. It never loads code that a config.json names.
"""

import typing
from collections.abc import Mapping

from . import mixers, model_keys
from .architecture import Architecture, Experts, Heads, Kind, Latent
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

NO_OUTPUT_BIAS = ("glm4", "mimo", "qwen2", "seed_oss")
"""Families whose attention_bias is only that of queries, keys and values."""

PATTERNS = {"cohere2": 4, "gemma2": 2, "gemma3": 6, "gemma3_text": 6, "gpt_oss": 2}
"""Every Nth layer uses full attention. The family's class sets N when config.json does not."""

KINDS: Mapping[str, Kind] = {
    "full_attention": Kind.FULL,
    "sliding_attention": Kind.WINDOW,
    "chunked_attention": Kind.CHUNK,
    "deepseek_sparse_attention": Kind.FULL,
}
"""The names of the kinds in layer_types."""

UNGATED = ("apertus", "arcee", "nemotron", "nemotron_h")
"""Families whose feed-forward part has no gate (vllm/model_executor/models: apertus.py, arcee.py,
nemotron.py, nemotron_h.py)."""

NORMS = {"gemma2": 4, "gemma3": 4, "gemma3_text": 4, "glm4": 4, "nemotron_h": 1}
"""The norms in a layer of a family, where there are not two."""


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
    with_states = mixers.kinds(text, family, layers)
    window, kinds = (None, with_states) if with_states else _kinds(text, family, layers)
    shared = text.get("num_kv_shared_layers") or 0
    kinds = (*kinds[: layers - shared], *[Kind.SHARED] * shared)
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
        wide=_wide(text, family),
        wide_layers=tuple(kind == "full_attention" for kind in text["layer_types"])
        if family.startswith("gemma4")
        else (),
        keys_as_values=family.startswith("gemma4") and bool(text.get("attention_k_eq_v")),
        doubled=bool(text.get("use_double_wide_mlp")),
        own_embedding=text.get("hidden_size_per_layer_input") or 0,
        tied=bool(text.get("tie_word_embeddings", family.startswith("gemma"))),
        qkv_bias=bias,
        output_bias=bias and not family.startswith(NO_OUTPUT_BIAS),
        holds_gate_up=family.startswith(HOLDS_GATE_UP),
        new_residuals=family.startswith("gemma"),
        images_at_once=text.get("use_bidirectional_attention") == "vision",
        multimodal=str((config.get("architectures") or [""])[0]).endswith("ConditionalGeneration"),
        image_numbers=text.get("image_numbers") or image_numbers(config),
        fp8_cache=fp8_cache(text.get("quantization_config") or {}),
        state=mixers.state(text, family, layers),
        index=mixers.index(text, layers) if latent else None,
        feed_forward=mixers.feed_forward(text, family),
        matrices=2 if family in UNGATED else 3,
        gated_attention=bool(text.get("attn_output_gate", family == "qwen3_next")),
        # Of Gemma 4 it is the scale of what the router reads, which is as large.
        shared_gate=family.startswith(("qwen3_next", "qwen3_5", "gemma4")),
        qk_norm=bool(text.get("use_qk_norm") and family in ("glm4_moe", "hunyuan_v1_dense"))
        or family.startswith(("apertus", "qwen3", "gemma3", "gemma4", "exaone4")),
        wide_qk_norm=family.startswith(("minimax_m2", "olmo2", "olmo3")),
        sinks=family == "gpt_oss",
        norms=_norms(text, family, experts),
        rope_positions=_rope_positions(text, family),
        rope_size=rope_size,
        float32_tables=family == "gpt_oss" or _scaled_latent(text),
        family=family,
        extra_parameters=text.get("extra_parameters", 0),
    )


def _refuse_unknown(text: Config) -> None:
    name = (text.get("architectures") or [text.get("model_type") or "without a name"])[0]
    family = str(text.get("model_type"))
    odd = next(
        (
            key
            for key in model_keys.UNCOUNTED
            if _has_part(text.get(key))
            and not mixers.reads(key, family)
            and not family.startswith(model_keys.GEMMA.get(key, ()))
        ),
        None,
    )
    if odd:
        raise Unknown(
            f"architecture {name} is not supported: {odd} means {model_keys.UNCOUNTED[odd]}, "
            "whose memory cannot be calculated"
        )
    lacking = [key for key in model_keys.NEEDED if not text.get(key)]
    lacking += [] if any(map(text.get, model_keys.WIDTHS)) else [model_keys.WIDTHS[0]]
    lacking += mixers.lacking(text, family)
    lacking += [] if text.get("layer_types") or not family.startswith("gemma4") else ["layer_types"]
    if _expert_count(text) and not _experts_per_token(text):
        lacking.append("num_experts_per_tok")
    if lacking:
        raise Unknown(
            f"architecture {name} is not supported: config.json has no {', '.join(lacking)}, "
            "without which the memory cannot be calculated"
        )
    strange = sorted(set(text.get("layer_types") or ()) - KINDS.keys())
    if strange and not mixers.has_states(text, family):
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
        sides = ("spatial_merge_size", "pooling_kernel_size")
        given = (of[key] for of in (config, vision) for key in sides if of.get(key))
        merged = next(given, 1) ** 2
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


def _wide(text: Config, family: str) -> Heads | None:
    """Return the heads of the layers of Gemma 4 with full attention.

    See transformers, Gemma4TextConfig, and vllm/model_executor/models/gemma4.py.
    """
    if not family.startswith("gemma4"):
        return None
    kv = text.get("num_global_key_value_heads") if text.get("attention_k_eq_v") else None
    return Heads(kv or text["num_key_value_heads"], text.get("global_head_dim") or text["head_dim"])


def _norms(text: Config, family: str, experts: Experts | None) -> int:
    """Return the number of norms in a layer.

    Gemma 4 has three more beside experts, and one where each layer has an embedding.
    """
    if not family.startswith("gemma4"):
        return NORMS.get(family, 2)
    return 4 + (3 if experts else 0) + bool(text.get("hidden_size_per_layer_input"))


def _experts(text: Config, family: str) -> Experts | None:
    count, per_token = _expert_count(text), _experts_per_token(text)
    if not count or not per_token:
        return None
    intermediate = text.get("moe_intermediate_size") or text["intermediate_size"]
    shared = text.get("n_shared_experts") or (1 if family.startswith("llama4") else 0)
    beside = next(
        (text[key] for key in model_keys.SHARED_WIDTHS if text.get(key)), shared * intermediate
    )
    if family.startswith("gemma4"):  # each layer has both (gemma4.py, Gemma4DecoderLayer)
        beside = text["intermediate_size"]
    return Experts(
        count=count,
        per_token=per_token,
        intermediate=intermediate,
        shared_intermediate=beside,
        latent=text.get("moe_latent_size") or 0,
        correction=bool(text.get("use_routing_bias") or family.startswith("gemma4"))
        or ("n_routed_experts" in text and family != "deepseek_v2"),
    )


def _expert_count(text: Config) -> int | None:
    return next((text[key] for key in model_keys.EXPERT_COUNTS if text.get(key)), None)


def _experts_per_token(text: Config) -> int | None:
    return next((text[key] for key in model_keys.EXPERTS_PER_TOKEN if text.get(key)), None)


def _has_experts(text: Config, layer: int) -> bool:
    if text["model_type"] == "nemotron_h":
        return mixers.pattern(text)[layer] in ("E", "moe")
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
    if family.startswith("gemma4"):  # each as wide as its heads, and rope_size is of the others
        return (most, most * (text.get("global_head_dim") or text["head_dim"]) // text["head_dim"])
    if by_kind:
        return tuple(_table(scaling, most) for scaling in by_kind)
    if family.startswith("gemma3"):  # local layers have their own table, without scaling
        return (most, _table(scaling, most))
    return (_table(scaling, most, text.get("original_max_position_embeddings")),)


def _scaled_latent(text: Config) -> bool:
    """Return whether rotary embeddings are DeepSeek's own: latent attention with YaRN."""
    scaling = text.get("rope_scaling") or text.get("rope_parameters") or {}
    kind = scaling.get("rope_type") or scaling.get("type")
    return bool(text.get("kv_lora_rank")) and kind in ("yarn", "deepseek_yarn")


def _table(scaling: Config, most: int, original: int | None = None) -> int:
    kind, factor = scaling.get("rope_type") or scaling.get("type"), scaling.get("factor", 1)
    if scaling.get("mrope_section"):  # rotary_embedding/mrope.py, MRotaryEmbedding.__init__
        return most * 4
    if kind in ("longrope", "su"):  # both tables, one after the other
        return most + int(scaling.get("original_max_position_embeddings") or original or 0)
    if kind == "yarn":
        return int((scaling.get("original_max_position_embeddings") or most) * factor)
    return int(most * factor) if kind in ("linear", "dynamic") else int(most)
