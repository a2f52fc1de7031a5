"""The memory fit of a model on a GPU: weights, activations, CUDA graphs and the KV cache.

Pure arithmetic that follows vLLM's own. `Fit.steps` names the source of every number. `engine` has
the inputs, `stages` the memory of one GPU and `derivation` the steps. This module makes a Fit of
them.
"""

import dataclasses
import enum

from ...catalog.architecture import Architecture
from . import graphs, overhead
from .allocator import Blocks
from .derivation import Step, steps
from .engine import (
    ENGINES,
    GIB,
    Engine,
    Gpu,
    Settings,
    kv_bytes_each,
    kv_dtype,
    limits,
    quantization,
    steps_in_flight,
)
from .fitted import FITTED, Fitted
from .lora import Lora
from .stages import Stage, layout_of, load_of, reckon_stages, requested_bytes

__all__ = [
    "ENGINES",
    "GIB",
    "Blocks",
    "Engine",
    "Fit",
    "Gpu",
    "Lora",
    "Settings",
    "Stage",
    "Step",
    "Verdict",
    "fit",
    "gib",
    "graphs",
    "kv_bytes_each",
    "kv_dtype",
    "limits",
    "quantization",
    "reckon_stages",
]


class Verdict(enum.Enum):
    """The answer to whether one request of the full context can be served."""

    FITS = "fits"
    TIGHT = "tight"
    """Within the margin of error: it may start or not."""
    NOT = "does not fit"


@dataclasses.dataclass(frozen=True)
class Fit:
    """The memory of a model on its GPUs, in bytes of the fullest one."""

    verdict: Verdict
    reason: str
    total_bytes: int
    requested_bytes: int
    weights_bytes: int
    activation_bytes: int
    graph_bytes: int
    other_bytes: int
    available_bytes: int
    """Bytes left for the KV cache; may be negative."""
    needed_bytes: int
    """Bytes of the KV cache for one request of the full context."""
    margin_bytes: int
    blocks: int
    tokens: int
    """Tokens in the cache as vLLM logs them: concurrency * context."""
    concurrency: float
    """Requests of the full context at once."""
    longest: int
    """The longest context that fits: vLLM's "estimated maximum model length"."""
    max_sequences: int
    max_batched_tokens: int
    steps: tuple[Step, ...]

    @property
    def spare_bytes(self) -> int:
        """Return the bytes of the cache beyond one request; negative when it lacks them."""
        return self.available_bytes - self.needed_bytes


def fit(
    arch: Architecture, gpu: Gpu, settings: Settings, engine: Engine, fitted: Fitted = FITTED
) -> Fit:
    """Return the memory fit of a model on the GPUs of a replica."""
    sequences, batched = limits(gpu, settings)
    laid = layout_of(arch, settings)
    requested = requested_bytes(gpu, settings)
    stages = reckon_stages(arch, gpu, settings, engine, fitted)
    worst = min(stages, key=lambda stage: (stage.blocks, stage.available))
    in_flight = batched * steps_in_flight(arch, settings, engine)
    each = laid.request_blocks(settings.context, in_flight)
    needed = (each + engine.null_block) * worst.block_bytes
    concurrency = worst.blocks / each
    load = load_of(arch, gpu, settings, engine)
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
            worst.blocks - engine.null_block,
            max(arch.max_positions or 0, settings.context),
            in_flight,
        ),
        max_sequences=sequences,
        max_batched_tokens=batched,
        steps=steps(
            arch, settings, laid, worst, requested=requested, each=each, in_flight=in_flight
        ),
    )


def _verdict(stage: Stage, gpu: Gpu, needed: int, margin: int) -> tuple[Verdict, str]:
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
    """Return bytes as GiB, for a reader."""
    return f"{size / GIB:.2f} GiB"
