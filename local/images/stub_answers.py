"""What the stand-in for vLLM answers: texts, or vectors where its model embeds."""

import argparse
import socket
import time
from typing import Any

Table = dict[str, Any]

GENERATING = ("/v1/chat/completions", "/v1/completions")
POOLING = (
    "/v1/embeddings", "/score", "/v1/score", "/rerank", "/v1/rerank", "/v2/rerank", "/pooling",
)  # fmt: skip
"""The paths of a model that embeds (--runner pooling)."""


def answer(options: argparse.Namespace, path: str, asked: Table) -> tuple[int, Table]:
    """Return the status and the body of the answer to a request."""
    pools = options.runner == "pooling"
    if path not in (POOLING if pools else GENERATING):
        return 404, _error(404, "Not Found")
    model = str(asked.get("model", options.names[0] if pools else None))
    if model not in (*options.names, *options.adapters):
        return 404, _error(404, f"The model `{model}` does not exist.")
    return 200, pooled(path, model, asked) if pools else completion(options, path, model)


def _error(status: int, message: str) -> Table:
    return {"error": {"message": message, "code": status}}


def completion(options: argparse.Namespace, path: str, model: str) -> Table:
    """Return a text that says who answered."""
    # Who answered, and which version of the deployment: what tests look at.
    fingerprint = f"{socket.gethostname()}/max-model-len={options.max_model_len}"
    # And what came with it: a file that it was started with.
    text = f"The stub on {fingerprint} answers. {options.template}"
    message = {"role": "assistant", "content": text, "tool_calls": []}
    choice = {"message": message} if "chat" in path else {"text": text}
    return {
        "id": f"stub-{time.time_ns()}",
        "object": "chat.completion" if "chat" in path else "text_completion",
        "created": int(time.time()),
        "model": model,
        "system_fingerprint": fingerprint,
        "choices": [{"index": 0, "finish_reason": "stop", **choice}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    }


def pooled(path: str, model: str, asked: Table) -> Table:
    """Return what a model that embeds answers: a vector of each text, or a score of each document.

    The vector is the count of each letter, so that equal texts have equal vectors.
    """
    one = {"object": "list", "model": model, "usage": {"prompt_tokens": 1, "total_tokens": 1}}
    if "rank" in path:
        query = vector(asked["query"])
        results = [
            {
                "index": i,
                "document": {"text": text},
                "relevance_score": likeness(query, vector(text)),
            }
            for i, text in enumerate(asked["documents"])
        ]
        results.sort(key=lambda result: -float(str(result["relevance_score"])))
        return {"model": model, "results": results}
    if "score" in path:
        first, others = asked["text_1"], asked["text_2"]
        others = [others] if isinstance(others, str) else others
        scores = [likeness(vector(first), vector(text)) for text in others]
        return {**one, "data": [{"index": i, "score": score} for i, score in enumerate(scores)]}
    texts = asked["input"]
    vectors = [vector(text) for text in ([texts] if isinstance(texts, str) else texts)]
    data = [
        {"index": i, "object": "embedding", "embedding": each} for i, each in enumerate(vectors)
    ]
    return {**one, "data": data}


def vector(text: str) -> list[float]:
    """Return the count of each letter of a text, as a vector of length 1."""
    counts = [float(text.lower().count(letter)) for letter in "abcdefghijklmnopqrstuvwxyz"]
    length = sum(count * count for count in counts) ** 0.5 or 1.0
    return [count / length for count in counts]


def likeness(one: list[float], other: list[float]) -> float:
    """Return the cosine of the angle between two vectors of length 1."""
    return sum(a * b for a, b in zip(one, other, strict=True))
