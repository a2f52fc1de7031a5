"""The bytes of a model's weights on one GPU: counted from its architecture, as vLLM stores them."""

import dataclasses
import math

from ...catalog.architecture import Architecture
from ...catalog.stored import Quantization
from .fitted import FITTED, Fitted

BFLOAT16 = 2
VOCABULARY_PADDING = 64
"""See vllm/model_executor/layers/vocab_parallel_embedding.py, DEFAULT_VOCAB_PADDING_SIZE."""

LARGE_TABLE = 20 * 2**20
"""The least block that PyTorch's allocator keeps whole (c10/cuda/CUDACachingAllocator,
kMinLargeAlloc)."""


@dataclasses.dataclass(frozen=True)
class Count:
    """The parameters of a part of a model, by how they are stored."""

    linear: int = 0
    """Parameters of linear layers, which a quantization shrinks."""
    expert: int = 0
    """Parameters of experts, which any quantization shrinks."""
    plain: int = 0
    """Norms, biases, router, embeddings: never quantized."""
    expert_plain: int = 0
    """Biases of experts."""

    def __add__(self, other: "Count") -> "Count":
        return Count(*(a + b for a, b in zip(_fields(self), _fields(other), strict=True)))

    @property
    def total(self) -> int:
        """Return the number of all parameters."""
        return sum(_fields(self))


@dataclasses.dataclass(frozen=True)
class Share:
    """The part of a model that one GPU holds."""

    tensor_parallel: int = 1
    layers: range = range(0)
    first: bool = True
    """Whether the GPU holds the embedding."""
    last: bool = True
    """Whether the GPU holds the output layer."""


def whole(arch: Architecture) -> Share:
    """Return the share of a model that is on one GPU as a whole."""
    return Share(1, range(arch.layers))


def parameters(arch: Architecture) -> int:
    """Return the number of a model's parameters, as its page on Hugging Face counts them."""
    share = whole(arch)
    return count(arch, share, padding=1).total + arch.extra_parameters


def count(arch: Architecture, share: Share, padding: int = VOCABULARY_PADDING) -> Count:
    """Return the parameters of a share."""
    tp, hidden = share.tensor_parallel, arch.hidden
    vocabulary = math.ceil(arch.vocabulary / padding) * padding
    tables = (share.first or (arch.tied and share.last)) + (share.last and not arch.tied)
    ends = tables * vocabulary * hidden // tp + (hidden if share.last else 0)
    total = Count(plain=ends)
    for layer in share.layers:
        total += _attention(arch, tp)
        total += _experts(arch, tp) if arch.expert_layers[layer] else _dense(arch, tp)
    return total


def stored_bytes(
    arch: Architecture,
    share: Share,
    quantized: Quantization | None,
    *,
    hopper: bool = True,
    fitted: Fitted = FITTED,
    number_bytes: int = BFLOAT16,
) -> int:
    """Return the bytes of a share on its GPU, with what loading adds to the checkpoint.

    `number_bytes` are those of a number that is not quantized: 4 in float32.
    """
    counted = count(arch, share)
    linear = number_bytes if quantized is None or quantized.experts_only else _per_weight(quantized)
    expert = _per_weight(quantized) if quantized else number_bytes
    total = counted.linear * linear + counted.expert * expert
    total += (counted.plain + counted.expert_plain + _extra(arch, share)) * number_bytes
    total += tables_bytes(arch, fitted) * number_bytes // BFLOAT16
    if linear != number_bytes:
        total += _absorbed(arch, share)
    if quantized and quantized.method == "mxfp4":
        total += _mxfp4_padding(arch, share, hopper=hopper, fitted=fitted)
        total += counted.expert_plain * number_bytes
    if quantized and quantized.method == "fp8-online":
        total += arch.intermediate // share.tensor_parallel * arch.hidden
    return math.ceil(total)


def file_bytes(arch: Architecture) -> int:
    """Return the bytes of the language part's tensors in a model's own files."""
    counted, quantized = count(arch, whole(arch), padding=1), arch.quantization
    each = _per_weight(quantized) if quantized else BFLOAT16
    linear = BFLOAT16 if quantized is None or quantized.experts_only else each
    rest = (counted.plain + counted.expert_plain) * BFLOAT16
    return math.ceil(counted.linear * linear + counted.expert * each + rest)


def tables_bytes(arch: Architecture, fitted: Fitted = FITTED) -> int:
    """Return the bytes of the tables of cosines and sines, in bfloat16, whole on every GPU.

    Large tables take more, because computing them in float32 leaves bytes in the allocator.
    """
    sizes = [positions * arch.rope_size * BFLOAT16 for positions in arch.rope_positions]
    return sum(int(size * fitted.large_tables) if size > LARGE_TABLE else size for size in sizes)


def _attention(arch: Architecture, tp: int) -> Count:
    hidden, latent = arch.hidden, arch.latent
    norms = arch.norms * hidden
    if latent:
        heads = arch.heads // tp
        query_in = latent.query_rank or hidden
        linear = query_in * heads * (latent.nope + latent.rope)
        linear += hidden * (latent.query_rank or 0)  # these two are whole on every GPU
        linear += hidden * (latent.kv_rank + latent.rope)
        linear += latent.kv_rank * heads * (latent.nope + latent.value)
        linear += heads * latent.value * hidden
        return Count(linear=linear, plain=norms + latent.kv_rank + (latent.query_rank or 0))
    query, kv = arch.heads // tp * arch.head_size, max(1, arch.kv_heads // tp) * arch.head_size
    plain = norms + (2 * arch.head_size if arch.qk_norm else 0)
    plain += (query + 2 * kv if arch.qkv_bias else 0) + (hidden if arch.output_bias else 0)
    plain += arch.heads // tp if arch.sinks else 0
    return Count(linear=hidden * (2 * query + 2 * kv), plain=plain)


def _dense(arch: Architecture, tp: int) -> Count:
    return Count(linear=3 * arch.hidden * arch.intermediate // tp)


def _experts(arch: Architecture, tp: int) -> Count:
    experts = arch.experts
    if experts is None:
        return Count()
    biased = arch.sinks  # gpt-oss: its experts and its router have biases
    router = arch.hidden * experts.count
    router += experts.count if experts.correction or biased else 0
    biases = experts.count * (2 * experts.intermediate // tp + arch.hidden) if biased else 0
    return Count(
        linear=3 * arch.hidden * experts.shared_intermediate // tp,
        expert=experts.count * 3 * arch.hidden * experts.intermediate // tp,
        plain=router,
        expert_plain=biases,
    )


def _per_weight(quantized: Quantization) -> float:
    """Return the bytes of a weight, with its share of scales and zero points."""
    if quantized.method == "fp8":
        return 1 + 4 / (128 * 128)  # a float32 for each block of 128 * 128
    scale = quantized.scale_bits / quantized.group if quantized.group else 0
    zero = quantized.bits / quantized.group if quantized.group and quantized.zeros else 0
    return (quantized.bits + scale + zero) / 8


def _extra(arch: Architecture, share: Share) -> int:
    return arch.extra_parameters // share.tensor_parallel if share.first else 0


def _absorbed(arch: Architecture, share: Share) -> int:
    """Return the bytes of MLA's second kv_b_proj, in bfloat16, as W_UK and W_UV.

    Where kv_b_proj is in bfloat16 already, these are views of it
    (layers/attention/mla_attention.py, process_weights_after_loading).
    """
    latent = arch.latent
    if latent is None:
        return 0
    heads = arch.heads // share.tensor_parallel
    layer = latent.kv_rank * heads * (latent.nope + latent.value) * BFLOAT16
    return layer * len(share.layers)


def _mxfp4_padding(arch: Architecture, share: Share, *, hopper: bool, fitted: Fitted) -> int:
    """Return the bytes that the kernel adds to MXFP4 experts, without biases in float32.

    On Hopper triton_kernels swizzles the scales. It pads rows to 1,024 and columns to 32 scales,
    and keeps some more. Elsewhere Marlin pads the hidden size to 256 and the intermediate to 128
    (quantization/mxfp4.py).
    """
    experts = arch.experts
    if experts is None:
        return 0
    hidden, inner = arch.hidden, experts.intermediate // share.tensor_parallel
    number = experts.count * sum(arch.expert_layers[layer] for layer in share.layers)
    if hopper:
        padded = _up(2 * inner, 1024) * _up(hidden // 32, 32)
        padded += _up(hidden, 1024) * _up(math.ceil(inner / 32), 32)
        return number * (padded - 3 * hidden * inner // 32) + fitted.mxfp4
    wide, deep = _up(hidden, 256), _up(inner, 128)
    return math.ceil(number * 3 * (wide * deep - hidden * inner) * 17 / 32)


def _up(value: int, multiple: int) -> int:
    return math.ceil(value / multiple) * multiple


def _fields(counted: Count) -> tuple[int, int, int, int]:
    return counted.linear, counted.expert, counted.plain, counted.expert_plain
