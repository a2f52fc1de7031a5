"""The settings of the memory fit, from flags and the environment."""

import pytest

from pulumi_skypilot import catalog, plan, spec
from pulumi_skypilot.plan import gpu_fit, memory, unchecked


def settings(**data: object) -> memory.Settings:
    """Return the settings of a spec on one H100."""
    wanted = spec.parse({"model": "Qwen/Qwen3-8B", "accelerators": "H100:1", **data})
    sized = gpu_fit.size(wanted, catalog.model("Qwen/Qwen3-8B"))
    (only,) = sized.settings.values()
    return only


def reasons(**data: object) -> tuple[str, ...]:
    """Return what is not checked of a spec on one H100."""
    return unchecked.of_spec(
        spec.parse({"model": "Qwen/Qwen3-8B", "accelerators": "H100:1", **data})
    )


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        ({"compilation-config": {"cudagraph_mode": "NONE"}}, {"graph_mode": "NONE"}),
        ({"compilation-config": '{"cudagraph_mode": "piecewise"}'}, {"graph_mode": "PIECEWISE"}),
        ({"compilation-config.cudagraph_mode": "FULL"}, {"graph_mode": "FULL"}),
        ({"compilation-config": {"mode": 0}}, {"compiled": False}),
        ({"compilation-config": {"max_cudagraph_capture_size": 64}}, {"largest_graph": 64}),
        ({"compilation-config": {"cudagraph_capture_sizes": [1, 8]}}, {"graph_sizes": (1, 8)}),
        ({"cudagraph-capture-sizes": [1, 2, 4]}, {"graph_sizes": (1, 2, 4)}),
        ({"max-cudagraph-capture-size": "128"}, {"largest_graph": 128}),
        ({"optimization-level": 0}, {"compiled": False, "graph_mode": "NONE"}),
        ({"optimization-level": 1}, {"compiled": True, "graph_mode": "PIECEWISE"}),
        ({"enable-lora": True}, {"lora": memory.Lora(1, 16)}),
        (
            {
                "enable-lora": True,
                "max-loras": 4,
                "max-lora-rank": 32,
                "fully-sharded-loras": True,
            },
            {"lora": memory.Lora(4, 32, sharded=True)},
        ),
        ({"max-loras": 4}, {"lora": None}),
        ({"speculative-config": {"method": "ngram", "num_speculative_tokens": 5}}, {"ngram": True}),
        ({"spec-method": "ngram", "spec-tokens": 5}, {"ngram": True}),
    ],
)
def test_a_flag_is_counted(args: dict[str, object], expected: dict[str, object]) -> None:
    taken = settings(vllmArgs=args)
    assert {name: getattr(taken, name) for name in expected} == expected
    assert reasons(vllmArgs=args) == ()


def test_the_estimate_for_graphs_can_be_switched_off() -> None:
    off = {"VLLM_MEMORY_PROFILER_ESTIMATE_CUDAGRAPHS": "0"}
    assert settings().graphs_estimated
    assert not settings(env=off).graphs_estimated
    assert reasons(env=off) == ()


@pytest.mark.parametrize(
    ("args", "reason"),
    [
        ({"compilation-config": {"pass_config": {"enable_sp": True}}}, "leaves out compilation"),
        ({"compilation-config": {"cudagraph_mode": "SOME"}}, "leaves out compilation-config"),
        ({"speculative-config": {"method": "eagle3", "model": "a/b"}}, "with speculative-config"),
        (
            {"speculative-config": {"method": "ngram", "parallel_drafting": True}},
            "with speculative-config",
        ),
    ],
)
def test_what_is_not_counted_of_a_table_is_told(args: dict[str, object], reason: str) -> None:
    assert any(reason in line for line in reasons(vllmArgs=args))


def test_a_preview_has_more_room_without_graphs() -> None:
    with_graphs, without = (
        plan.plan(
            spec.parse({"model": "Qwen/Qwen3-8B", "accelerators": "H100:1", "vllmArgs": args}),
            "chat",
        ).fit["H100:1"]
        for args in ({}, {"compilation-config.cudagraph_mode": "NONE"})
    )
    assert with_graphs["cudaGraphs"] == "0.38 GiB"
    assert without["cudaGraphs"] == "0.00 GiB"


def test_a_context_above_the_models_own_is_its_longest_where_it_is_allowed() -> None:
    data = {"model": "Qwen/Qwen3-8B", "accelerators": "H100:1", "context": 200_000}
    wanted = spec.parse({**data, "env": {"VLLM_ALLOW_LONG_MAX_MODEL_LEN": "1"}})
    (fit,) = gpu_fit.size(wanted, catalog.model("Qwen/Qwen3-8B")).fits.values()
    assert fit.longest == 200_000


def test_overrides_that_make_a_reranker_change_nothing_of_the_fit() -> None:
    made = {"architectures": ["X"], "classifier_from_token": ["no", "yes"]}
    assert settings(vllmArgs={"hf-overrides": made})
    assert reasons(vllmArgs={"hf-overrides": {**made, "rope_scaling": {}}})[0] == (
        "with hf-overrides the memory fit is not computed"
    )
