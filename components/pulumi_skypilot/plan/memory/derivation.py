"""The derivation of a fit: each number with its formula and its source."""

import dataclasses

from ...catalog.architecture import Architecture
from . import cache
from .engine import Settings, kv_bytes_each, kv_dtype, quantization
from .stages import Stage


@dataclasses.dataclass(frozen=True)
class Step:
    """One number of the derivation."""

    name: str
    value: float
    unit: str
    formula: str
    source: str


def steps(
    arch: Architecture,
    settings: Settings,
    laid: cache.Layout,
    stage: Stage,
    *,
    requested: int,
    each: int,
    in_flight: int,
) -> tuple[Step, ...]:
    """Return the derivation of the fullest stage, in the order that it is reckoned in."""
    quantized = quantization(arch, settings)
    stored = quantized.method if quantized else settings.dtype
    groups = ", ".join(f"{len(group.layers)} {group.kind.value}" for group in laid.groups)
    rows = [
        ("requested", requested, "B", f"⌈memory * {settings.utilization}⌉",
         "vllm v1/worker/utils.py:716"),
        ("weights", stage.weights, "B",
         f"parameters of layers {stage.layers.start}-{stage.layers.stop - 1} ÷ "
         f"{settings.tensor_parallel}, {stored}, and rotary tables",
         f"the model's config.json ({arch.name})"),
        ("activations", stage.peak.bytes, "B", stage.peak.formula,
         "vllm v1/worker/gpu_worker.py:634, what its dummy run holds at once"),
        ("CUDA graphs", stage.graphs, "B", "vLLM's own estimate", "measured on an H100"),
        ("outside PyTorch", stage.other, "B", "context, libraries, collectives",
         "measured on one H100"),
        ("KV cache", stage.available, "B", "requested - the four above",
         "vllm v1/worker/gpu_worker.py:704"),
        ("groups", len(laid.groups), "", groups, "vllm v1/core/kv_cache_utils.py:1362"),
        ("page", laid.page_bytes, "B",
         f"KV heads on the GPU * 2 * head size * {laid.block_tokens} tokens * "
         f"{kv_bytes_each(kv_dtype(arch, settings), settings.number_bytes):g} bytes",
         "vllm v1/kv_cache_interface.py:556"),
        ("block", stage.block_bytes, "B", "page * layers of the largest group",
         "vllm v1/core/kv_cache_utils.py:1520"),
        ("blocks", stage.blocks, "", "⌊KV cache ÷ block⌋", "vllm v1/core/kv_cache_utils.py:1590"),
        ("blocks of a request", each, "",
         f"each full group ⌈context ÷ {laid.block_tokens}⌉, each window group of no more than "
         f"window - 1 + {in_flight} tokens in flight", "vllm v1/kv_cache_interface.py:602, 862"),
        ("requests at once", stage.blocks / each, "", "blocks ÷ blocks of a request",
         "vllm v1/core/kv_cache_utils.py:1195"),
    ]  # fmt: skip
    return tuple(Step(*row) for row in rows)
