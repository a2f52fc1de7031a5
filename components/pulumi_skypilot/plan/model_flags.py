"""The flags of modelTask, lora, speculation, perPrompt and toolServer, and what they go with."""

from collections.abc import Iterator

from .. import catalog, spec

RUNNERS = {"generate": "generate", "embed": "pooling", "rerank": "pooling"}
"""vLLM's flag `runner` by task (vllm/config/model.py, RunnerOption)."""

_OF_GENERATION = {
    "tools": "tools",
    "reasoning_parser": "reasoningParser",
    "reasoning_effort": "reasoningEffort",
    "speculation": "speculation",
    "tool_server": "toolServer",
}
"""Fields that only a model that generates has, and their keys."""


def flags(wanted: spec.Spec) -> dict[str, object]:
    """Return the flags that these keys set, without those that vLLM's default replaces."""
    lora, guess = wanted.lora, wanted.speculation
    table: dict[str, object] = {
        "runner": RUNNERS[wanted.model_task] if wanted.model_task else None,
        "enable-lora": True if lora else None,
        "max-loras": lora and lora.max_loaded,
        "max-lora-rank": lora and lora.max_rank,
        "lora-modules": [f"{name}={source}" for name, source in lora.adapters.items()]
        if lora and lora.adapters
        else None,
        "spec-method": guess and guess.method,
        "spec-model": guess and guess.model,
        "spec-tokens": guess and guess.tokens,
        "limit-mm-per-prompt": wanted.per_prompt or None,
        "tool-server": ",".join(wanted.tool_server) or None,
    }
    return {flag: value for flag, value in table.items() if value is not None}


def task(wanted: spec.Spec, facts: catalog.ModelFacts | None) -> str:
    """Return what the model does: as the stack says, else as the catalogue does."""
    if wanted.model_task is not None:
        return wanted.model_task
    runner = wanted.vllm_args.get("runner")
    if runner in ("generate", "pooling"):
        return "generate" if runner == "generate" else "embed"
    return facts.task if facts else "generate"


def key_of(wanted: spec.Spec, flag: str) -> str:
    """Return the key under which a spec sets a flag."""
    key = spec.mapping.SHARED.get(flag, "").partition(".")[0]
    return key if key and spec.mapping.value(wanted, key) else spec.mapping.key_of_flag(flag)


def named(wanted: spec.Spec, flag: str) -> str:
    """Return a flag as the stack writes it: by its key, or as a flag of vllmArgs."""
    key = key_of(wanted, flag)
    return flag if key == "vllmArgs" else key


def problems(wanted: spec.Spec, facts: catalog.ModelFacts | None) -> Iterator[spec.Problem]:
    """Yield the keys that make no sense for the model's task."""
    does = task(wanted, facts)
    if does == "generate":
        return
    for name, key in _OF_GENERATION.items():
        if getattr(wanted, name):
            yield _problem(key, f"a model of task {does} generates nothing; drop it")
    if wanted.optimize != "balanced":
        yield _problem("optimize", f"nothing is known of it for task {does}; drop it")


def _problem(key: str, reason: str) -> spec.Problem:
    return spec.Problem(key, f"{key}: {reason}")
