"""The formats of a model's weights and of its KV cache, read from its quantization_config."""

import dataclasses
import re
import typing
from collections.abc import Iterable, Mapping

Config = Mapping[str, typing.Any]


BFLOAT16_BITS = 16


@dataclasses.dataclass(frozen=True)
class Quantization:
    """The format of the weights of linear layers."""

    method: str
    bits: int
    group: int | None = None
    """The number of weights that share a scale; None: a block, or the whole tensor."""
    block: tuple[int, int] | None = None
    """The rows and columns of weights that share a scale."""
    zeros: bool = False
    """Each group has a zero point as well as a scale."""
    experts_only: bool = False
    scale_bits: int = 16
    attention_bits: int | None = None
    """The bits of a weight of attention, where other layers have others: 16 is bfloat16, 8 is fp8
    with a scale for the whole tensor."""
    output: bool = False
    """The output layer is quantized too."""

    @property
    def leaves_attention(self) -> bool:
        """Return whether attention is in bfloat16."""
        return self.experts_only or self.attention_bits == BFLOAT16_BITS


def quantization(config: Config) -> Quantization | None:
    """Return the format in a quantization_config; None when it names none or an unknown one."""
    # Some configs of ModelOpt name only their producer.
    method = config.get("quant_method") or (config.get("producer") or {}).get("name")
    reader = _STORED.get(str(method))
    return reader(config) if reader else None


def _groups(config: Config) -> Quantization:
    """Return the format of AWQ or GPTQ."""
    method = config["quant_method"]
    # The first releases of AutoAWQ used other names.
    bits = config.get("bits") or config.get("w_bit") or 4
    group = config.get("group_size") or config.get("q_group_size") or 128
    return Quantization(
        method,
        bits,
        group if group > 0 else None,  # -1: a scale for each row
        zeros=not config.get("sym", method == "gptq"),
        **_left_out(_ignored(config)),
    )


def _compressed(config: Config) -> Quantization:
    (group_0, *_) = config["config_groups"].values()
    weights = group_0["weights"]
    return Quantization(
        "compressed-tensors",
        weights["num_bits"],
        weights.get("group_size"),
        zeros=not weights.get("symmetric", True),
        block=_block(weights.get("block_structure")),
        scale_bits=8 if weights.get("type") == "float" and weights["num_bits"] == 4 else 16,
        # Only the experts, when the list of ignored layers has the rest (Kimi K2 Thinking).
        **_left_out(_ignored(config)),
    )


def _block(size: object) -> tuple[int, int] | None:
    """Return the rows and columns of a block; None where there are none."""
    if not isinstance(size, list) or len(size) != len(("rows", "columns")):
        return None
    rows, columns = size
    return int(rows), int(columns)


def _modelopt(config: Config) -> Quantization | None:
    algorithm = str(config.get("quant_algo")).upper()
    if "FP4" in algorithm:
        return Quantization("modelopt_fp4", 4, 16, scale_bits=8, **_left_out(_ignored(config)))
    if algorithm == "MIXED_PRECISION":
        return _mixed(config.get("quantized_layers") or {})
    return Quantization("fp8", 8) if algorithm == "FP8" else None


def _mixed(layers: Mapping[str, Config]) -> Quantization | None:
    """Return the format of a checkpoint with attention in FP8 and the rest in NVFP4.

    Other mixtures are unknown.
    """
    algorithms: dict[bool, set[str]] = {True: set(), False: set()}
    for name, format_ in layers.items():
        algorithms[bool(_ATTENTION.search(name))].add(str(format_.get("quant_algo")))
    if algorithms[True] != {"FP8"} or not algorithms[False] <= {"NVFP4", "W4A16_NVFP4"}:
        return None
    return Quantization(
        "modelopt_mixed", 4, 16, scale_bits=8, attention_bits=8, output="lm_head" in layers
    )


def _ignored(config: Config) -> tuple[str, ...]:
    """Return the names of layers that are not quantized.

    Those of a vision part and of layers that guess (mtp) are left out.
    """
    keys = ("ignore", "exclude_modules", "modules_to_not_convert", "ignored_layers")
    names = (str(name) for key in keys for name in config.get(key) or ())
    return tuple(name for name in names if not re.search(r"vis|^mtp|\.mtp", name))


def _left_out(ignored: Iterable[str]) -> dict[str, typing.Any]:
    """Return whether only experts are quantized, or all but attention, by the list of ignored.

    Some lists also name the biases and norms of layers that are quantized (GLM-4.5-FP8).
    """
    names = tuple(ignored)
    if not any(map(_ATTENTION.search, names)):
        return {}
    if any(map(_FEED_FORWARD.search, names)):
        return {"experts_only": True}
    return {"attention_bits": BFLOAT16_BITS}


_ATTENTION = re.compile(
    r"(self|linear)_attn(\.?\*|\.)*$|re:.*self_attn"
    r"|self_attn\.(q|k|v|o|qkv|q_a|q_b|kv_a|kv_b)_proj(_with_mqa)?\*?$"
    r"|linear_attn\.(out_proj|in_proj_qkvz?|in_proj_z)$"
)
_FEED_FORWARD = re.compile(
    r"shared_experts?(?!_gate)|mlp\*?$|mlp\\?\.\(?(gate|up|down)[\w|]*\)?_proj"
)

_STORED: Mapping[str, typing.Callable[[Config], Quantization | None]] = {
    "awq": _groups,
    "compressed-tensors": _compressed,
    "fbgemm_fp8": lambda _: Quantization("fp8", 8),
    "fp8": lambda config: Quantization(
        "fp8", 8, block=_block(config.get("weight_block_size")), **_left_out(_ignored(config))
    ),
    "gptq": _groups,
    "modelopt": _modelopt,
    "mxfp4": lambda _: Quantization("mxfp4", 4, 32, experts_only=True, scale_bits=8),
}
"""The readers of formats, by quant_method."""


def fp8_cache(config: Config) -> bool:
    """Return whether a quantization_config asks for an fp8 KV cache.

    vLLM reads it in get_kv_cache_quant_algo_string (vllm/utils/torch_utils.py).
    """
    scheme = config.get("kv_cache_scheme") or config.get("kv_cache_quant_algo")
    if isinstance(scheme, Mapping):
        return (scheme.get("num_bits"), scheme.get("type")) == (8, "float")
    return str(scheme).upper() == "FP8"
