"""Paths that SkyServe's probe, which sends no key, may not ask."""

import pytest

from pulumi_skypilot import errors, plan, spec
from pulumi_skypilot.plan import routes
from tests import specs


def refused(**data: object) -> str:
    with pytest.raises(errors.SpecError) as caught:
        plan.plan(spec.parse({**specs.SMALLEST, **data}), "chat")
    (problem,) = caught.value.problems
    assert problem.property == "readinessProbe"
    return problem.reason


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/v1/models", "needs the API key"),
        ("/v1", "needs the API key"),
        ("/rerank", "/rerank needs the API key"),
        ("/sleep", "/sleep administers the engine"),
        ("/adapters/x", "removes adapters"),
        ("/metrics", "shows what is asked"),
    ],
)
def test_a_probe_asks_a_path_that_needs_no_key_and_harms_nobody(path: str, reason: str) -> None:
    assert reason in refused(readinessProbe={"path": path, "postData": {"a": 1}})


def test_without_a_key_a_probe_may_ask_for_inference_and_still_not_administer() -> None:
    spec_ = {**specs.SMALLEST, "auth": "none"}
    plan.plan(spec.parse({**spec_, "readinessProbe": {"path": "/v1/models"}}), "chat")
    path = "/v1/load_lora_adapter"
    assert "removes adapters" in refused(auth="none", readinessProbe={"path": path})


@pytest.mark.parametrize(
    ("task", "path"),
    [
        ("embed", "/v1/chat/completions"),
        ("embed", "/classify"),
        ("rerank", "/v1/embeddings"),
        ("rerank", "/v1/completions"),
    ],
)
def test_a_probe_asks_no_path_that_the_models_task_lacks(task: str, path: str) -> None:
    told = refused(modelTask=task, auth="none", readinessProbe={"path": path, "postData": {"a": 1}})
    assert told == (
        f"readinessProbe.path: a model of task {task} does not serve {path}; use /health"
    )
    for served in ("/v1/models", routes.POOLING[task][0]):
        data = {"auth": "none", "readinessProbe": {"path": served, "postData": {"a": 1}}}
        plan.plan(spec.parse({**specs.SMALLEST, "modelTask": task, **data}), "chat")


def test_the_guard_passes_what_a_model_serves_by_its_task() -> None:
    for paths in routes.POOLING.values():
        assert all(map(routes.is_inference, paths))
