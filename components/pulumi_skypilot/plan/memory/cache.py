"""The KV cache as vLLM divides it: pages, groups of layers, blocks, and a request's share.

Exact for the bytes that are there: vllm/v1/core/kv_cache_utils.py and kv_cache_interface.py (0.32).
"""

import dataclasses
import functools
import math

from ...catalog.architecture import Architecture, Heads, Kind

BLOCK_TOKENS = 16
FLASH_MLA_TOKENS = 64
"""The block of FlashMLA, which takes an fp8 cache of MLA on Hopper, and any cache of sparse MLA.
FlashAttention takes a bfloat16 cache, in blocks of 16 (platforms/cuda.py,
_get_backend_priorities; v1/attention/backends/mla, supported_kv_cache_dtypes)."""
HYBRID_MLA_TOKENS = 128
"""Blocks of MLA beside states are multiples of this (platforms/interface.py,
_align_hybrid_block_size)."""
SPARSE_FP8_BYTES = 656
"""The bytes of a token in the fp8 cache of sparse MLA, fp8_ds_mla (mla_attention.py,
MLAAttention.get_kv_cache_spec)."""
STATE_BLOCKS = 2
"""The blocks of a group of states that a request holds while prefixes are cached, as they are by
default: mamba_cache_mode "align" (kv_cache_interface.py, MambaSpec.max_memory_usage_bytes)."""


@dataclasses.dataclass(frozen=True)
class Group:
    """Layers that share one table of blocks."""

    kind: Kind
    layers: tuple[int, ...]
    pages: tuple[int, ...] = dataclasses.field(default=(), compare=False)
    """The bytes of one block of each of the layers."""
    block_tokens: int = dataclasses.field(default=BLOCK_TOKENS, compare=False)


@dataclasses.dataclass(frozen=True)
class Layout:
    """The division of one model's cache on one GPU."""

    groups: tuple[Group, ...]
    page_bytes: int
    """The bytes of one block of one layer, the largest."""
    block_tokens: int
    window: int

    def block_bytes(self, layers: range) -> int:
        """Return the bytes of one block of every layer of the largest group.

        `layers` are those of the pipeline's stage, while groups are made of the whole model. See
        kv_cache_utils.py, _get_kv_cache_bytes_per_block.
        """
        return max(
            sum(
                page
                for layer, page in zip(group.layers, group.pages, strict=True)
                if layer in layers
            )
            for group in self.groups
        )

    def request_blocks(self, tokens: int, in_flight: int) -> int:
        """Return the most blocks that a request of so many tokens holds, over all groups."""
        return sum(self._group_blocks(group, tokens, in_flight) for group in self.groups)

    def longest(self, blocks: int, most: int, in_flight: int) -> int:
        """Return the tokens of the longest request that fits, by vLLM's own binary search.

        0 when not one block is left.
        """
        low, high = 0, most
        while low < high:
            middle = (low + high + 1) // 2
            if self.request_blocks(middle, in_flight) <= blocks:
                low = middle
            else:
                high = middle - 1
        return low

    def _group_blocks(self, group: Group, tokens: int, in_flight: int) -> int:
        if group.kind is Kind.STATE:
            return STATE_BLOCKS
        if group.kind is Kind.FULL:
            return math.ceil(tokens / group.block_tokens)
        if group.kind is Kind.CHUNK:
            return math.ceil(min(self.window + in_flight, tokens) / group.block_tokens)
        # One more, because a window may begin within a block.
        return math.ceil(min(self.window - 1 + in_flight, tokens) / group.block_tokens) + 1


@functools.lru_cache(maxsize=1024)  # a preview asks the same of many settings
def layout(
    arch: Architecture,
    *,
    tensor_parallel: int,
    kv_bytes: float,
    hybrid: bool = True,
    block_tokens: int | None = None,
) -> Layout:
    """Return how vLLM would divide the cache.

    KV heads are copied where there are fewer of them than GPUs.
    """
    flash_mla = arch.latent and (kv_bytes < BFLOAT16 or arch.index)
    block = block_tokens or (FLASH_MLA_TOKENS if flash_mla else BLOCK_TOKENS)
    token = _token_bytes(arch, tensor_parallel, kv_bytes)
    if arch.state:
        block = _beside_states(block, token, arch.state.state_bytes(tensor_parallel), arch)
    page = int(token * block)
    indexed = arch.index.layers if arch.index else (False,) * arch.layers
    index = arch.index.token_bytes * block if arch.index else 0
    pages = tuple(page + index * has_index for has_index in indexed)
    if arch.wide:
        wide = int(_of_heads(arch.wide, tensor_parallel, kv_bytes) * block)
        pages = tuple(wide if is_wide else page for is_wide in arch.wide_layers)
    cut = groups(
        arch.kinds,
        hybrid=hybrid,
        states=arch.state.layers if arch.state else (),
        pages=pages,
        block_tokens=block,
    )
    cut = cut if len(cut) == 1 else tuple(_stretched(group, max(pages)) for group in cut)
    return Layout(cut, page_bytes=max(pages), block_tokens=block, window=arch.window or 0)


BFLOAT16 = 2


def _stretched(group: Group, page: int) -> Group:
    """Return a group with pages of that size: with larger blocks, or padded where they do not fit.

    See kv_cache_utils.py, unify_kv_cache_spec_page_size. The layers of a group have pages of one
    size where there are several groups.
    """
    times = page // group.pages[0] if page % group.pages[0] == 0 else 1
    return dataclasses.replace(
        group, pages=(page,) * len(group.layers), block_tokens=group.block_tokens * times
    )


def _token_bytes(arch: Architecture, tensor_parallel: int, kv_bytes: float) -> float:
    """Return the bytes of a token in one layer on one GPU, without an index.

    Layers with other heads are counted apart.
    """
    if not arch.latent:
        return _of_heads(Heads(arch.kv_heads, arch.head_size), tensor_parallel, kv_bytes)
    if arch.index and kv_bytes < BFLOAT16:
        return SPARSE_FP8_BYTES
    return (arch.latent.kv_rank + arch.latent.rope) * kv_bytes  # whole on every GPU


def _of_heads(heads: Heads, tensor_parallel: int, kv_bytes: float) -> float:
    return max(1, heads.kv // tensor_parallel) * 2 * heads.size * kv_bytes


def _beside_states(block: int, token: float, state: int, arch: Architecture) -> int:
    """Return the tokens of a block: so many that a page holds a state, which is padded to it.

    See vllm/platforms/interface.py, _align_hybrid_block_size.
    """
    step = max(block, HYBRID_MLA_TOKENS) if arch.latent else block
    return step * math.ceil(state / (step * token))


def groups(
    kinds: tuple[Kind, ...],
    *,
    hybrid: bool = True,
    states: tuple[bool, ...] = (),
    pages: tuple[int, ...] = (),
    block_tokens: int = BLOCK_TOKENS,
) -> tuple[Group, ...]:
    """Return the layers of each kind, cut into groups of one size.

    See kv_cache_utils.py, _get_kv_cache_groups_uniform_page_size. Without the hybrid manager every
    layer keeps all tokens. For chunked layers that is the default (config/vllm.py,
    VLLM_ALLOW_CHUNKED_LOCAL_ATTN_WITH_HYBRID_KV_CACHE). Layers with a state are groups of their
    own; a layer may have both.
    """
    own = [None if kind in (Kind.NONE, Kind.SHARED) else kind for kind in kinds]
    present = list(dict.fromkeys(kind for kind in own if kind))
    if len(present) > 1 and (not hybrid or Kind.CHUNK in present):
        own, present = [kind and Kind.FULL for kind in own], [Kind.FULL]
    by_kind = {
        kind: tuple(i for i, of_layer in enumerate(own) if of_layer is kind) for kind in present
    }
    if any(states):
        by_kind[Kind.STATE] = tuple(i for i, has_state in enumerate(states) if has_state)
    if any(states) and states[0]:  # the order of the layers, as vLLM meets them
        by_kind = {Kind.STATE: by_kind.pop(Kind.STATE), **by_kind}
    least, most = min(map(len, by_kind.values())), max(map(len, by_kind.values()))
    size = most if most < least * 1.5 else least
    cut = []
    for kind, layers in by_kind.items():
        number = math.ceil(len(layers) / size)
        for part in (layers[i::number] for i in range(number)):
            bytes_each = tuple(pages[layer] for layer in part) if pages else ()
            cut.append(Group(kind, part, bytes_each, block_tokens))
    return tuple(cut)
