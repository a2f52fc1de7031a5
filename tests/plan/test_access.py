"""A gated model that no token is given for is told before a machine is paid for."""

import pytest

from pulumi_skypilot import catalog, plan, spec
from pulumi_skypilot.plan import access

LLAMA = {"model": "meta-llama/Llama-3.1-8B-Instruct", "accelerators": "L40S:1", "context": 8192}


def planned(**data: object) -> plan.Plan:
    return plan.plan(spec.parse({**LLAMA, **data}), "chat")


@pytest.mark.parametrize("model", ["meta-llama/Llama-3.1-8B-Instruct", "google/gemma-3-4b-it"])
def test_a_gated_model_without_a_token_is_told(model: str) -> None:
    line = (
        f"{model} is gated: write secrets: {{HF_TOKEN: hfToken}} with the token of an account that "
        "has access, or the replicas cannot download it"
    )
    chat = planned(model=model)
    assert chat.warnings == (line,)
    assert line in chat.notes


@pytest.mark.parametrize("facts", catalog.builtin().values(), ids=lambda facts: facts.id)
def test_every_gated_model_is_told_and_no_other(facts: catalog.ModelFacts) -> None:
    wanted = spec.parse({"model": facts.id, "accelerators": "B300:1"})
    warnings = plan.plan(wanted, "chat", must_fit=False).warnings
    assert len(warnings) == facts.gated
    given = spec.parse({**spec.to_inputs(wanted), "secrets": {"HF_TOKEN": "hfToken"}})
    assert plan.plan(given, "chat", must_fit=False).warnings == ()


@pytest.mark.parametrize("table", ["env", "secrets"])
@pytest.mark.parametrize("name", [*access.TOKENS, *access.ELSEWHERE])
def test_a_token_or_another_place_to_download_from_is_enough(table: str, name: str) -> None:
    assert planned(**{table: {name: "x"}}).warnings == ()


@pytest.mark.parametrize("model", ["Qwen/Qwen3-8B", "/models/llama", "someone/unknown"])
def test_nothing_is_said_of_a_model_that_is_open_or_not_known(model: str) -> None:
    assert planned(model=model).warnings == ()


def test_that_a_model_is_gated_does_not_make_its_fit_doubtful() -> None:
    assert planned().unchecked == ()
