"""The answers of other tools on the same models: runs in their environment, JSON in and out.

Each is fed what it would have fetched, and asked through its own code: llm-cal's Evaluator with a
source in memory, hf-mem's function for the cache (its command asks huggingface.co alone).
"""

import contextlib
import json
import sys
import typing

from hf_mem.safetensors import kv_cache
from llm_cal.core import evaluator
from llm_cal.model_source import base


class Memory(base.ModelSource):  # type: ignore[misc]
    """A source that has one model."""

    name = "memory"

    def __init__(self, row: dict[str, typing.Any]) -> None:
        self._artifact = base.ModelArtifact(
            source=self.name,
            model_id=row["model"],
            commit_sha=None,  # never from its cache
            config=row["config"],
            siblings=(base.SiblingFile("model.safetensors", row["file_bytes"]),),
        )

    def fetch(self, _model_id: str) -> base.ModelArtifact:
        """Return the model."""
        return self._artifact


class Nowhere:
    """A cache that keeps nothing."""

    def get(self, *_: object, **__: object) -> None:
        """Have nothing."""

    def set(self, *_: object) -> None:
        """Keep nothing."""


def main() -> None:
    """Answer for every row of standard input."""
    rows = json.load(sys.stdin)
    with contextlib.redirect_stdout(sys.stderr):
        said = [{"llm-cal": _llm_cal(row), "hf-mem": _hf_mem(row)} for row in rows]
    json.dump(said, sys.stdout)


def _llm_cal(row: dict[str, typing.Any]) -> dict[str, typing.Any]:
    """Return its own evaluation for one H100: weights, cache of a request, requests that fit."""
    evaluated = evaluator.Evaluator(source=Memory(row), cache=Nowhere()).evaluate(
        row["model"], gpu="H100", engine="vllm", gpu_count=1, context_length=row["context"]
    )
    option = evaluated.fleet.options[0]
    return {
        "weights_bytes": option.weight_bytes_per_gpu,
        "request_bytes": evaluated.kv_cache_by_context[row["context"]].value,
        "requests": dict(option.max_concurrent_by_context).get(row["context"], 0),
    }


def _hf_mem(row: dict[str, typing.Any]) -> dict[str, typing.Any]:
    """Return its cache of one request. It knows no GPU: its reader divides to get how many fit."""
    size = kv_cache.compute_safetensors_kv_cache_size(row["config"], "BF16", row["context"])
    return {"weights_bytes": row["file_bytes"], "request_bytes": size}


if __name__ == "__main__":
    main()
