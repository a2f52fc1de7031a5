"""PyTorch's allocator: the bytes that it takes for a tensor (c10/cuda/CUDACachingAllocator.cpp).

vLLM measures the weights as the allocator's own count, with the rest of each block.
"""

import enum
import math
from collections.abc import Sequence

MIB = 2**20
LARGE = 20 * MIB
"""The least block that is kept whole while vLLM loads a model: the least that PyTorch allows for
max_split_size (v1/worker/gpu_worker.py, Worker.load_model)."""
ROUNDED = 2 * MIB
"""Blocks of 10 MiB and more are multiples of this (kRoundLarge)."""
SPLIT = MIB
"""The least rest of a block that becomes a block of its own (kSmallSize)."""


class Blocks(enum.Enum):
    """How an allocator makes blocks."""

    WHOLE = "large ones are kept whole"
    SPLIT = "all are split"
    NONE = "as large as the tensor"
    """Memory of the machine, not of a GPU."""


def held(size: float, blocks: Blocks = Blocks.WHOLE) -> int:
    """Return the bytes of the block of a tensor."""
    if blocks is Blocks.NONE:
        return math.ceil(size)
    if size < 10 * MIB:
        return up(size, 512)
    block = up(size, ROUNDED)
    if (blocks is Blocks.WHOLE and size >= LARGE) or block - size <= SPLIT:
        return block
    return up(size, 512)


def wasted(free: int, tensors: Sequence[float]) -> int:
    """Return the bytes that are lost when a freed large block is used again, whole.

    The first of the tensors takes it that is not 20 MiB smaller (get_free_block).
    """
    if free < LARGE:
        return 0
    fitting = (size for size in tensors if max(LARGE, free - LARGE + 1) <= size <= free)
    return next((free - held(size) for size in fitting), 0)


def up(value: float, multiple: int) -> int:
    """Return the least multiple that is no less than the value."""
    return math.ceil(value / multiple) * multiple
