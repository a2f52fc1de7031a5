"""The derivation of a fit: each number with its formula and its source."""

import dataclasses

from ...catalog.architecture import Architecture, Kind
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
    """Return the derivation of the fullest stage, in the order of the computation."""
    quantized = quantization(arch, settings)
    stored = quantized.method if quantized else settings.dtype
    groups = ", ".join(f"{len(group.layers)} {group.kind.value}" for group in laid.groups)
    blocks = (group.block_tokens for group in laid.groups if group.kind is Kind.FULL)
    full = next(blocks, laid.block_tokens)
    rows = [
        ("requested", requested, "B", f"⌈memory * {settings.utilization}⌉",
         "vllm v1/worker/utils.py, request_memory"),
        ("weights", stage.weights, "B",
         f"parameters of layers {stage.layers.start}-{stage.layers.stop - 1} ÷ "
         f"{settings.tensor_parallel}, {stored}, and rotary tables, in the blocks of the allocator",
         f"the model's config.json ({arch.name}); PyTorch c10/cuda/CUDACachingAllocator.cpp"),
        ("activations", stage.peak.bytes, "B", stage.peak.formula,
         "what the dummy run holds at once in vllm v1/worker/gpu_worker.py, "
         "Worker.determine_available_memory"),
        ("CUDA graphs", stage.graphs, "B",
         "vLLM's own estimate: the largest graph's memory, and pieces for each of the others",
         "vllm v1/worker/gpu/cudagraph_utils.py, profile_cudagraph_memory; fitted to H100s and "
         "H200s"),
        ("outside PyTorch", stage.other, "B",
         "what CUDA's context, libraries and NCCL take after vLLM first looked at the memory",
         "vllm v1/worker/gpu_worker.py, Worker.init_device; measured on H100s and H200s, with more "
         "than two GPUs as others logged"),
        ("KV cache", stage.available, "B", "requested - the four above",
         "vllm v1/worker/gpu_worker.py, Worker.determine_available_memory"),
        ("groups", len(laid.groups), "", groups,
         "vllm v1/core/kv_cache_utils.py, _get_kv_cache_groups_uniform_page_size"),
        ("page", laid.page_bytes, "B",
         f"KV heads on the GPU * 2 * head size * {laid.block_tokens} tokens * "
         f"{kv_bytes_each(kv_dtype(arch, settings), settings.number_bytes):g} bytes",
         "vllm v1/kv_cache_interface.py, AttentionSpec.page_size_bytes"),
        ("block", stage.block_bytes, "B", "page * layers of the largest group",
         "vllm v1/core/kv_cache_utils.py, _get_kv_cache_bytes_per_block"),
        ("blocks", stage.blocks, "", "⌊KV cache ÷ block⌋",
         "vllm v1/core/kv_cache_utils.py, get_kv_cache_config_from_groups"),
        ("blocks of a request", each, "",
         f"each full group ⌈context ÷ {full}⌉, each window group of no more than "
         f"window - 1 + {in_flight} tokens in flight", "vllm v1/kv_cache_interface.py, "
         "FullAttentionSpec.max_memory_usage_bytes and "
         "SlidingWindowSpec.max_admission_blocks_per_request"),
        ("requests at once", stage.blocks / each, "", "blocks ÷ blocks of a request",
         "vllm v1/core/kv_cache_utils.py, get_max_concurrency_for_kv_cache_config"),
    ]  # fmt: skip
    return tuple(Step(*row) for row in rows)
