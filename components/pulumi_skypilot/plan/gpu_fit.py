"""The fit of a spec's model on each GPU that it may get, in words.

Only what is surely too large for a GPU is refused. What cannot be known becomes a note: an image
brings its own vLLM, and some flags change what the memory model counts.
"""

import dataclasses
import functools
import math
import typing
from collections.abc import Iterator, Mapping

from .. import catalog, spec
from ..catalog.architecture import Architecture
from . import capability, memory, memory_settings, model_flags, ranges, vllm
from .memory import advice

ENGINE = memory.ENGINES[vllm.VERSION]

UNCOUNTED_CACHE = ("int4", "nvfp4_4over6", "turboquant", "ultraquant", "fp8_ds", "nvfp4_ds")
"""Beginnings of the kv-cache-dtype whose bytes a token are not counted here."""

AMD_FAMILIES = ("cdna3", "cdna4")
"""MI300X, MI325X, MI350X and MI355X. Their fit follows vLLM's source; none was measured."""

SHORTEST_USEFUL = 1024
"""Tokens of context. A GPU with room for fewer is too small, and `accelerators` is reported instead
of `context`: hardly a request with its answer is so short."""

CPU_BYTES = 4 * 2**30
"""The memory that vLLM itself takes, measured with a tiny model on a CPU."""


@dataclasses.dataclass(frozen=True)
class Sized:
    """The fit of a spec on each of its accelerators, or why that is not known.

    An accelerator whose fit is not computed is missing; plan/unchecked.py says why.
    """

    fits: Mapping[spec.Accelerator, memory.Fit]
    settings: Mapping[spec.Accelerator, memory.Settings]
    unknown: str | None = None
    """The flags for which no fit is computed."""
    assumed: tuple[str, ...] = ()
    """The flags that the fit leaves out."""


def gpu(facts: catalog.GpuFacts) -> memory.Gpu:
    """Return a GPU as the memory model sees it."""
    return memory.Gpu(
        total_bytes=facts.offered_bytes,
        measured=facts.usable_bytes is not None,
        amd=facts.vendor == "amd",
        hopper=facts.compute_capability == (9, 0),
        blackwell=facts.compute_capability is not None and facts.compute_capability[0] == 10,
        large=facts.large,
    )


def size(wanted: spec.Spec, facts: catalog.ModelFacts | None) -> Sized:
    """Return the fit of a valid spec on each of its accelerators."""
    flags = vllm.flags(wanted, facts, families(wanted))
    context = vllm.context(wanted, facts)
    if facts is None or context is None or not wanted.accelerators:
        return Sized({}, {})
    known = memory_settings.counted(flags)
    names = (_given(flags) & catalog.memory_flags().uncounted) - known
    uncounted = sorted({model_flags.named(wanted, name) for name in names})
    numbers = (flag for flag in memory_settings.NUMBERS if flag in flags)
    uncounted += [flag for flag in numbers if ranges.number(flag, flags[flag]) is None]
    cache = str(flags.get("kv-cache-dtype"))
    uncounted += [f"kv-cache-dtype {cache}"] if cache.startswith(UNCOUNTED_CACHE) else []
    stored = facts.architecture.quantization
    asked = flags.get("quantization")
    if asked not in (None, "fp8", stored and stored.method):
        uncounted.append(f"quantization {asked}")
    if uncounted:
        return Sized({}, {}, ", ".join(uncounted))
    shape = facts.architecture
    settings = {
        accelerator: dataclasses.replace(
            memory_settings.settings(wanted, accelerator, flags, context),
            dtype=capability.dtype(wanted.dtype, shape, gpu_facts.compute_capability or (9, 0)),
            pooling=model_flags.task(wanted, facts) != "generate",
        )
        for accelerator, gpu_facts in _gpus(wanted).items()
    }
    fits = {
        accelerator: _fit(shape, gpu(gpu_facts), settings[accelerator])
        for accelerator, gpu_facts in _gpus(wanted).items()
    }
    return Sized(fits, settings, assumed=tuple(_assumed(wanted, flags)))


def families(wanted: spec.Spec) -> set[str]:
    """Return the GPU families that a replica may get; empty for a CPU."""
    return {catalog.family(accelerator.name) for accelerator in wanted.accelerators}


def cpu_needed_bytes(wanted: spec.Spec, facts: catalog.ModelFacts) -> int:
    """Return about how many bytes of memory a machine without GPUs needs."""
    return _cpu_weights(facts) + vllm.cpu_cache_bytes(wanted, facts) + CPU_BYTES


def shown(
    wanted: spec.Spec, facts: catalog.ModelFacts | None, sized: Sized
) -> dict[str, typing.Any]:
    """Return the lines that a preview shows of each accelerator, or of a CPU."""
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
    """Return for each accelerator the flags that would make room; none is set unasked."""
    all_gains = {
        accelerator: list(_gains(facts.architecture, accelerator.name, sized.settings[accelerator]))
        for accelerator in sized.fits
    }
    return {
        accelerator: accelerator_gains
        for accelerator, accelerator_gains in all_gains.items()
        if accelerator_gains
    }


def problems(
    wanted: spec.Spec, facts: catalog.ModelFacts | None, sized: Sized
) -> Iterator[spec.Problem]:
    """Yield what does not fit, with the nearest settings that do."""
    if wanted.image is None:
        for key, reason in _misfits(facts, sized):
            yield spec.Problem(key, f"{key}: {reason}")


def notes(wanted: spec.Spec, facts: catalog.ModelFacts | None, sized: Sized) -> Iterator[str]:
    """Yield what a reviewer should know about the fit."""
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
        key = "accelerators" if fit.longest < SHORTEST_USEFUL else "context"
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
    return memory.weights.stored_bytes(
        shape, whole, shape.quantization, hopper=False, blocks=memory.Blocks.NONE
    )


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


def _given(flags: Mapping[str, object]) -> set[str]:
    """Return the flags that may change something; of hf-overrides.x.y the first part.

    A switch that is off is vLLM's default, except for enable-chunked-prefill.
    """
    on = {name for name, value in flags.items() if value is not False or name == _ON_BY_DEFAULT}
    return {name.partition(".")[0].removeprefix("no-") for name in on if flags[name] is not None}


_ON_BY_DEFAULT = "enable-chunked-prefill"


def _assumed(wanted: spec.Spec, flags: Mapping[str, object]) -> Iterator[str]:
    """Yield the flags and variables that are given and not counted."""
    known = catalog.memory_flags()
    yield from sorted(_given(flags) - known.counted - known.none - memory_settings.counted(flags))
    for name in sorted(wanted.env.keys() | wanted.secrets.keys()):
        quiet = name.startswith(_QUIET_VARIABLES) or memory_settings.counted_variable(wanted, name)
        if name.startswith(_ENGINE_VARIABLES) and not quiet:
            yield f"env {name}"


_ENGINE_VARIABLES = ("VLLM_", "PYTORCH_", "CUDA_VISIBLE_DEVICES")
"""Variables that may change how vLLM uses a GPU's memory begin with these."""
_QUIET_VARIABLES = (
    "VLLM_LOGGING_",
    "VLLM_LOG_",
    "VLLM_NO_USAGE_STATS",
    "VLLM_DO_NOT_TRACK",
    "VLLM_HOST_IP",
)
"""Variables among them that do not."""


def _gpus(wanted: spec.Spec) -> dict[spec.Accelerator, catalog.GpuFacts]:
    """Return the GPUs whose fit is computed."""
    known = {accelerator: catalog.gpu(accelerator.name) for accelerator in wanted.accelerators}
    return {accelerator: facts for accelerator, facts in known.items() if facts and reckoned(facts)}


def reckoned(facts: catalog.GpuFacts) -> bool:
    """Return whether the fit on a GPU is computed: on NVIDIA's, and on AMD's that vLLM lists."""
    return facts.vendor == "nvidia" or facts.family in AMD_FAMILIES


@functools.lru_cache(maxsize=512)
def _fit(shape: Architecture, card: memory.Gpu, settings: memory.Settings) -> memory.Fit:
    """Return the fit from a cache: check and diff ask the same of every preview."""
    return reckon(shape, card, settings)


def reckon(shape: Architecture, card: memory.Gpu, settings: memory.Settings) -> memory.Fit:
    """Return how a model fits a GPU; tight where it is not surely too large.

    CUDA graphs were not measured with this release. Neither were activations of models with
    experts, which are counted as in vLLM's first runner. A model that would fit if these took
    nothing is not refused.
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
    now, *options = (option(gpu_name, shape) for gpu_name in (name, *able))
    return tuple(advice.nearest(shape, now, settings, ENGINE, options))


def option(name: str, shape: Architecture) -> advice.Option:
    """Return a GPU of the catalogue as an alternative to suggest."""
    facts = catalog.gpus()[name]
    able = facts.compute_capability or (9, 0)
    held = capability.dtype("auto", shape, able)
    return advice.Option(
        name, gpu(facts), fp8_cache="fp8" in capability.caches(shape, able, held), dtype=held
    )
