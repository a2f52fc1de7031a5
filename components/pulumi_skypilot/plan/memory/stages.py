"""One stage of a pipeline: the memory that its layers take of a GPU, and what is left."""

import dataclasses

from ...catalog.architecture import Architecture
from . import cache, overhead, weights
from .engine import Engine, Gpu, Settings, limits, quantization
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
        return max(0, self.available // self.block_bytes)


def reckon_stage(
    arch: Architecture,
    gpu: Gpu,
    settings: Settings,
    *,
    engine: Engine,
    laid: cache.Layout,
    layers: range,
    requested: int,
    fitted: Fitted,
) -> Stage:
    """Return the memory of the stage that has these layers."""
    first, last = layers.start == 0, layers.stop == arch.layers
    share = weights.Share(settings.tensor_parallel, layers, first=first, last=last)
    quantized = quantization(arch, settings)
    load = load_of(arch, gpu, settings, engine, last=last)
    held = weights.stored_bytes(
        arch,
        share,
        quantized,
        hopper=gpu.hopper,
        fitted=fitted,
        number_bytes=settings.number_bytes,
    )
    peak = overhead.activations(arch, quantized, load)
    counted = engine.graphs_of_second if load.second else engine.graphs_of_first
    graphs = overhead.graphs(arch, load, fitted) if counted else 0
    other = overhead.non_torch(load, fitted)
    available = requested - held - peak.bytes - graphs - other
    return Stage(layers, held, peak, graphs, other, available, laid.block_bytes(layers))


def layers_of_stages(layers: int, stages: int) -> list[range]:
    """Return each stage's layers (vllm.distributed.utils.get_pp_indices): the ends get no more."""
    sizes = [layers // stages] * stages
    for i in range(2, layers % stages + 2):
        sizes[-i] += 1
    ends = [sum(sizes[: i + 1]) for i in range(stages)]
    return [range(end - size, end) for size, end in zip(sizes, ends, strict=True)]


def load_of(
    arch: Architecture, gpu: Gpu, settings: Settings, engine: Engine, *, last: bool
) -> overhead.Load:
    """Return the load of vLLM's dummy run on a stage, before it measures."""
    sequences, batched = limits(gpu, settings)
    second = engine.second_runner and overhead.second_runner(arch)
    largest = settings.largest_graph or min(2 * sequences, 512)
    return overhead.Load(
        tokens=batched,
        requests=sequences,
        context=settings.context,
        tensor_parallel=settings.tensor_parallel,
        compiled=not settings.eager,
        last=last,
        graph_sizes=overhead.graph_sizes(largest),
        hopper=gpu.hopper,
        second=second,
        images=engine.images_in_second or not second,
        number_bytes=settings.number_bytes,
    )
