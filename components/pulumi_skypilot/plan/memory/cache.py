"""The KV cache as vLLM divides it: pages, groups of layers, blocks, and a request's share.

Exact for the bytes that are there: vllm/v1/core/kv_cache_utils.py and kv_cache_interface.py (0.32).
"""

import dataclasses
import math

from ...catalog.architecture import Architecture, Kind

BLOCK_TOKENS = 16
FLASH_MLA_TOKENS = 64
"""The block of FlashMLA, which takes an fp8 cache of MLA on Hopper. FlashAttention takes a bfloat16
cache, in blocks of 16 (platforms/cuda.py, _get_backend_priorities; v1/attention/backends/mla,
supported_kv_cache_dtypes)."""


@dataclasses.dataclass(frozen=True)
class Group:
    """Layers that share one table of blocks."""

    kind: Kind
    layers: tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class Layout:
    """The division of one model's cache on one GPU."""

    groups: tuple[Group, ...]
    page_bytes: int
    """The bytes of one block of one layer."""
    block_tokens: int
    window: int

    def block_bytes(self, layers: range) -> int:
        """Return the bytes of one block of every layer of the largest group.

        `layers` are those of the pipeline's stage, while groups are made of the whole model. See
        kv_cache_utils.py, _get_kv_cache_bytes_per_block.
        """
        most = max(sum(layer in layers for layer in group.layers) for group in self.groups)
        return most * self.page_bytes

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
        if group.kind is Kind.FULL:
            return math.ceil(tokens / self.block_tokens)
        if group.kind is Kind.CHUNK:
            return math.ceil(min(self.window + in_flight, tokens) / self.block_tokens)
        # One more, because a window may begin within a block.
        return math.ceil(min(self.window - 1 + in_flight, tokens) / self.block_tokens) + 1


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
    own = FLASH_MLA_TOKENS if arch.latent and kv_bytes < 2 else BLOCK_TOKENS
    block = block_tokens or own
    if arch.latent:  # one vector a token, whole on every GPU
        numbers = arch.latent.kv_rank + arch.latent.rope
    else:
        numbers = max(1, arch.kv_heads // tensor_parallel) * 2 * arch.head_size
    return Layout(
        groups=groups(arch.kinds, hybrid=hybrid),
        page_bytes=int(numbers * block * kv_bytes),
        block_tokens=block,
        window=arch.window or 0,
    )


def groups(kinds: tuple[Kind, ...], *, hybrid: bool = True) -> tuple[Group, ...]:
    """Return the layers of each kind, cut into groups of one size.

    See kv_cache_utils.py, _get_kv_cache_groups_uniform_page_size. Without the hybrid manager every
    layer keeps all tokens. For chunked layers that is the default (config/vllm.py,
    VLLM_ALLOW_CHUNKED_LOCAL_ATTN_WITH_HYBRID_KV_CACHE).
    """
    present = list(dict.fromkeys(kinds))
    if len(present) > 1 and (not hybrid or Kind.CHUNK in present):
        return (Group(Kind.FULL, tuple(range(len(kinds)))),)
    by_kind = {
        kind: tuple(i for i, of_layer in enumerate(kinds) if of_layer is kind) for kind in present
    }
    least, most = min(map(len, by_kind.values())), max(map(len, by_kind.values()))
    size = most if most < least * 1.5 else least
    cut = []
    for kind, layers in by_kind.items():
        number = math.ceil(len(layers) / size)
        cut += [Group(kind, layers[i::number]) for i in range(number)]
    return tuple(cut)
