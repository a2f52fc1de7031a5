"""Models that are drawn at random preview with `tools: true` where vLLM has a parser for them."""

import random

import pytest

from pulumi_skypilot import catalog, errors, plan, spec
from pulumi_skypilot.plan import fit_search

DRAWN = 40
SEED = random.SystemRandom().randrange(2**32)


def _place(facts: catalog.ModelFacts) -> dict[str, object] | None:
    """Return GPUs that serve a model and a context that fits them; None where none does."""
    for gpu, nodes in (("H200:1", 1), ("H200:8", 1), ("B200:8", 1), ("B200:8", 2)):
        row = fit_search.shortened(facts, gpu, fit_search.Terms(), nodes)
        if row is not None:
            return {"accelerators": gpu, "nodes": nodes, "context": row.context}
    return None


def test_models_drawn_at_random_preview_with_tools() -> None:
    able = [facts for facts in catalog.models().values() if facts.task == "generate"]
    drawn = random.Random(SEED).sample(able, DRAWN)
    wrong = []
    for facts in drawn:
        place = _place(facts)
        data = {"model": facts.id, "disk": 4096, "tools": True, **(place or {})}
        try:
            command = plan.plan(spec.parse(data), "drawn").command
        except errors.SpecError as error:
            if facts.tool_parser is not None or "no tool parser is known" not in str(error):
                wrong.append(f"{facts.id}: {error}")
        else:
            if f"--tool-call-parser {facts.tool_parser}" not in command:
                wrong.append(f"{facts.id}: {command}")
    assert not wrong, f"seed {SEED}: {wrong}"


@pytest.mark.parametrize("model", ["google/gemma-4-31B-it", "nvidia/Qwen3.5-122B-A10B-NVFP4"])
def test_a_place_is_found(model: str) -> None:
    assert _place(catalog.models()[model])
