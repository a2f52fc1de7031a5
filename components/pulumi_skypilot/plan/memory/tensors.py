"""The tensors of a model's weights on one GPU, as vLLM fuses and divides them."""

import collections
import dataclasses
import enum
from collections.abc import Iterable, Iterator, Sequence

from ...catalog.architecture import Architecture, Heads, Index, Kind, Latent, State
from ...catalog.splitting import VOCABULARY_PADDING
from . import allocator


class Part(enum.Enum):
    """What a tensor belongs to, which decides how it is stored."""

    LINEAR = "linear"
    """Linear layers, which a quantization shrinks."""
    ATTENTION = "attention"
    """The linear layers of attention, of states and of an index, which it may shrink or leave."""
    EXPERT = "experts"
    """Experts, which any quantization shrinks."""
    PLAIN = "plain"
    """Norms, biases, router, embeddings: never quantized."""
    EXPERT_PLAIN = "biases of experts"


@dataclasses.dataclass(frozen=True)
class Tensor:
    """A tensor, `copies` times: for each layer, of matrices of rows and columns."""

    part: Part
    rows: int
    columns: int
    matrices: int = 1
    copies: int = 1

    @property
    def numbers(self) -> int:
        """Return the numbers of one copy."""
        return self.rows * self.columns * self.matrices


@dataclasses.dataclass(frozen=True)
class Share:
    """The part of a model that one GPU holds."""

    tensor_parallel: int = 1
    layers: range = range(0)
    first: bool = True
    """Whether the GPU holds the embedding."""
    last: bool = True
    """Whether the GPU holds the last layer, and the norm after it."""
    output: bool = True
    """Whether the last GPU holds the output layer: a model that embeds has none."""


@dataclasses.dataclass(frozen=True)
class Padding:
    """The multiples to which vLLM pads the sizes of a model."""

    vocabulary: int = VOCABULARY_PADDING
    hidden: int = 1
    """Of the experts' side that is as wide as the model."""
    inner: int = 1
    """Of the experts' own width, on one GPU."""


def whole(arch: Architecture) -> Share:
    """Return the share of a model that is on one GPU as a whole."""
    return Share(1, range(arch.layers))


def tensors(arch: Architecture, share: Share, padding: Padding | None = None) -> Iterator[Tensor]:
    """Yield the tensors of a share, those of equal layers together."""
    padding = padding or Padding()
    tp, hidden = share.tensor_parallel, arch.hidden
    vocabulary = allocator.up(arch.vocabulary, padding.vocabulary) // tp
    output = share.last and share.output
    ends = (share.first or (arch.tied and output)) + (output and not arch.tied)
    packed = arch.quantization is not None and arch.quantization.output and output
    yield Tensor(Part.PLAIN, vocabulary, hidden, copies=ends - packed)
    yield Tensor(Part.PLAIN, 1, hidden, copies=int(share.last))
    alike = [
        (Tensor(Part.LINEAR, vocabulary, hidden), int(packed)),
        *((tensor, 1) for tensor in _own_embeddings(arch, tp, padding)),
        (Tensor(Part.PLAIN, 1, arch.norms * hidden), len(share.layers)),
        *_attention(arch, share),
        *_times(_state(arch, tp), [_has(arch.state, i) for i in share.layers]),
        *_times(_index(arch), [_has(arch.index, i) for i in share.layers]),
        *_dense(arch, share),
        *_times(_experts(arch, tp, padding), [feeds(arch, i) is Part.EXPERT for i in share.layers]),
    ]
    yield from (dataclasses.replace(tensor, copies=n) for tensor, n in alike if n)


def _times(of_layer: Iterable[Tensor], layers: Sequence[bool]) -> Iterator[tuple[Tensor, int]]:
    """Yield the tensors of a layer's part with the number of layers that have it."""
    return ((tensor, sum(layers)) for tensor in of_layer)


def _has(part: State | Index | None, layer: int) -> bool:
    return part is not None and part.layers[layer]


def feeds(arch: Architecture, layer: int) -> Part | None:
    """Return whether a layer has a feed-forward part or experts; None where it has neither."""
    if arch.feed_forward and not arch.feed_forward[layer]:
        return None
    return Part.EXPERT if arch.expert_layers[layer] else Part.LINEAR


def _state(arch: Architecture, tp: int) -> Iterator[Tensor]:
    if arch.state:
        yield Tensor(Part.ATTENTION, arch.state.linear // tp, 1)
        yield Tensor(Part.PLAIN, arch.state.plain // tp, 1)


def _index(arch: Architecture) -> Iterator[Tensor]:
    if arch.index:
        yield Tensor(Part.ATTENTION, arch.index.linear, 1)
        yield Tensor(Part.PLAIN, arch.index.plain, 1)


def _own_embeddings(arch: Architecture, tp: int, padding: Padding) -> Iterator[Tensor]:
    """Yield the embeddings that layers have of their own, as one, and what projects to them.

    See vllm/model_executor/models/gemma4.py, Gemma4Model.__init__.
    """
    if arch.own_embedding:
        width = arch.layers * arch.own_embedding
        yield Tensor(Part.PLAIN, allocator.up(arch.vocabulary, padding.vocabulary) // tp, width)
        yield Tensor(Part.LINEAR, width // tp, arch.hidden)
        yield Tensor(Part.PLAIN, 1, arch.own_embedding)


def _attention(arch: Architecture, share: Share) -> Iterator[tuple[Tensor, int]]:
    """Yield the tensors of attention, with the number of layers that have each."""
    layers = [i for i in share.layers if arch.kinds[i] is not Kind.NONE]
    if arch.latent:
        yield from _times(
            _latent_attention(arch, arch.latent, share.tensor_parallel), [True] * len(layers)
        )
        return
    alike = collections.Counter((arch.heads_of(i), arch.kinds[i] is Kind.SHARED) for i in layers)
    for (heads, shared), number in alike.items():
        for tensor in _plain_attention(arch, heads, share.tensor_parallel, shared=shared):
            yield tensor, number


def _latent_attention(arch: Architecture, latent: Latent, tp: int) -> Iterator[Tensor]:
    hidden, heads = arch.hidden, arch.heads // tp
    wide = heads * (latent.nope + latent.rope)
    down = latent.kv_rank + latent.rope  # whole on every GPU
    if latent.query_rank:
        yield Tensor(Part.ATTENTION, latent.query_rank + down, hidden)
        yield Tensor(Part.ATTENTION, wide, latent.query_rank)
    else:
        yield Tensor(Part.ATTENTION, wide, hidden)
        yield Tensor(Part.ATTENTION, down, hidden)
    yield Tensor(Part.ATTENTION, heads * (latent.nope + latent.value), latent.kv_rank)
    yield Tensor(Part.ATTENTION, hidden, heads * latent.value)
    yield Tensor(Part.PLAIN, 1, latent.kv_rank + (latent.query_rank or 0))


def _plain_attention(arch: Architecture, of: Heads, tp: int, *, shared: bool) -> Iterator[Tensor]:
    """Yield the tensors of a layer: without keys and values where it shares a cache."""
    hidden = arch.hidden
    query, kv = arch.heads // tp * of.size, 0 if shared else max(1, of.kv // tp) * of.size
    queries = 2 * query if arch.gated_attention else query
    yield Tensor(Part.ATTENTION, queries + 2 * kv, hidden)
    yield Tensor(Part.ATTENTION, hidden, query)
    plain = (1 if shared else 2) * of.size if arch.qk_norm else 0
    plain += query + kv if arch.wide_qk_norm else 0
    plain += (query + 2 * kv if arch.qkv_bias else 0) + (hidden if arch.output_bias else 0)
    plain += arch.heads // tp if arch.sinks else 0
    yield Tensor(Part.PLAIN, 1, plain)


def _dense(arch: Architecture, share: Share) -> Iterator[tuple[Tensor, int]]:
    """Yield the tensors of feed-forward parts, with the number of layers that have each."""
    layers = [i for i in share.layers if feeds(arch, i) is Part.LINEAR]
    for width, number in collections.Counter(map(arch.intermediate_of, layers)).items():
        inner = width // share.tensor_parallel
        yield Tensor(Part.LINEAR, (arch.matrices - 1) * inner, arch.hidden), number
        yield Tensor(Part.LINEAR, arch.hidden, inner), number
    if arch.own_embedding:  # whole on every GPU
        yield Tensor(Part.LINEAR, arch.own_embedding, arch.hidden), len(share.layers)
        yield Tensor(Part.LINEAR, arch.hidden, arch.own_embedding), len(share.layers)


def _experts(arch: Architecture, tp: int, padding: Padding) -> Iterator[Tensor]:
    experts = arch.experts
    if experts is None:
        return
    biased = arch.sinks  # gpt-oss: its experts and its router have biases
    router = arch.hidden * experts.count
    router += experts.count if experts.correction or biased else 0
    router += arch.hidden if arch.shared_gate else 0
    yield Tensor(Part.PLAIN, 1, router)
    inner = allocator.up(experts.intermediate // tp, padding.inner)
    hidden = allocator.up(experts.latent or arch.hidden, padding.hidden)
    first = (arch.matrices - 1) * inner
    yield Tensor(Part.EXPERT, first, hidden, matrices=experts.count)
    yield Tensor(Part.EXPERT, hidden, inner, matrices=experts.count)
    if biased:
        yield Tensor(Part.EXPERT_PLAIN, experts.count, first + hidden)
    if experts.latent:
        yield Tensor(Part.LINEAR, experts.latent, arch.hidden)
        yield Tensor(Part.LINEAR, arch.hidden, experts.latent)
    beside = experts.shared_intermediate // tp
    if beside:
        yield Tensor(Part.LINEAR, (arch.matrices - 1) * beside, arch.hidden)
        yield Tensor(Part.LINEAR, arch.hidden, beside)
