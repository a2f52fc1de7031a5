"""Whether a spec's model fits each GPU that it may get: for the plan, in words.

Refused is only what is surely beyond a GPU. What cannot be known is said and refuses nothing: an
image brings a vLLM of its own, and some flags change what the memory model counts.
"""

import dataclasses
import functools
import math
import typing
from collections.abc import Iterator, Mapping

from .. import catalog, spec
from ..catalog.architecture import Architecture
from . import capability, headroom, memory, ranges, vllm
from .memory import advice

ENGINE = memory.ENGINES[vllm.VERSION]

UNCOUNTED_CACHE = ("int4", "nvfp4_4over6", "turboquant", "ultraquant", "fp8_ds", "nvfp4_ds")
"""How kv-cache-dtype begins where the size of a token is not counted here."""

COUNTED = (*headroom.FLAGS, "block-size", "max-cudagraph-capture-size")
"""Flags among vllmArgs whose numbers are reckoned with."""

CPU_BYTES = 4 * 2**30
"""What vLLM itself takes of a machine's memory, measured with a tiny model on a CPU."""


@dataclasses.dataclass(frozen=True)
class Sized:
    """A spec on each of its accelerators, or why that is not known.

    An accelerator that is not reckoned is missing; plan/unchecked.py says why.
    """

    fits: Mapping[spec.Accelerator, memory.Fit]
    settings: Mapping[spec.Accelerator, memory.Settings]
    unknown: str | None = None
    """The flags with which nothing is reckoned."""
    assumed: tuple[str, ...] = ()
    """The flags that were left out of what is reckoned."""


def gpu(facts: catalog.GpuFacts) -> memory.Gpu:
    """A GPU as the memory model sees it."""
    offered = facts.offered_bytes
    return memory.Gpu(
        total_bytes=offered,
        measured=facts.usable_bytes is not None,
        hopper=facts.compute_capability == (9, 0),
        large=offered >= 70 * 2**30 and "A100" not in facts.name,
    )


def size(wanted: spec.Spec, facts: catalog.ModelFacts | None) -> Sized:
    """A valid spec on each of its accelerators."""
    flags = vllm.flags(wanted, facts, families(wanted))
    context = vllm.context(wanted, facts)
    if facts is None or context is None or not wanted.accelerators:
        return Sized({}, {})
    uncounted = sorted(_given(flags) & catalog.memory_flags().uncounted)
    uncounted += [f for f in COUNTED if f in flags and ranges.number(f, flags[f]) is None]
    cache = str(flags.get("kv-cache-dtype"))
    uncounted += [f"kv-cache-dtype {cache}"] if cache.startswith(UNCOUNTED_CACHE) else []
    stored = facts.architecture.quantization
    told = flags.get("quantization")
    if told not in (None, "fp8", stored and stored.method):
        uncounted.append(f"quantization {told}")
    if uncounted:
        return Sized({}, {}, ", ".join(uncounted))
    shape = facts.architecture
    settings = {
        accelerator: dataclasses.replace(
            _settings(wanted, accelerator, flags, context),
            dtype=capability.dtype(wanted.dtype, shape, gpu_facts.compute_capability or (9, 0)),
        )
        for accelerator, gpu_facts in _gpus(wanted).items()
    }
    fits = {
        accelerator: _fit(shape, gpu(gpu_facts), settings[accelerator])
        for accelerator, gpu_facts in _gpus(wanted).items()
    }
    return Sized(fits, settings, assumed=tuple(_assumed(wanted, flags)))


def families(wanted: spec.Spec) -> set[str]:
    """Return the GPU families that a replica may get; none of them stands for a CPU."""
    return {catalog.family(accelerator.name) for accelerator in wanted.accelerators}


def cpu_needed_bytes(wanted: spec.Spec, facts: catalog.ModelFacts) -> int:
    """Return about how much memory a machine without GPUs needs."""
    return _cpu_weights(facts) + vllm.cpu_cache_bytes(wanted, facts) + CPU_BYTES


def shown(
    wanted: spec.Spec, facts: catalog.ModelFacts | None, sized: Sized
) -> dict[str, typing.Any]:
    """Line by line, what a preview shows of each accelerator, or of a machine without."""
    if facts is None:
        return {}
    if wanted.accelerators:
        return {str(accelerator): _lines(accelerator, sized, facts) for accelerator in sized.fits}
    needed = math.ceil(cpu_needed_bytes(wanted, facts) / 2**30)
    return {
        "CPU": {
            "weights": memory.gib(_cpu_weights(facts)),
            "kvCache": memory.gib(vllm.cpu_cache_bytes(wanted, facts)),
            "needed": f"{needed} GiB of memory",
        }
    }


def gains(facts: catalog.ModelFacts, sized: Sized) -> dict[spec.Accelerator, list[advice.Gain]]:
    """The flags that would make room, for each accelerator; none is applied unasked."""
    gains = {
        accelerator: list(_gains(facts.architecture, accelerator.name, sized.settings[accelerator]))
        for accelerator in sized.fits
    }
    return {accelerator: some for accelerator, some in gains.items() if some}


def problems(
    wanted: spec.Spec, facts: catalog.ModelFacts | None, sized: Sized
) -> Iterator[spec.Problem]:
    """What does not fit, with the nearest that does."""
    if wanted.image is None:
        for key, reason in _misfits(facts, sized):
            yield spec.Problem(key, f"{key}: {reason}")


def notes(wanted: spec.Spec, facts: catalog.ModelFacts | None, sized: Sized) -> Iterator[str]:
    """What a reviewer should know of it."""
    if wanted.image is not None:
        yield from (
            f"{reason}, unless the image's vLLM differs" for _, reason in _misfits(facts, sized)
        )
    for accelerator, fit in sized.fits.items():
        if fit.verdict is memory.Verdict.TIGHT:
            yield f"{accelerator}: tight, {fit.reason}; it may not start"
    yield from _cpu_notes(wanted, facts)


def _misfits(facts: catalog.ModelFacts | None, sized: Sized) -> Iterator[tuple[str, str]]:
    for accelerator, fit in sized.fits.items():
        if facts is None or fit.verdict is not memory.Verdict.NOT:
            continue
        key = "accelerators" if fit.longest < 1024 else "context"
        settings = sized.settings[accelerator]
        near = list(
            _nearest(facts.architecture, facts.min_compute_capability, accelerator.name, settings)
        )
        would = f"; what fits: {', '.join(near)}" if near else "; nothing near it fits"
        yield (
            key,
            f"{settings.context} tokens of {facts.id} do not fit {accelerator}: "
            f"{fit.reason}{would}",
        )


def _cpu_notes(wanted: spec.Spec, facts: catalog.ModelFacts | None) -> Iterator[str]:
    text = wanted.memory
    if facts is None or wanted.accelerators or text is None or text.endswith("+"):
        return
    needed = cpu_needed_bytes(wanted, facts)
    if needed > float(text) * 2**30:
        yield f"memory: {wanted.model} needs about {math.ceil(needed / 2**30)} GiB, not {text}"


def _cpu_weights(facts: catalog.ModelFacts) -> int:
    shape = facts.architecture
    whole = memory.weights.whole(shape)
    return memory.weights.stored_bytes(shape, whole, shape.quantization, hopper=False)


def _lines(
    accelerator: spec.Accelerator, sized: Sized, facts: catalog.ModelFacts
) -> dict[str, typing.Any]:
    fit, settings = sized.fits[accelerator], sized.settings[accelerator]
    table: dict[str, typing.Any] = {
        "memory": f"{memory.gib(fit.requested_bytes)} of {memory.gib(fit.total_bytes)}",
        "weights": memory.gib(fit.weights_bytes),
        "activations": memory.gib(fit.activation_bytes),
        "cudaGraphs": memory.gib(fit.graph_bytes),
        "other": memory.gib(fit.other_bytes),
        "kvCache": memory.gib(fit.available_bytes),
        "kvCacheNeeded": f"{memory.gib(fit.needed_bytes)} for {settings.context} tokens",
        "concurrency": f"{fit.concurrency:.1f} requests of {settings.context} tokens",
        "verdict": fit.verdict.value,
    }
    could = _gains(facts.architecture, accelerator.name, settings)
    return {**table, "could": list(map(str, could))} if could else table


def _settings(
    wanted: spec.Spec, accelerator: spec.Accelerator, flags: Mapping[str, object], context: int
) -> memory.Settings:
    """What vLLM is told, of what it has in memory."""

    def number(flag: str) -> int | None:
        return int(ranges.number(flag, flags.get(flag)) or 0) or None

    told = headroom.share(wanted)
    hybrid = flags.get("disable-hybrid-kv-cache-manager")
    return memory.Settings(
        context=context,
        tensor_parallel=wanted.layer_gpus(accelerator.count),
        pipeline_parallel=wanted.pipeline_parallel,
        quantization=typing.cast("str | None", flags.get("quantization")),
        kv_dtype=str(flags.get("kv-cache-dtype") or "auto"),
        max_sequences=number("max-num-seqs"),
        max_batched_tokens=number("max-num-batched-tokens"),
        utilization=told[1] if told else 0.92,
        eager=flags.get("enforce-eager") is True,
        hybrid=hybrid is not True,
        async_scheduling=flags.get("async-scheduling") is not False
        and flags.get("no-async-scheduling") is not True,
        largest_graph=number("max-cudagraph-capture-size"),
        block_tokens=number("block-size"),
    )


def _given(flags: Mapping[str, object]) -> set[str]:
    """Return the flags that may change something, of hf-overrides.x.y the first part.

    A switch that is off is as vLLM has it by itself, except for enable-chunked-prefill.
    """
    on = {name for name, value in flags.items() if value is not False or name == _ON_BY_DEFAULT}
    return {name.partition(".")[0].removeprefix("no-") for name in on if flags[name] is not None}


_ON_BY_DEFAULT = "enable-chunked-prefill"


def _assumed(wanted: spec.Spec, flags: Mapping[str, object]) -> Iterator[str]:
    """Yield what is given and was left out of what is reckoned."""
    known = catalog.memory_flags()
    yield from sorted(_given(flags) - known.counted - known.none)
    for name in sorted(wanted.env.keys() | wanted.secrets.keys()):
        if name.startswith(_ENGINE_VARIABLES) and not name.startswith(_QUIET_VARIABLES):
            yield f"env {name}"


_ENGINE_VARIABLES = ("VLLM_", "PYTORCH_", "CUDA_VISIBLE_DEVICES")
"""What of an environment may change how vLLM uses a GPU's memory."""
_QUIET_VARIABLES = (
    "VLLM_LOGGING_",
    "VLLM_LOG_",
    "VLLM_NO_USAGE_STATS",
    "VLLM_DO_NOT_TRACK",
    "VLLM_HOST_IP",
)
"""What of it does not."""


def _gpus(wanted: spec.Spec) -> dict[spec.Accelerator, catalog.GpuFacts]:
    """Those that are reckoned: how much others' kernels take is not known."""
    known = {accelerator: catalog.gpu(accelerator.name) for accelerator in wanted.accelerators}
    return {
        accelerator: facts
        for accelerator, facts in known.items()
        if facts and facts.vendor == "nvidia"
    }


@functools.lru_cache(maxsize=512)
def _fit(shape: Architecture, card: memory.Gpu, settings: memory.Settings) -> memory.Fit:
    """Kept: check and diff ask the same of every preview."""
    return reckon(shape, card, settings)


def reckon(shape: Architecture, card: memory.Gpu, settings: memory.Settings) -> memory.Fit:
    """How a model sits on a GPU; tight, where it is not surely beyond it.

    CUDA graphs were not measured with this release, nor activations of models with experts, which
    are counted as its first runner has them. What would fit if these took nothing is not refused.
    """
    fit = memory.fit(shape, card, settings, ENGINE)
    unsure = fit.graph_bytes + (fit.activation_bytes if shape.experts else 0)
    short = -fit.spare_bytes
    if fit.verdict is not memory.Verdict.NOT or short > unsure + fit.margin_bytes:
        return fit
    parts = "activations and CUDA graphs" if shape.experts else "CUDA graphs"
    reason = f"{memory.gib(short)} short, and {parts}, {memory.gib(unsure)}, were not measured here"
    return dataclasses.replace(fit, verdict=memory.Verdict.TIGHT, reason=reason)


@functools.lru_cache(maxsize=512)
def _gains(shape: Architecture, name: str, settings: memory.Settings) -> tuple[advice.Gain, ...]:
    now = option(name, shape)
    return tuple(advice.gains(shape, now.gpu, settings, ENGINE, fp8_cache=now.fp8_cache))


@functools.lru_cache(maxsize=512)
def _nearest(
    shape: Architecture, least: tuple[int, int], name: str, settings: memory.Settings
) -> tuple[str, ...]:
    able = [
        usual
        for usual in capability.USUAL
        if (catalog.gpus()[usual].compute_capability or (0, 0)) >= least
    ]
    now, *others = (option(gpu_name, shape) for gpu_name in (name, *able))
    return tuple(advice.nearest(shape, now, settings, ENGINE, others))


def option(name: str, shape: Architecture) -> advice.Option:
    """A GPU of the catalogue as something to take instead."""
    facts = catalog.gpus()[name]
    able = facts.compute_capability or (9, 0)
    held = capability.dtype("auto", shape, able)
    return advice.Option(
        name, gpu(facts), fp8_cache="fp8" in capability.caches(shape, able, held), dtype=held
    )
