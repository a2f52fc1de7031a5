"""The division of the cache beside what vLLM's own planner makes of the same config.json.

planner.json is what `python -m bench.planner` writes with the real vLLM.
"""

import json
import pathlib
import typing

import pytest

from pulumi_skypilot import catalog
from pulumi_skypilot.catalog.architecture import Kind
from pulumi_skypilot.plan import vllm
from pulumi_skypilot.plan.memory import cache

RECORD = json.loads(pathlib.Path(__file__).with_name("planner.json").read_text("utf-8"))
ROWS = RECORD["rows"]


def test_the_planner_is_that_of_the_release_that_is_installed() -> None:
    assert RECORD["engine"] == vllm.VERSION


def test_every_kind_of_attention_is_among_what_was_planned() -> None:
    shapes = [catalog.models()[row["model"]].architecture for row in ROWS]
    assert {kind for shape in shapes for kind in shape.kinds} == set(Kind) - {Kind.STATE}
    assert any(shape.wide for shape in shapes)
    assert {shape.family for shape in shapes if shape.state} >= {
        "qwen3_next", "qwen3_5_text", "nemotron_h", "granitemoehybrid",
    }  # fmt: skip
    assert any(shape.latent for shape in shapes)
    assert any(shape.index and not all(shape.index.layers) for shape in shapes)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['model']} * {row['parallel']}")
def test_the_cache_is_divided_as_vllm_divides_it(row: dict[str, typing.Any]) -> None:
    shape = catalog.models()[row["model"]].architecture
    laid = cache.layout(shape, tensor_parallel=row["parallel"], kv_bytes=2)
    ours = [[len(group.layers), group.block_tokens, sum(group.pages)] for group in laid.groups]
    assert ours == row["groups"]
    assert laid.block_bytes(range(shape.layers)) == row["block_bytes"]
    assert laid.request_blocks(row["context"], RECORD["in_flight"]) == row["request_blocks"]
