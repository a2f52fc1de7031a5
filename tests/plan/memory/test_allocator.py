"""The blocks of PyTorch's allocator."""

import pytest

from pulumi_skypilot.plan.memory import allocator

MIB = 2**20


@pytest.mark.parametrize(
    ("size", "block"),
    [
        (1, 512),
        (9 * MIB + 1, 9 * MIB + 512),
        (11 * MIB, 12 * MIB),  # the rest is too small for a block of its own
        (10.5 * MIB, 10.5 * MIB),  # the rest is a block of its own
        (20.5 * MIB, 22 * MIB),
        (125 * MIB, 126 * MIB),
        (64 * MIB, 64 * MIB),
    ],
)
def test_a_tensor_takes_its_block(size: float, block: float) -> None:
    assert allocator.held(size) == block


def test_large_blocks_were_split_before() -> None:
    assert allocator.held(20.5 * MIB, allocator.Blocks.SPLIT) == 20.5 * MIB
    assert allocator.held(125 * MIB, allocator.Blocks.SPLIT) == 126 * MIB


def test_a_freed_block_is_lost_beyond_the_tensor_that_takes_it() -> None:
    assert allocator.wasted(64 * MIB, [224 * MIB, 8 * MIB, 48 * MIB]) == 16 * MIB
    assert allocator.wasted(64 * MIB, [44 * MIB]) == 0  # 20 MiB smaller: it gets a new block
    assert allocator.wasted(16 * MIB, [15 * MIB]) == 0  # small blocks are split
