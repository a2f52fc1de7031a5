"""The share of a GPU that vLLM may take, and what is free when it starts."""

import pytest

from pulumi_skypilot import catalog, errors, plan, spec

FLAG = "gpu-memory-utilization"


def planned(gpus: object, share: object, flag: str = FLAG, **data: object) -> plan.Plan:
    table = {"model": "Qwen/Qwen3-0.6B", "accelerators": gpus, "vllmArgs": {flag: share}, **data}
    return plan.plan(spec.parse(table), "chat")


def refused(gpus: object, share: object, **data: str) -> list[str]:
    with pytest.raises(errors.SpecError) as caught:
        planned(gpus, share, **data)
    return [problem.reason for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("gpu", "free", "total", "good"),
    [("H100", 78.57, 79.18, 0.99), ("L40S", 43.93, 44.42, 0.98), ("L4", 21.84, 22.03, 0.99)],
)
def test_more_than_a_measured_card_has_free_is_refused_with_the_number(
    gpu: str, free: float, total: float, good: float
) -> None:
    for asked in (1.0, 0.995, "0.9999"):
        assert refused(gpu, asked) == [
            f"vllmArgs: {FLAG} {float(asked):g} is more than is free of {gpu}, which has {free} "
            f"of {total} GiB free when vLLM starts; write {good} or less"
        ]
    chat = planned(gpu, good)
    assert chat.fit[f"{gpu}:1"]["verdict"] == "fits"
    assert not [note for note in (*chat.notes, *chat.unchecked) if FLAG in note]


def test_all_of_any_card_is_refused() -> None:
    for gpu in ("A100", "T4", "B200", "RTX4090"):
        (reason,) = refused(gpu, 1)
        assert f"{FLAG} 1 is more than is free of {gpu}, part of which CUDA itself holds" in reason
        assert planned(gpu, float(reason.split()[-3])).fit
    assert refused("A100", 1, flag="device-memory-utilization")


def test_an_estimate_is_called_one_and_refuses_nothing() -> None:
    (note,) = planned("A100-80GB", 0.995).unchecked
    assert note == (
        f"{FLAG} 0.995 may be more than is free of A100-80GB when vLLM starts, which it then "
        "refuses: 0.61 GiB are held before, as estimated from other cards; 0.99 is safe"
    )
    assert planned("A100-80GB", 0.99).unchecked == ()
    assert planned("A100-80GB", 0.92).unchecked == ()


def test_each_gpu_that_a_replica_may_get_is_told_of() -> None:
    assert len(refused(["H100:1", "H100:2", "L40S:1"], 0.999, tensorParallel="all")) == 2


def test_an_images_vllm_may_differ() -> None:
    chat = planned("H100", 1.0, image="docker:a/b")
    assert any("is more than is free of H100" in note for note in chat.unchecked)


def test_what_is_free_is_less_than_what_is_offered() -> None:
    for gpu in catalog.gpus().values():
        assert 0.8 < gpu.free_share < 1, gpu.name
