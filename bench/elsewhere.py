"""Runs that others logged, with another release of vLLM: nothing was fitted to them."""

import json
from collections.abc import Iterator

from pulumi_skypilot.plan import memory
from tests import measured

SOURCE: str = json.loads((measured.HERE / "elsewhere.json").read_text())["source"]


def table() -> Iterator[str]:
    """Return a table with a line for each run."""
    yield (
        "| run of vLLM 0.19 by others | weights, GiB | ours | activations, GiB | ours "
        "| KV cache, GiB | ours | tokens | ours |"
    )
    yield "|---|" + "---:|" * 8
    for row in measured.ELSEWHERE:
        reckoned = measured.elsewhere(row)
        message = {"tp": "{} GPUs", "pp": "{} stages", "kv": "{} cache", "quantization": "{}"}
        name = [
            row["model"],
            *(text.format(row[key]) for key, text in message.items() if key in row),
        ]
        pairs = {
            "weights": reckoned.weights,
            "activation": reckoned.activation,
            "cache": reckoned.fit.available_bytes / memory.GIB,
        }
        cells = [
            cell
            for key, ours in pairs.items()
            for cell in ((f"{row[key]:.2f}", f"{ours:.2f}") if key in row else ("", ""))
        ]
        if "tokens" in row:
            cells += [f"{row['tokens']:,}", f"{reckoned.fit.tokens:,}"]
        else:
            cells += ["", ""]
        yield f"| {', '.join(name)} | {' | '.join(cells)} |"


def newer() -> Iterator[str]:
    """Return a table of runs of newer releases."""
    yield "| run by others | vLLM | weights, GiB | ours | KV cache, GiB | ours |"
    yield "|---|---|---:|---:|---:|---:|"
    for row in measured.NEWER:
        result = measured.newer(row)
        weights, cache = result.weights_bytes / memory.GIB, result.available_bytes / memory.GIB
        form = " in fp8" if row.get("checkpoint") == "fp8" else ""
        name = f"{row['model']}{form}, {row['gpu']}:{row.get('tp', 1)}"
        yield (
            f"| {name} | {row['release']} | {row['weights']:.2f} | {weights:.2f} "
            f"| {row['cache']:.2f} | {cache:.2f} |"
        )
