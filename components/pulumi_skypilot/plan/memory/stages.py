"""One stage of a pipeline: the memory that its layers take of a GPU, and what is left."""

import dataclasses
import math
import sys

from ...catalog.architecture import Architecture
from . import cache, graphs, lora, overhead, weights
from .engine import (
    Engine,
    Gpu,
    Settings,
    kv_bytes_each,
    kv_dtype,
    limits,
    quantization,
    second_runner,
)
from .fitted import Fitted


@dataclasses.dataclass(frozen=True)
class Stage:
    """The memory of one stage, in bytes of each of its GPUs."""

    layers: range
    weights: int
    peak: overhead.Peak
    graphs: int
    other: int
    available: int
    block_bytes: int

    @property
    def blocks(self) -> int:
        """Return the number of blocks of the cache that there is room for."""
        if self.block_bytes == 0:  # a stage without a cache of its own does not limit
            return sys.maxsize if self.available >= 0 else 0
        return max(0, self.available // self.block_bytes)


def reckon_stages(
    arch: Architecture, gpu: Gpu, settings: Settings, engine: Engine, fitted: Fitted
) -> list[Stage]:
    """Return the memory of each stage of the pipeline."""
    if not settings.towers:
        arch = dataclasses.replace(arch, extra_parameters=0)
    parts = layers_of_stages(arch.layers, settings.pipeline_parallel)
    return [_stage(arch, gpu, settings, engine, fitted=fitted, layers=part) for part in parts]


def layout_of(arch: Architecture, settings: Settings) -> cache.Layout:
    """Return the division of the cache."""
    return cache.layout(
        arch,
        tensor_parallel=settings.tensor_parallel,
        kv_bytes=kv_bytes_each(kv_dtype(arch, settings), settings.number_bytes),
        hybrid=settings.hybrid,
        block_tokens=settings.block_tokens,
    )


def requested_bytes(gpu: Gpu, settings: Settings) -> int:
    """Return the bytes of a GPU that vLLM takes."""
    return math.ceil(gpu.total_bytes * settings.utilization)


def _stage(
    arch: Architecture,
    gpu: Gpu,
    settings: Settings,
    engine: Engine,
    *,
    fitted: Fitted,
    layers: range,
) -> Stage:
    first, last = layers.start == 0, layers.stop == arch.layers
    share = weights.Share(
        settings.tensor_parallel, layers, first=first, last=last, output=not settings.pooling
    )
    quantized = quantization(arch, settings)
    load = load_of(arch, gpu, settings, engine, first=first, last=last)
    held = weights.stored_bytes(
        arch,
        share,
        quantized,
        hopper=gpu.hopper,
        amd=gpu.amd,
        blocks=engine.blocks,
        fp8_cache=kv_dtype(arch, settings).startswith("fp8"),
        fitted=fitted,
        number_bytes=settings.number_bytes,
    )
    if arch.own_embedding and arch.multimodal:  # a buffer (models/gemma4_mm.py)
        held += load.tokens * arch.layers * arch.own_embedding * settings.number_bytes
    if settings.lora:
        held += lora.stored_bytes(arch, share, settings.lora, settings.number_bytes)
    peak = overhead.activations(arch, quantized, load)
    counted = engine.graphs_of_second if load.second else engine.graphs_of_first
    estimated = counted and settings.graphs_estimated
    graph_bytes = overhead.graph_bytes(arch, load, fitted) if estimated else 0
    other = overhead.non_torch(load, fitted)
    available = requested_bytes(gpu, settings) - held - peak.bytes - graph_bytes - other
    block = layout_of(arch, settings).block_bytes(layers)
    return Stage(layers, held, peak, graph_bytes, other, available, block)


def layers_of_stages(layers: int, stages: int) -> list[range]:
    """Return each stage's layers (vllm.distributed.utils.get_pp_indices): the ends get no more."""
    sizes = [layers // stages] * stages
    for i in range(2, layers % stages + 2):
        sizes[-i] += 1
    ends = [sum(sizes[: i + 1]) for i in range(stages)]
    return [range(end - size, end) for size, end in zip(sizes, ends, strict=True)]


def load_of(
    arch: Architecture,
    gpu: Gpu,
    settings: Settings,
    engine: Engine,
    *,
    first: bool = True,
    last: bool = True,
) -> overhead.Load:
    """Return the load of vLLM's dummy run on a stage, before it measures."""
    sequences, batched = limits(gpu, settings)
    second = second_runner(arch, settings, engine)
    return overhead.Load(
        tokens=batched,
        requests=sequences,
        context=settings.context,
        tensor_parallel=settings.tensor_parallel,
        gpus=settings.gpus,
        compiled=settings.compiled and not settings.eager,
        first=first,
        last=last,
        captured=captured(arch, gpu, settings, engine),
        graph_mode=graphs.NONE if settings.eager else _graph_mode(settings),
        pooling=settings.pooling,
        hopper=gpu.hopper,
        second=second,
        rejects=settings.ngram and not second,
        lora_rank=settings.lora.rank if settings.lora else 0,
        images=settings.towers and (engine.images_in_second or not second),
        gathers_late=engine.gathers_late or gpu.amd,
        workspace=overhead.HIPBLAS if gpu.amd else overhead.CUBLAS,
        number_bytes=settings.number_bytes,
    )


def _graph_mode(settings: Settings) -> str:
    """Return the mode of CUDA graphs; a model that embeds has no whole ones (VllmConfig)."""
    whole = settings.graph_mode.startswith("FULL")
    return graphs.PIECEWISE if settings.pooling and whole else settings.graph_mode


def captured(arch: Architecture, gpu: Gpu, settings: Settings, engine: Engine) -> tuple[int, ...]:
    """Return the batch sizes of CUDA graphs (config/vllm.py, VllmConfig._set_cudagraph_sizes)."""
    if settings.eager or settings.graph_mode == graphs.NONE:
        return ()
    sequences, batched = limits(gpu, settings)
    if settings.graph_sizes:
        return tuple(size for size in settings.graph_sizes if size <= batched)
    wide = gpu.blackwell and engine.wide_graphs
    usual = min(2 * sequences, graphs.WIDE if wide else graphs.USUAL)
    most = settings.largest_graph or (graphs.WIDE if arch.sinks else usual)
    return graphs.sizes(min(most, batched))
