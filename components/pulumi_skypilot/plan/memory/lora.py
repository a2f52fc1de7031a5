"""The memory of LoRA adapters: vLLM makes room for all that may be used at once when it starts."""

import dataclasses
from collections.abc import Iterator

from ...catalog.architecture import Architecture, Kind
from . import allocator
from .tensors import Part, Share, feeds

WRAPS_EMBEDDING = frozenset({
    "apertus", "cohere", "cohere2", "exaone", "exaone4", "exaone_moe", "granite", "granitemoe",
    "granitemoeshared", "llama", "minicpm", "mistral", "mixtral", "nemotron", "phimoe", "qwen3",
    "qwen3_moe", "seed_oss", "solar",
})  # fmt: skip
"""Families whose classes take adapters for the embedding and the output layer too
(vllm/model_executor/models, embedding_modules)."""


@dataclasses.dataclass(frozen=True)
class Lora:
    """The room for adapters: max_loras of them, each of max_lora_rank at most."""

    slots: int = 1
    rank: int = 16
    sharded: bool = False
    """Whether all of an adapter is divided among the GPUs (fully_sharded_loras)."""


def stored_bytes(arch: Architecture, share: Share, lora: Lora, number_bytes: int) -> int:
    """Return the bytes of a share's slots (vllm/lora/layers, create_lora_weights)."""
    ranks = [
        *((sides, 1) for layer in share.layers for sides in _attention(arch, share, layer)),
        *((sides, 1) for layer in share.layers for sides in _dense(arch, share, layer)),
        *(
            (sides, sum(feeds(arch, layer) is Part.EXPERT for layer in share.layers))
            for sides in _experts(arch, share)
        ),
        *((sides, 1) for sides in _ends(arch, share)),
    ]
    return sum(
        allocator.held(lora.slots * lora.rank * numbers * number_bytes) * copies
        for sides, copies in ranks
        for numbers in _shared_out(sides, share, lora)
    )


@dataclasses.dataclass(frozen=True)
class _Sides:
    """The numbers of one rank: of A, which is as wide as what goes in, and of B."""

    a: int
    b: int
    whole_a: bool = True
    """Whether every GPU has all of A. Else it has all of B."""
    divided: bool = True


def _shared_out(sides: _Sides, share: Share, lora: Lora) -> Iterator[int]:
    divided = lora.sharded and sides.divided
    yield sides.a // (share.tensor_parallel if divided and sides.whole_a else 1)
    yield sides.b // (share.tensor_parallel if divided and not sides.whole_a else 1)


def _attention(arch: Architecture, share: Share, layer: int) -> Iterator[_Sides]:
    """Yield the sides of attention. A layer with a state counts as if it had attention."""
    stateful = arch.state is not None and arch.state.layers[layer]
    if arch.kinds[layer] is Kind.NONE and not stateful:
        return
    hidden, tp, latent = arch.hidden, share.tensor_parallel, arch.latent
    heads = arch.heads // tp
    if latent:
        wide, query_in = heads * (latent.nope + latent.rope), latent.query_rank or hidden
        if latent.query_rank:
            yield _Sides(hidden, latent.query_rank, divided=False)
        yield _Sides(query_in, wide)
        yield _Sides(hidden, latent.kv_rank + latent.rope, divided=False)
        yield _Sides(latent.kv_rank, heads * (latent.nope + latent.value))
        yield _Sides(heads * latent.value, hidden, whole_a=False)
        return
    of, shared = arch.heads_of(layer), arch.kinds[layer] is Kind.SHARED
    query, kv = heads * of.size, max(1, of.kv // tp) * of.size
    for wide in (query,) if shared else (query, kv, kv):
        yield _Sides(hidden, wide)
    yield _Sides(query, hidden, whole_a=False)


def _dense(arch: Architecture, share: Share, layer: int) -> Iterator[_Sides]:
    if feeds(arch, layer) is Part.LINEAR:
        yield from _gated(arch.hidden, arch.intermediate_of(layer) // share.tensor_parallel, 1)


def _experts(arch: Architecture, share: Share) -> Iterator[_Sides]:
    experts = arch.experts
    if experts is None:
        return
    tp = share.tensor_parallel
    yield _Sides(arch.hidden, experts.count, divided=False)  # the router
    yield from _gated(arch.hidden, experts.intermediate // tp, experts.count)
    if experts.shared_intermediate:
        yield from _gated(arch.hidden, experts.shared_intermediate // tp, 1)


def _gated(hidden: int, inner: int, count: int) -> Iterator[_Sides]:
    for _ in ("gate", "up"):
        yield _Sides(count * hidden, count * inner)
    yield _Sides(count * inner, count * hidden, whole_a=False)


def _ends(arch: Architecture, share: Share) -> Iterator[_Sides]:
    """Yield the embedding and the output layer, which are whole on every GPU."""
    if arch.family not in WRAPS_EMBEDDING:
        return
    if share.first:
        yield _Sides(arch.vocabulary, arch.hidden, divided=False)
    if share.last:
        yield _Sides(arch.hidden, arch.vocabulary, divided=False)
