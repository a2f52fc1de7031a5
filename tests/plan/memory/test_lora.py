"""The room that vLLM makes for adapters."""

import pytest

from pulumi_skypilot.plan import memory
from pulumi_skypilot.plan.memory import lora, tensors
from tests.measured import H200_ROWS, arch


def room(model: str, slots: int, rank: int, *, gpus: int = 1, sharded: bool = False) -> int:
    shape = arch(model)
    share = tensors.Share(gpus, range(shape.layers))
    return lora.stored_bytes(shape, share, memory.Lora(slots, rank, sharded=sharded), 2)


def test_four_adapters_take_what_they_took() -> None:
    """782,724,096 bytes more than the same start without them."""
    taken = {row["id"]: row["weights_bytes"] for row in H200_ROWS}
    more = taken["qwen3-8b-lora4x32-eager"] - taken["qwen3-8b-mnbt16384-eager"]
    assert room("Qwen3-8B", 4, 32) == pytest.approx(more, rel=0.005)


def test_the_room_grows_with_the_slots_and_the_rank() -> None:
    assert room("Qwen3-8B", 8, 32) == pytest.approx(2 * room("Qwen3-8B", 4, 32), rel=0.01)
    assert room("Qwen3-8B", 4, 64) == pytest.approx(2 * room("Qwen3-8B", 4, 32), rel=0.01)


def test_two_gpus_share_more_of_it_when_it_is_told_to_them() -> None:
    single = room("Qwen3-32B", 4, 32)
    halves = room("Qwen3-32B", 4, 32, gpus=2)
    sharded = room("Qwen3-32B", 4, 32, gpus=2, sharded=True)
    assert single / 2 < halves < single
    assert sharded < halves


def test_experts_have_adapters_of_their_own() -> None:
    assert room("Qwen3-30B-A3B", 1, 16) > 5 * room("Qwen3-8B", 1, 16)
