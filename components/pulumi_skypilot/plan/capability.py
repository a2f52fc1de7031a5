"""The formats of weights, activations and cache that vLLM serves on a GPU.

They follow from its compute capability. The same tables (catalog/attention.toml and methods.toml,
from vLLM's source) decide what is advised and what is refused. Where a given flag or variable may
change a rule, it becomes a note and refuses nothing.
"""

import dataclasses
from collections.abc import Callable, Iterator, Mapping

from .. import catalog, spec
from ..catalog import declared, splitting
from ..catalog.architecture import Architecture, Kind
from . import ranges, vllm
from .memory.stages import layers_of_stages

USUAL = ("L4", "L40S", "A100-80GB", "H100", "H200", "B200")
"""The GPUs that a message suggests: those that most clouds have, smaller ones first."""

DTYPES = ("bfloat16", "float16", "float32")
"""In the order of vLLM's preference (platforms/cuda.py, supported_dtypes)."""

BFLOAT16 = (8, 0)
"""The least compute capability that has bfloat16."""


@dataclasses.dataclass(frozen=True)
class Refusal:
    """Something that vLLM would refuse: the key to blame, why, what to do, and its rule."""

    key: str
    reason: str
    rule: str
    """The rule's name for declared.lifted."""

    def lifted_by(self, wanted: spec.Spec) -> list[str]:
        """Return the flags and variables of a deployment that may lift this refusal."""
        off = ("", "0", "false")
        variables = {
            name
            for name, value in wanted.env.items()
            if value is spec.UNKNOWN or value.strip().lower() not in off
        }
        given = vllm.given(wanted)
        flags = {flag.partition(".")[0] for flag, value in given.items() if value != {}}
        return sorted(declared.lifted(self.rule) & (flags | variables | wanted.secrets.keys()))


@dataclasses.dataclass(frozen=True)
class _On:
    """A model on one of the GPUs that a replica may get."""

    shape: Architecture | None
    gpu: str
    able: tuple[int, int]
    """Compute capability."""
    held: str
    """The dtype of what is not quantized."""


def dtype(asked: str, shape: Architecture | None, capability: tuple[int, int]) -> str:
    """Return the dtype of what is not quantized (config/model.py, _resolve_auto_dtype)."""
    if asked != "auto":
        return asked
    able = [name for name in DTYPES if name != "bfloat16" or capability >= BFLOAT16]
    stable = [name for name in able if name != "float16" or not _unstable(shape)]
    return stable[0]


def unsplit(facts: catalog.ModelFacts, parallel: int, flags: Mapping[str, object]) -> str | None:
    """Return why a model does not split over so many GPUs; None where it does."""
    whole = flags.get("enable-expert-parallel") is True
    return splitting.unsplit(facts.id, facts.architecture, parallel, whole_experts=whole)


def parted(facts: catalog.ModelFacts, stages: int) -> str | None:
    """Return why the layers of a model do not go to so many stages; None where they do.

    A layer that shares a cache needs the layer that has it on its own stage
    (layers/attention/attention.py, validate_kv_sharing_target).
    """
    shape = facts.architecture
    first = shape.kinds.index(Kind.SHARED) if Kind.SHARED in shape.kinds else shape.layers
    owners = {is_wide: layer for layer, is_wide in enumerate(shape.wide_layers[:first])}
    for part in layers_of_stages(shape.layers, stages):
        for layer in part:
            if layer >= first and owners[shape.wide_layers[layer]] not in part:
                return (
                    f"layer {layer} of {facts.id} shares the cache of layer "
                    f"{owners[shape.wide_layers[layer]]}, which is on another of {stages} stages; "
                    "write pipelineParallel: 1, and more tensorParallel"
                )
    return None


def caches(shape: Architecture | None, capability: tuple[int, int], held: str) -> frozenset[str]:
    """Return the values of kv-cache-dtype that some attention backend takes.

    For a model that is not known (None) these are the values of any model.
    """
    return frozenset(kept for row in _backends(shape, capability, held) for kept in row.cache)


def refusals(wanted: spec.Spec, facts: catalog.ModelFacts | None) -> Iterator[Refusal]:
    """Yield what vLLM would not start with, on each GPU that a replica may get."""
    shape = facts.architecture if facts else None
    gpus = [
        catalog.gpu(name)
        for name in dict.fromkeys(accelerator.name for accelerator in wanted.accelerators)
    ]
    flags = vllm.flags(wanted, facts, {gpu.family for gpu in gpus if gpu})
    if wanted.dtype == "float16" and _unstable(shape):
        yield Refusal(
            "dtype",
            f"vLLM {vllm.VERSION} refuses float16 for {wanted.model}, which is numerically "
            "unstable in it; write bfloat16, or auto",
            "dtype",
        )
        return
    yield from _another_method(wanted, shape)
    least = facts.min_compute_capability if facts else catalog.VLLM_COMPUTE_CAPABILITY
    for gpu in gpus:
        able = gpu.compute_capability if gpu else None
        if gpu is not None and able is not None and able >= least:  # else it is refused itself
            on = _On(shape, gpu.name, able, dtype(wanted.dtype, shape, able))
            yield from _weights(wanted, on)
            yield from _cache(wanted, flags, on)
            yield from _blocks(flags, on)


def _another_method(wanted: spec.Spec, shape: Architecture | None) -> Iterator[Refusal]:
    """Yield a refusal where the checkpoint is quantized in another way.

    See config/model.py, _verify_quantization.
    """
    stored = shape.quantization.method if shape and shape.quantization else ""
    takes = declared.for_checkpoint(stored)
    if wanted.quantization and takes is not None and wanted.quantization not in takes:
        yield Refusal(
            "quantization",
            f"the weights of {wanted.model} are stored in {stored}, and vLLM {vllm.VERSION} "
            f"refuses {wanted.quantization} for them; leave it out",
            "quantization",
        )


def _weights(wanted: spec.Spec, on: _On) -> Iterator[Refusal]:
    """Yield a refusal where a quantization does not run on the GPU.

    See config/vllm.py, _get_quantization_config.
    """
    stored = on.shape.quantization.method if on.shape and on.shape.quantization else None
    method = declared.methods().get(wanted.quantization or stored or "")
    if method is None:
        return
    least = method.min_compute_capability
    if wanted.quantization and on.able < least:
        yield Refusal(
            "quantization",
            f"{method.name} needs compute capability {_dotted(least)} in vLLM {vllm.VERSION}, "
            f"{on.gpu} has {_dotted(on.able)}; take another GPU{_such_as(least.__le__)}, or "
            "another quantization",
            "quantization",
        )
    elif on.held not in method.dtypes:
        good = [name for name in DTYPES if name in method.dtypes]
        asked = wanted.dtype != "auto"
        way = f"take another GPU{_such_as(BFLOAT16.__le__)}"
        yield Refusal(
            "dtype" if asked else "accelerators",
            f"vLLM {vllm.VERSION} would serve {wanted.model} in {on.held} on {on.gpu}, and "
            f"{method.name} weights go with {' and '.join(good)} only; "
            + (f"write {good[0]}, or auto" if asked else way),
            "quantization",
        )


def _cache(wanted: spec.Spec, flags: Mapping[str, object], on: _On) -> Iterator[Refusal]:
    """Yield a refusal where no attention backend takes the cache.

    See platforms/cuda.py, get_attn_backend_cls.
    """
    cache = _cache_dtype(flags, on.shape)
    known = catalog.flags().values["kv-cache-dtype"]
    able = caches(on.shape, on.able, on.held)
    if cache in ("auto", *able) or cache not in known:
        return
    ways = [f"write {'bfloat16' if on.able >= BFLOAT16 else 'float16'}"]
    ways += ["leave it out"] if wanted.kv_cache_dtype else []
    where = _such_as(lambda capability: cache in caches(on.shape, capability, on.held))
    ways += [f"take another GPU{where}"] if where else []
    yield Refusal(
        "kvCacheDtype",
        f"no attention backend of vLLM {vllm.VERSION} keeps a cache in {cache} on {on.gpu} "
        f"(compute capability {_dotted(on.able)}){_of(on.shape)}; {', or '.join(ways)}",
        "attention",
    )


def _blocks(flags: Mapping[str, object], on: _On) -> Iterator[Refusal]:
    """Yield a refusal where no attention backend takes blocks of that size."""
    given = flags.get("block-size")
    size = None if given is None else ranges.number("block-size", given)
    cache = _cache_dtype(flags, on.shape)
    blocks = [row.block for row in _backends(on.shape, on.able, on.held) if cache in row.cache]
    if blocks and size is not None and all(size % block for block in blocks):
        yield Refusal(
            "vllmArgs",
            f"no attention backend of vLLM {vllm.VERSION} takes block-size {size:.0f} on "
            f"{on.gpu}; write a multiple of {min(blocks)}, or leave it out",
            "attention",
        )


def _cache_dtype(flags: Mapping[str, object], shape: Architecture | None) -> str:
    """Return the cache's dtype that is set, else the one that the checkpoint was made for."""
    given = str(flags.get("kv-cache-dtype") or "auto")
    return "fp8" if given == "auto" and shape is not None and shape.fp8_cache else given


def _backends(
    shape: Architecture | None, able: tuple[int, int], held: str
) -> Iterator[declared.Backend]:
    """Yield the backends that a model may get on a GPU.

    For a model that is not known these are the backends of any model.
    """
    rows = [row for row in declared.backends() if row.least <= able <= row.most]
    if shape is not None and shape.wide and all(row.name != "FLASH_ATTN" for row in rows):
        # Without FlashAttention 4 vLLM takes Triton for heads of two sizes (models/config.py,
        # Gemma4Config.verify_and_update_config).
        rows = [row for row in rows if row.name == "TRITON_ATTN"]
    yield from (row for row in rows if shape is None or _suits(row, shape, held))


def _suits(row: declared.Backend, shape: Architecture, held: str) -> bool:
    if row.latent or shape.latent:
        return row.latent and shape.latent is not None
    return (
        held in row.dtypes
        and all(
            size in row.heads if row.heads else row.more <= size < row.below
            for size in shape.head_sizes
        )
        and (row.sinks or not shape.sinks)
        and (row.windows or Kind.WINDOW not in shape.kinds)
        and (row.prefix or not shape.sees_at_once)
    )


def _unstable(shape: Architecture | None) -> bool:
    return shape is not None and shape.family in declared.not_float16()


def _of(shape: Architecture | None) -> str:
    """Return the traits of a model that narrow its backends, in words."""
    if shape is None:
        return ""
    parts = [
        "attention over a compressed cache (MLA)"
        if shape.latent
        else f"heads of {' and '.join(map(str, shape.head_sizes))}"
    ]
    parts += ["attention sinks"] if shape.sinks else []
    parts += ["images that are seen at once"] if shape.sees_at_once else []
    return f" for a model with {' and '.join(parts)}"


def _such_as(suits: Callable[[tuple[int, int]], bool]) -> str:
    names = [name for name in USUAL if suits(catalog.gpus()[name].compute_capability or (0, 0))]
    return f" such as {' or '.join(names[:2])}" if names else ""


def _dotted(capability: tuple[int, int]) -> str:
    return f"{capability[0]}.{capability[1]}"
