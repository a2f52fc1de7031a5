"""The parts of a model that keep a state, or an index beside past tokens, from its config.json."""

from collections.abc import Sequence

from .architecture import Index, Kind, State
from .model_keys import DELTA_NETS, INDEX_NEEDED, STATE_KEYS, STATES_NEEDED
from .stored import Config

FLOAT32 = 4


def state(text: Config, family: str, layers: int) -> State | None:
    """Return the layers that keep a state, or None."""
    if family.startswith(DELTA_NETS):
        return _delta_net(text, _types(text, layers))
    if family == "kimi_linear":
        return _delta_attention(text, layers)
    if family == "nemotron_h":
        mamba = [kind in ("M", "mamba") for kind in pattern(text)]
        inner = text["mamba_num_heads"] * text["mamba_head_dim"]
        return _mamba(
            text,
            mamba,
            inner=inner,
            heads=text["mamba_num_heads"],
            groups=text["n_groups"],
            size=text["ssm_state_size"],
            kernel=text["conv_kernel"],
            # models/config.py, NemotronHForCausalLMConfig
            number_bytes=_width(text.get("mamba_ssm_cache_dtype") or "float32"),
        )
    if family == "granitemoehybrid" and "mamba" in text.get("layer_types", ()):
        return _mamba(
            text,
            [kind == "mamba" for kind in text["layer_types"]],
            inner=text["mamba_expand"] * text["hidden_size"],
            heads=text["mamba_n_heads"],
            groups=text["mamba_n_groups"],
            size=text["mamba_d_state"],
            kernel=text["mamba_d_conv"],
        )
    return None


def reads(key: str, family: str) -> bool:
    """Return whether the part under a key is read for a family."""
    return family.startswith(STATE_KEYS.get(key, ()))


def lacking(text: Config, family: str) -> list[str]:
    """Return the keys that the parts of a model need and that its config.json does not have."""
    needed = [key for of, keys in STATES_NEEDED.items() if family.startswith(of) for key in keys]
    needed += INDEX_NEEDED if text.get("index_topk") else ()
    if family == "nemotron_h" and not pattern(text):
        needed.append("hybrid_override_pattern")
    return [key for key in needed if not text.get(key)]


def has_states(text: Config, family: str) -> bool:
    """Return whether the model is of a family whose states are read here."""
    return any(text.get(key) and reads(key, family) for key in STATE_KEYS)


def pattern(text: Config) -> Sequence[str]:
    """Return the kind of each layer of a Nemotron-H, by letter or by name."""
    named: Sequence[str] = text.get("layers_block_type") or text.get("hybrid_override_pattern", "")
    return named


def kinds(text: Config, family: str, layers: int) -> tuple[Kind, ...] | None:
    """Return the kind of each layer of a model with states; None for other models."""
    if family == "nemotron_h":
        attention = [kind in ("*", "attention") for kind in pattern(text)]
    elif family == "kimi_linear":
        full = text["linear_attn_config"]["full_attn_layers"]
        attention = [layer + 1 in full for layer in range(layers)]
    elif family.startswith(DELTA_NETS):
        attention = [kind == "full_attention" for kind in _types(text, layers)]
    elif family == "granitemoehybrid":
        attention = [kind == "attention" for kind in text["layer_types"]]
    else:
        return None
    return tuple(Kind.FULL if is_attention else Kind.NONE for is_attention in attention)


def feed_forward(text: Config, family: str) -> tuple[bool, ...]:
    """Return for each layer whether it has a feed-forward part; empty if all have."""
    if family != "nemotron_h":
        return ()
    return tuple(kind in ("-", "E", "mlp", "moe") for kind in pattern(text))


def index(text: Config, layers: int) -> Index | None:
    """Return the index of sparse attention, or None.

    A key is fp8 with a float32 scale for each 128 numbers (vllm/models/deepseek_v32,
    model_executor/models/deepseek_v2.py, Indexer).
    """
    if not text.get("index_topk"):
        return None
    size, heads = text["index_head_dim"], text["index_n_heads"]
    linear = text["q_lora_rank"] * size * heads
    return Index(
        layers=tuple(_has_index(text, layer) for layer in range(layers)),
        token_bytes=size + size // 128 * 4,
        linear=linear,
        plain=text["hidden_size"] * (size + heads) + 2 * size,
    )


def _has_index(text: Config, layer: int) -> bool:
    """Return whether a layer has its own index (vllm/models/deepseek_v32/attention.py)."""
    shared = text.get("index_topk_pattern")
    if shared is not None:
        return bool(shared[layer] != "S")
    offset = text.get("index_skip_topk_offset", 2)
    return bool(max(layer - offset + 1, 0) % text.get("index_topk_freq", 1) == 0)


def _types(text: Config, layers: int) -> Sequence[str]:
    """Return the layer_types, or those that the family's class makes without them."""
    step = text.get("full_attention_interval", 4)
    made = ["full_attention" if (i + 1) % step == 0 else "linear_attention" for i in range(layers)]
    return text.get("layer_types") or made


def _delta_net(text: Config, types: Sequence[str]) -> State:
    """Return the Gated DeltaNet layers of Qwen3-Next and later (gdn_linear_attn.py)."""
    heads, value = text["linear_num_value_heads"], text["linear_value_head_dim"]
    key, kernel = text["linear_key_head_dim"], text["linear_conv_kernel_dim"]
    keys, values = text["linear_num_key_heads"] * key, heads * value
    channels, hidden = 2 * keys + values, text["hidden_size"]
    return State(
        layers=tuple(kind == "linear_attention" for kind in types),
        channels=channels,
        taps=kernel - 1,
        heads=heads,
        numbers=key * value,
        # models/config.py, Qwen3_5ForConditionalGenerationConfig
        number_bytes=_width(text.get("mamba_ssm_dtype")),
        linear=hidden * (channels + values) + values * hidden,
        plain=2 * hidden * heads + channels * kernel + 2 * heads + value,
    )


def _delta_attention(text: Config, layers: int) -> State:
    """Return the Kimi Delta Attention layers of Kimi-Linear; their state is float32."""
    own = text["linear_attn_config"]
    heads, size, kernel = own["num_heads"], own["head_dim"], own["short_conv_kernel_size"]
    width, hidden = heads * size, text["hidden_size"]
    return State(
        layers=tuple(layer + 1 in own["kda_layers"] for layer in range(layers)),
        channels=3 * width,
        taps=kernel - 1,
        heads=heads,
        numbers=size * size,
        number_bytes=FLOAT32,
        linear=4 * hidden * width + 2 * (hidden + width) * size + hidden * heads,
        plain=3 * width * kernel + heads + width + size,
    )


def _mamba(
    text: Config,
    layers: Sequence[bool],
    *,
    inner: int,
    heads: int,
    groups: int,
    size: int,
    kernel: int,
    number_bytes: int = 2,
) -> State:
    """Return the Mamba 2 layers of Nemotron-H and Granite 4 (mamba_mixer2.py)."""
    channels, hidden = inner + 2 * groups * size, text["hidden_size"]
    return State(
        layers=tuple(layers),
        channels=inner,
        taps=kernel - 1,
        heads=heads,
        numbers=inner // heads * size,
        groups=groups,
        group_channels=2 * size,
        number_bytes=number_bytes,
        linear=hidden * (inner + channels + heads) + inner * hidden,
        plain=channels * (kernel + 1) + 3 * heads + inner,
    )


def _width(dtype: str | None) -> int:
    return FLOAT32 if dtype == "float32" else 2
