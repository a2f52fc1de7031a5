"""The sizes of CUDA graphs, and the first runner's estimate for them."""

import pytest

from pulumi_skypilot.plan import memory
from pulumi_skypilot.plan.memory import graphs, stages
from tests.measured import ENGINE, H100, arch


@pytest.mark.parametrize(
    ("largest", "number"), [(512, 51), (1024, 83), (2048, 147), (4, 3), (16, 5)]
)
def test_as_many_sizes_are_captured_as_vllm_says(largest: int, number: int) -> None:
    assert len(graphs.sizes(largest)) == number


@pytest.mark.parametrize(
    ("options", "number"),
    [
        ({}, 83),  # gpt-oss has a default of its own
        ({"max_sequences": 16}, 83),
        ({"largest_graph": 512}, 51),
        ({"graph_sizes": (1, 8, 64)}, 3),
        ({"eager": True}, 0),
        ({"graph_mode": "NONE"}, 0),
    ],
)
def test_flags_say_what_is_captured(options: dict[str, object], number: int) -> None:
    settings = memory.Settings(context=8192, **options)  # type: ignore[arg-type]
    assert len(stages.captured(arch("gpt-oss-20b"), H100, settings, ENGINE)) == number


def test_blackwell_gpus_get_more_graphs_from_the_new_release() -> None:
    settings = memory.Settings(context=8192)
    blackwell = memory.Gpu(180 * 2**30, blackwell=True)
    counts = [
        len(stages.captured(arch("Qwen3-8B"), gpu, settings, memory.ENGINES[release]))
        for gpu in (H100, blackwell)
        for release in ("0.26.0", "0.32.0")
    ]
    assert counts == [51, 51, 51, 83]


def test_graphs_that_are_not_made_or_not_estimated_take_nothing() -> None:
    none = [
        {"eager": True},
        {"graph_mode": "NONE"},
        {"graphs_estimated": False},
    ]
    for options in none:
        settings = memory.Settings(context=8192, **options)  # type: ignore[arg-type]
        assert memory.fit(arch("gpt-oss-20b"), H100, settings, ENGINE).graph_bytes == 0


def test_one_mode_takes_less_than_two() -> None:
    sizes = [
        memory.fit(
            arch("gpt-oss-20b"), H100, memory.Settings(context=8192, graph_mode=mode), ENGINE
        ).graph_bytes
        for mode in ("FULL_AND_PIECEWISE", "PIECEWISE", "FULL")
    ]
    assert sizes[0] > sizes[1] > sizes[2] > 0
