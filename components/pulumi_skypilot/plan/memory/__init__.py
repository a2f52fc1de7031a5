"""Does a model fit a GPU: weights, activations, CUDA graphs, and what is left for the KV cache.

Pure arithmetic, after vLLM's own; `Fit.steps` says where every number is from.
"""

import dataclasses
import enum
import math
from collections.abc import Mapping

from ...catalog.architecture import Architecture
from ...catalog.stored import Quantization
from . import cache, overhead, weights
from .fitted import FITTED, Fitted

GIB = 2**30


@dataclasses.dataclass(frozen=True)
class Engine:
    """In what the releases of vLLM differ here."""

    graphs_of_second: bool
    """Whether CUDA graphs of the second runner are counted (v1/worker/gpu/cudagraph_utils.py)."""
    null_block: bool
    """Whether one block is held back at the start (kv_cache_utils.py, get_kv_cache_configs)."""
    graphs_of_first: bool = True
    """Whether CUDA graphs of the first runner are counted, as by default since 0.21."""
    second_runner: bool = True
    """Whether there is the second model runner."""
    images_in_second: bool = False
    """Whether its dummy run takes images, as the first one's does."""


ENGINES: Mapping[str, Engine] = {
    "0.19.0": Engine(
        graphs_of_second=False, null_block=False, graphs_of_first=False, second_runner=False
    ),
    "0.26.0": Engine(graphs_of_second=False, null_block=False),
    "0.32.0": Engine(graphs_of_second=True, null_block=True, images_in_second=True),
}
"""0.26 is the release that was measured, and 0.19 by others; 0.32 differs by its source."""


class Verdict(enum.Enum):
    """Whether one request of the full context can be served."""

    FITS = "fits"
    TIGHT = "tight"
    """Within the margin of error: it may start or not."""
    NOT = "does not fit"


@dataclasses.dataclass(frozen=True)
class Gpu:
    """What there is of one GPU."""

    total_bytes: int
    """What CUDA offers."""
    measured: bool = False
    """Whether that was read on a real card."""
    hopper: bool = False
    large: bool = False
    """vLLM's larger defaults: 70 GiB or more and no A100 (engine/arg_utils.py:2933)."""


@dataclasses.dataclass(frozen=True)
class Settings:
    """What `vllm serve` is told; None is its own default."""

    context: int
    tensor_parallel: int = 1
    pipeline_parallel: int = 1
    quantization: str | None = None
    kv_dtype: str = "auto"
    max_sequences: int | None = None
    max_batched_tokens: int | None = None
    utilization: float = 0.92
    eager: bool = False
    hybrid: bool = True
    async_scheduling: bool = True
    largest_graph: int | None = None
    block_tokens: int | None = None
    """Of the cache; vLLM's own is what the attention's kernels prefer."""
    dtype: str = "bfloat16"
    """Of weights that are not quantized, of activations, and of a cache that is auto."""

    @property
    def number_bytes(self) -> int:
        """Of a number in dtype."""
        return 4 if self.dtype == "float32" else 2

    @property
    def gpus(self) -> int:
        """How many a replica takes."""
        return self.tensor_parallel * self.pipeline_parallel


@dataclasses.dataclass(frozen=True)
class Step:
    """One number of the derivation."""

    name: str
    value: float
    unit: str
    formula: str
    source: str


@dataclasses.dataclass(frozen=True)
class Fit:
    """How a model sits on its GPUs: bytes are those of the fullest one."""

    verdict: Verdict
    reason: str
    total_bytes: int
    requested_bytes: int
    weights_bytes: int
    activation_bytes: int
    graph_bytes: int
    other_bytes: int
    available_bytes: int
    """For the KV cache; may be negative."""
    needed_bytes: int
    """Of the KV cache, for one request of the full context."""
    margin_bytes: int
    blocks: int
    tokens: int
    """As vLLM logs them: concurrency * context."""
    concurrency: float
    """Requests of the full context at once."""
    longest: int
    """The longest context that fits: vLLM's "estimated maximum model length"."""
    max_sequences: int
    max_batched_tokens: int
    steps: tuple[Step, ...]

    @property
    def spare_bytes(self) -> int:
        """What is left of the cache beyond one request; negative when that is not there."""
        return self.available_bytes - self.needed_bytes


@dataclasses.dataclass(frozen=True)
class _Stage:
    layers: range
    weights: int
    peak: overhead.Peak
    graphs: int
    other: int
    available: int
    block_bytes: int

    @property
    def blocks(self) -> int:
        return max(0, self.available // self.block_bytes)


def fit(
    arch: Architecture, gpu: Gpu, settings: Settings, engine: Engine, fitted: Fitted = FITTED
) -> Fit:
    """How a model sits on so many of a GPU."""
    sequences, batched = limits(gpu, settings)
    kv_bytes = kv_bytes_each(kv_dtype(arch, settings), settings.number_bytes)
    laid = cache.layout(
        arch,
        tensor_parallel=settings.tensor_parallel,
        kv_bytes=kv_bytes,
        hybrid=settings.hybrid,
        block_tokens=settings.block_tokens,
    )
    requested = math.ceil(gpu.total_bytes * settings.utilization)
    stages = [
        _stage(
            arch,
            gpu,
            settings,
            engine=engine,
            laid=laid,
            layers=part,
            requested=requested,
            fitted=fitted,
        )
        for part in _parts(arch.layers, settings.pipeline_parallel)
    ]
    worst = min(stages, key=lambda one: (one.blocks, one.available))
    in_flight = batched * _steps_in_flight(arch, settings, engine)
    each = laid.request_blocks(settings.context, in_flight)
    needed = (each + engine.null_block) * worst.block_bytes
    concurrency = worst.blocks / each
    load = _load(arch, gpu, settings, engine, last=True)
    margin = overhead.margin(arch, load, gpu_measured=gpu.measured, total=gpu.total_bytes)
    verdict, reason = _verdict(worst, gpu, needed, margin)
    return Fit(
        verdict=verdict,
        reason=reason,
        total_bytes=gpu.total_bytes,
        requested_bytes=requested,
        weights_bytes=worst.weights,
        activation_bytes=worst.peak.bytes,
        graph_bytes=worst.graphs,
        other_bytes=worst.other,
        available_bytes=worst.available,
        needed_bytes=needed,
        margin_bytes=margin,
        blocks=worst.blocks,
        tokens=int(concurrency * settings.context),
        concurrency=concurrency,
        longest=laid.longest(
            worst.blocks - engine.null_block, arch.max_positions or settings.context, in_flight
        ),
        max_sequences=sequences,
        max_batched_tokens=batched,
        steps=_steps(
            arch, settings, laid, worst, requested=requested, each=each, in_flight=in_flight
        ),
    )


def limits(gpu: Gpu, settings: Settings) -> tuple[int, int]:
    """max_num_seqs and max_num_batched_tokens: as told, else vLLM's for the API server."""
    large = gpu.large or gpu.total_bytes >= 160 * GIB
    tokens = 16384 if gpu.total_bytes >= 160 * GIB else 8192 if large else 2048
    batched = settings.max_batched_tokens or tokens
    return settings.max_sequences or min(1024 if large else 256, batched), batched


def quantization(arch: Architecture, settings: Settings) -> Quantization | None:
    """The model's own, or what is done at load."""
    if arch.quantization is None and settings.quantization in ("fp8", "fp8_per_tensor"):
        return Quantization("fp8-online", 8)
    return arch.quantization


def kv_dtype(arch: Architecture, settings: Settings) -> str:
    """The cache's own: as told, else what the checkpoint was made for.

    (vllm/utils/torch_utils.py, resolve_kv_cache_dtype_string.)
    """
    return "fp8" if settings.kv_dtype == "auto" and arch.fp8_cache else settings.kv_dtype


def kv_bytes_each(kv_dtype: str, number_bytes: int = 2) -> float:
    """Bytes a number of the cache; auto is as wide as the model's own, `number_bytes`."""
    if kv_dtype == "auto":
        return number_bytes
    if kv_dtype.startswith(("fp8", "int8")):
        return 1
    return 0.5625 if kv_dtype.startswith("nvfp4") else 2


def _steps_in_flight(arch: Architecture, settings: Settings, engine: Engine) -> int:
    """Batches at once (config/vllm.py, max_concurrent_batches)."""
    stages = settings.pipeline_parallel
    if not settings.async_scheduling:
        return stages
    if engine.second_runner and overhead.second_runner(arch):
        return stages + 1
    return 2 if stages == 1 else stages


def _parts(layers: int, stages: int) -> list[range]:
    """Each stage's layers (vllm/distributed/utils.py, get_pp_indices): the ends get no more."""
    sizes = [layers // stages] * stages
    for i in range(2, layers % stages + 2):
        sizes[-i] += 1
    ends = [sum(sizes[: i + 1]) for i in range(stages)]
    return [range(end - size, end) for size, end in zip(sizes, ends, strict=True)]


def _load(
    arch: Architecture, gpu: Gpu, settings: Settings, engine: Engine, *, last: bool
) -> overhead.Load:
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


def _stage(
    arch: Architecture,
    gpu: Gpu,
    settings: Settings,
    *,
    engine: Engine,
    laid: cache.Layout,
    layers: range,
    requested: int,
    fitted: Fitted,
) -> _Stage:
    first, last = layers.start == 0, layers.stop == arch.layers
    share = weights.Share(settings.tensor_parallel, layers, first=first, last=last)
    quantized = quantization(arch, settings)
    load = _load(arch, gpu, settings, engine, last=last)
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
    return _Stage(layers, held, peak, graphs, other, available, laid.block_bytes(layers))


def _verdict(stage: _Stage, gpu: Gpu, needed: int, margin: int) -> tuple[Verdict, str]:
    spare = stage.available - needed
    if spare >= margin:
        return Verdict.FITS, "one request of the full context fits, with room"
    if spare >= -margin:
        return Verdict.TIGHT, f"within {gib(margin)} of the edge, the margin of error"
    if stage.weights + stage.other > gpu.total_bytes:
        return Verdict.NOT, (
            f"the weights take {gib(stage.weights)} of {gib(gpu.total_bytes)}: "
            "out of memory at load"
        )
    return Verdict.NOT, (
        f"one request needs {gib(needed)} of KV cache and {gib(max(0, stage.available))} are left"
    )


def gib(size: float) -> str:
    """Bytes for a reader."""
    return f"{size / GIB:.2f} GiB"


def _steps(
    arch: Architecture,
    settings: Settings,
    laid: cache.Layout,
    stage: _Stage,
    *,
    requested: int,
    each: int,
    in_flight: int,
) -> tuple[Step, ...]:
    quantized = quantization(arch, settings)
    stored = quantized.method if quantized else settings.dtype
    groups = ", ".join(f"{len(one.layers)} {one.kind.value}" for one in laid.groups)
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
