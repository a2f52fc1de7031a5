"""The bytes of a model's weights on one GPU: counted from its architecture, as vLLM stores them."""

import dataclasses
import functools
import math
from collections.abc import Iterator

from ...catalog.architecture import Architecture
from ...catalog.stored import Quantization
from . import allocator
from .allocator import Blocks
from .fitted import FITTED, Fitted
from .tensors import Padding, Part, Share, Tensor, tensors, whole

__all__ = [
    "BFLOAT16",
    "Count",
    "Share",
    "count",
    "file_bytes",
    "parameters",
    "stored_bytes",
    "whole",
]

BFLOAT16 = 2
FLOAT32 = 4

SWIZZLED = Padding(inner=64)
"""Experts in MXFP4 on Hopper (fused_moe/oracle/mxfp4.py,
mxfp4_round_up_hidden_size_and_intermediate_size, for Triton's kernels)."""
MARLIN = Padding(hidden=256, inner=128)
"""Experts in MXFP4 elsewhere: Marlin's kernels, and FlashInfer's of TensorRT-LLM."""
AITER = Padding(hidden=256, inner=256)
"""Experts in MXFP4 on AMD's GPUs (the same function)."""


@dataclasses.dataclass(frozen=True)
class Count:
    """The parameters of a part of a model, by how they are stored."""

    linear: int = 0
    attention: int = 0
    expert: int = 0
    plain: int = 0
    expert_plain: int = 0

    @property
    def total(self) -> int:
        """Return the number of all parameters."""
        return self.linear + self.attention + self.expert + self.plain + self.expert_plain


def parameters(arch: Architecture) -> int:
    """Return the number of a model's parameters, as its page on Hugging Face counts them."""
    counted = count(arch, whole(arch), vocabulary_padding=1).total
    return counted - _loaded_twice(arch) + arch.extra_parameters


def count(arch: Architecture, share: Share, vocabulary_padding: int = 64) -> Count:
    """Return the parameters of a share."""
    of_part = dict.fromkeys(Part, 0)
    for tensor in tensors(arch, share, Padding(vocabulary_padding)):
        of_part[tensor.part] += tensor.numbers * tensor.copies
    return Count(*of_part.values())


@functools.lru_cache(maxsize=1024)  # settings of requests and of the cache change nothing here
def stored_bytes(
    arch: Architecture,
    share: Share,
    quantized: Quantization | None,
    *,
    hopper: bool = True,
    amd: bool = False,
    blocks: Blocks = Blocks.WHOLE,
    fp8_cache: bool = False,
    fitted: Fitted = FITTED,
    number_bytes: int = BFLOAT16,
) -> int:
    """Return the bytes of a share on its GPU, with what loading adds to the checkpoint.

    `number_bytes` are those of a number that is not quantized: 4 in float32. `blocks` are
    those of the allocator.
    """
    padding = Padding()
    if quantized and quantized.method == "mxfp4":
        padding = SWIZZLED if hopper else AITER if amd else MARLIN
    sizes = [
        (part, tensor.copies)
        for tensor in tensors(arch, share, padding)
        for part in _parts(tensor, quantized, hopper=hopper, number_bytes=number_bytes)
    ]
    total = sum(allocator.held(size, blocks) * copies for size, copies in sizes)
    total += _extra(arch, share) * number_bytes + tables_bytes(arch, number_bytes)
    whole_blocks = blocks is Blocks.WHOLE
    if whole_blocks:
        total += _left_by_tables(arch, [size for size, _ in sizes[2:]])
    linear = quantized is not None and not quantized.experts_only
    if quantized is not None and not quantized.leaves_attention:
        total += _absorbed(arch, share)
    if whole_blocks and (linear or fp8_cache):
        total += fitted.loading
    if whole_blocks and quantized and quantized.method == "fp8-online":
        total += fitted.quantizing
    return math.ceil(total)


@functools.lru_cache(maxsize=1024)
def file_bytes(arch: Architecture) -> int:
    """Return the bytes of the language part's tensors in a model's own files."""
    counted, quantized = count(arch, whole(arch), vocabulary_padding=1), arch.quantization
    each = _per_weight(quantized) if quantized else BFLOAT16
    linear = BFLOAT16 if quantized is None or quantized.experts_only else each
    attention = linear
    if quantized and quantized.attention_bits:
        attention = quantized.attention_bits / 8
    once = counted.attention - _loaded_twice(arch)
    rest = (counted.plain + counted.expert_plain) * BFLOAT16
    return math.ceil(counted.linear * linear + once * attention + counted.expert * each + rest)


def tables_bytes(arch: Architecture, number_bytes: int = BFLOAT16) -> int:
    """Return the bytes of the tables of cosines and sines, whole on every GPU."""
    each = FLOAT32 if arch.float32_tables else number_bytes
    return sum(allocator.held(entries * each) for entries in _entries(arch))


def _parts(
    tensor: Tensor, quantized: Quantization | None, *, hopper: bool, number_bytes: int
) -> Iterator[float]:
    """Yield the sizes of what stores a tensor: its numbers, scales and zero points."""
    of_attention = tensor.part is Part.ATTENTION
    shrunk = tensor.part is Part.EXPERT or (
        (tensor.part is Part.LINEAR or of_attention)
        and quantized is not None
        and not quantized.experts_only
    )
    if quantized is not None and shrunk and of_attention and quantized.attention_bits:
        yield tensor.numbers * quantized.attention_bits / 8
        return
    if quantized is None or not shrunk:
        wide = quantized is not None and quantized.method == "mxfp4"  # biases become float32
        double = wide and tensor.part is Part.EXPERT_PLAIN
        yield tensor.numbers * (FLOAT32 if double else number_bytes)
        return
    if quantized.method == "mxfp4" and hopper:
        yield from _swizzled(tensor)
        return
    yield tensor.numbers * quantized.bits / 8
    if quantized.block:  # a float32 for each
        yield tensor.numbers * FLOAT32 / math.prod(quantized.block)
    elif quantized.group:
        groups = tensor.numbers / quantized.group
        yield groups * quantized.scale_bits / 8
        yield groups * _zero_bits(tensor, quantized, hopper=hopper) / 8


def _zero_bits(tensor: Tensor, quantized: Quantization, *, hopper: bool) -> int:
    """Return the bits of a group's zero point.

    On Hopper linear layers are Machete's, which multiplies them with their scales
    (kernels/linear/mixed_precision/machete.py, process_weights_after_loading). It leaves GPTQ's
    unused ones in place. Marlin drops those.
    """
    machete = hopper and tensor.part in (Part.LINEAR, Part.ATTENTION)
    if quantized.zeros:
        return quantized.scale_bits if machete else quantized.bits
    return quantized.bits if machete and quantized.method == "gptq" else 0


def _swizzled(tensor: Tensor) -> Iterator[float]:
    """Yield the sizes of experts in MXFP4 as triton_kernels stores them on Hopper.

    Values are padded to 32 bytes a row. Scales are padded to 4 a row (quantization/utils/
    mxfp4_utils.py, _swizzle_mxfp4) and to 256 rows (triton_kernels, HopperMXScaleLayout).
    """
    yield tensor.matrices * tensor.rows * allocator.up(tensor.columns // 2, 32)
    yield (
        tensor.matrices
        * allocator.up(tensor.rows, 256)
        * allocator.up(math.ceil(tensor.columns / 32), 4)
    )


def _left_by_tables(arch: Architecture, sizes: list[float]) -> int:
    """Return the bytes lost in blocks that computing the tables in float32 left.

    One is as large as the table in float32, two are half of that, and a later tensor takes each
    (rotary_embedding/base.py, _compute_cos_sin_cache).
    """
    if arch.float32_tables:
        return 0
    wide = [entries * FLOAT32 for entries in _entries(arch)]
    return sum(allocator.wasted(free, sizes) for size in wide for free in (size, size // 2))


def _entries(arch: Architecture) -> list[int]:
    return [positions * arch.rope_size for positions in arch.rope_positions]


def _per_weight(quantized: Quantization) -> float:
    """Return the bytes of a weight in a checkpoint, with its share of scales and zero points."""
    if quantized.block:
        return 1 + FLOAT32 / math.prod(quantized.block)
    scale = quantized.scale_bits / quantized.group if quantized.group else 0
    zero = quantized.bits / quantized.group if quantized.group and quantized.zeros else 0
    return (quantized.bits + scale + zero) / 8


def _loaded_twice(arch: Architecture) -> int:
    """Return the parameters of keys that stand for values too."""
    if not (arch.keys_as_values and arch.wide):
        return 0
    return sum(arch.wide_layers) * arch.wide.kv * arch.wide.size * arch.hidden


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
