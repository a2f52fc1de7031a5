"""`optimize`: what it sets on which GPU, and that its evidence is what was measured."""

import json
import pathlib
import re
import typing

import pytest

from pulumi_skypilot import catalog, plan, spec
from pulumi_skypilot.cli.convert import from_task, to_task
from pulumi_skypilot.cli.convert.from_task import own_export
from pulumi_skypilot.plan import goals, task_diff
from tests import specs

LOAD = json.loads((pathlib.Path(__file__).parents[1] / "measured" / "load-h200.json").read_text())[
    "rows"
]


def flags(**data: object) -> dict[str, object]:
    return goals.flags(spec.parse({**specs.SMALLEST, **data}))


@pytest.mark.parametrize(
    ("gpus", "latency", "throughput"),
    [
        ("H100:1", 2048, 16384),
        ("B200:1", 2048, 16384),
        ("A100-80GB:1", 2048, 8192),
        ("L4:1", 2048, 8192),
        (["H100:1", "H200:1"], 2048, 16384),
        (["H100:1", "L4:1"], 2048, None),
    ],
)
def test_a_goal_sets_what_holds_on_every_gpu(
    gpus: object, latency: int, throughput: int | None
) -> None:
    assert flags(accelerators=gpus) == {}
    assert flags(accelerators=gpus, optimize="latency") == {"max-num-batched-tokens": latency}
    assert flags(accelerators=gpus, optimize="throughput").get("max-num-batched-tokens") == (
        throughput
    )


def planned(**data: object) -> plan.Plan:
    return plan.plan(spec.parse({**specs.SMALLEST, **data}), "chat", must_fit=False)


def batched(made: plan.Plan) -> list[str]:
    return [line for line in made.command if "batched" in line]


def test_a_key_and_a_flag_count_more_than_the_goal_and_the_goal_more_than_the_recipe() -> None:
    assert batched(planned(optimize="latency")) == ["--max-num-batched-tokens 2048"]
    own = planned(optimize="latency", maxBatchedTokens=4096)
    assert batched(own) == ["--max-num-batched-tokens 4096"]
    assert batched(planned(accelerators="B200:1")) == ["--max-num-batched-tokens 8192"]
    of_both = planned(accelerators="B200:1", optimize="throughput")
    assert batched(of_both) == ["--max-num-batched-tokens 16384"]


@pytest.mark.parametrize(
    ("data", "gpus"),
    [
        ({"accelerators": ["H100:1", "L4:1"]}, "H100:1, L4:1"),
        ({"accelerators": "Mine:1", "infra": "k8s"}, "Mine:1"),
        ({"accelerators": None, "cpus": 8}, "a CPU"),
    ],
)
def test_a_goal_that_sets_nothing_says_so(data: dict[str, object], gpus: str) -> None:
    made = planned(optimize="throughput", **data)
    assert batched(made) == []
    (told,) = [note for note in made.notes if note.startswith("optimize:")]
    assert told == (
        f"optimize: throughput has no value of max-num-batched-tokens for {gpus}, so it is left to "
        "vLLM"
    )
    assert not [note for note in planned(**data).notes if note.startswith("optimize:")]


def test_the_memory_fit_counts_what_the_goal_sets() -> None:
    sizes = [
        next(iter(planned(optimize=goal).sized.fits.values()))
        for goal in ("latency", "balanced", "throughput")
    ]
    assert [fit.max_batched_tokens for fit in sizes] == [2048, 8192, 16384]
    activations = [fit.activation_bytes for fit in sizes]
    assert activations == sorted(activations)
    assert activations[0] < activations[-1]


def values(variants: typing.Collection[str], clients: int, key: str) -> list[float]:
    """Return a number of each run of these variants, in order."""
    return sorted(
        row[key] for row in LOAD if row["variant"] in variants and row["concurrency"] == clients
    )


RECOMMENDED = ("product",)
"""The runs with what was recommended, 8,192 tokens a step."""


def test_the_evidence_of_latency_is_what_was_measured() -> None:
    told = re.sub(r"\s+", " ", catalog.goals()["latency"].evidence)
    few = ("product-mnbt2048",)
    for clients in (16, 64):
        (new,) = values(few, clients, "ttft_p50_ms")
        olds = values(RECOMMENDED, clients, "ttft_p50_ms")
        assert new < olds[0] / 1.8
        assert f"{new:.0f} ms and not {olds[0]:.0f} to {olds[-1]:.0f} ms with {clients}" in told
    (new,), olds = (values(kind, 64, "itl_p99_ms") for kind in (few, RECOMMENDED))
    assert f"{new:.0f} ms and not {olds[0]:.0f} to {olds[-1]:.0f} ms with 64" in told
    (new,), olds = (values(kind, 16, "itl_p99_ms") for kind in (few, RECOMMENDED))
    assert f"{new:.0f} ms and not {olds[-1]:.0f} ms with 16" in told
    for clients in (1, 16, 64, 256):
        (new,), olds = (values(kind, clients, "output_tok_s") for kind in (few, RECOMMENDED))
        assert olds[0] * 0.99 < new < olds[-1] * 1.01


def test_the_evidence_of_throughput_is_what_was_measured() -> None:
    told = re.sub(r"\s+", " ", catalog.goals()["throughput"].evidence)
    many = ("product-mnbt16384",)
    for clients in (256, 64):
        (new,), olds = (values(kind, clients, "output_tok_s") for kind in (many, RECOMMENDED))
        numbers = [f"{number:,.0f}" for number in (new, olds[0], olds[-1])]
        assert all(number in told for number in numbers), numbers


def test_what_the_recipe_sets_on_hopper_serves_no_more_and_starts_later() -> None:
    for clients in (1, 16, 64, 256):
        plain, told = (values((kind,), clients, "output_tok_s") for kind in ("plain", *RECOMMENDED))
        assert told[-1] < plain[-1] * 1.05
    starts = {
        (row["call"], row["variant"]): row["start_s"]
        for row in LOAD
        if row["variant"] in ("plain", *RECOMMENDED) and row["call"] in (4, 5)
    }
    assert all(starts[call, "product"] > starts[call, "plain"] + 10 for call in (4, 5))


def before() -> tuple[plan.Plan, dict[str, typing.Any]]:
    """Return a plan, and the task that an earlier release made of its spec, with the recipe."""
    made = planned()
    old = "  --max-num-batched-tokens 8192 \\\n  --max-cudagraph-capture-size 2048 \\\n"
    run = made.task["run"].replace("  --middleware", f"{old}  --middleware")
    return made, {**made.task, "run": run}


def test_a_command_of_an_earlier_release_stays_until_the_replicas_start_anyway() -> None:
    made, old = before()
    kept = task_diff.keep_generated(made.spec, made.spec, old, made.task)
    assert task_diff.compare(old, kept) == ()
    scaled = planned(replicas=2)
    kept = task_diff.keep_generated(made.spec, scaled.spec, old, scaled.task)
    assert kept["run"] == old["run"]
    other = planned(context=8192)
    changed = {
        change.key: (change.old, change.new)
        for change in task_diff.compare(
            old, task_diff.keep_generated(made.spec, other.spec, old, other.task)
        )
    }
    assert changed == {
        "context": (131072, 8192),
        "maxBatchedTokens": (8192, None),
        "vllmArgs.max-cudagraph-capture-size": (2048, None),
    }


def test_an_export_of_an_earlier_release_comes_back_with_its_flags() -> None:
    _, old = before()
    table = from_task.deployment(old).table
    assert (table["maxBatchedTokens"], table["vllmArgs"]) == (
        8192,
        {"max-cudagraph-capture-size": 2048},
    )


@pytest.mark.parametrize("gpu", ["H100:1", "L4:1"])
@pytest.mark.parametrize("goal", ["latency", "throughput"])
def test_an_exported_goal_comes_back(gpu: str, goal: str) -> None:
    table = {"model": "Qwen/Qwen3-8B", "accelerators": gpu, "optimize": goal}
    beside = own_export.beside(own_export.comment("chat", table, {}))
    imported = from_task.deployment(to_task.export(table, "chat"), beside=beside)
    assert imported.table == table
    assert imported.remarks == ()
