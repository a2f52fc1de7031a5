"""The memory model beside what vLLM really took on H100s and H200s, and beside other tools.

The figures of the others are their own, on the same config.json: bench/peers.py.
"""

import dataclasses
import json
import pathlib
import statistics
import subprocess
import sys
import typing
from collections.abc import Callable, Iterable

from pulumi_skypilot.plan import memory
from pulumi_skypilot.plan.memory import weights
from tests import measured

from . import elsewhere, holdout

PEERS = pathlib.Path(__file__).with_name("peers.py")
WEIGHTS_LIMIT, CACHE_LIMIT = 0.005, 0.005


@dataclasses.dataclass(frozen=True)
class Line:
    """One run of vLLM, and what was said of it."""

    row: measured.Row
    ours: memory.Fit
    llm_cal: float
    """Requests of the full context at once."""
    hf_mem: float

    def error(self, key: str) -> float:
        """Return our error relative to the measured value."""
        reckoned, real = {
            "weights": (self.ours.weights_bytes, self.row["weights_bytes"]),
            "cache": (self.ours.available_bytes, self.row["available_kv_bytes"]),
            "tokens": (self.ours.tokens, self.row["kv_tokens"]),
        }[key]
        return float(reckoned / real - 1)


def main(python: str) -> int:
    """Print the tables; 1 when an error is larger than it may be."""
    lines = list(compared(python))
    print("\n".join(table(lines)))
    print()
    print("\n".join(summary(lines)))
    print()
    print("\n".join(holdout.table(holdout.held_out())))
    print()
    print("\n".join(h200()))
    print()
    print("\n".join(elsewhere.table()))
    print()
    print("\n".join(elsewhere.newer()))
    limits = {"weights": WEIGHTS_LIMIT, "cache": CACHE_LIMIT, "tokens": CACHE_LIMIT}
    wrong = [line for line in lines if line.ours.verdict is memory.Verdict.NOT]
    over = [key for key, most in limits.items() if worst(lines, key) > most]
    return int(bool(over or wrong or any(h200_beyond())))


def compared(python: str) -> Iterable[Line]:
    """Return every measured row with each tool's answer."""
    asked = [
        {
            "model": row["model"],
            "config": measured.config(row["model"]),
            "context": row["max_model_len_used"],
            "file_bytes": weights.file_bytes(measured.arch(row["model"])),
        }
        for row in measured.ROWS
    ]
    done = subprocess.run(
        [python, str(PEERS)], input=json.dumps(asked), capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(done.stderr)
    for row, said in zip(measured.ROWS, json.loads(done.stdout), strict=True):
        left = row["total_memory_bytes"] - said["hf-mem"]["weights_bytes"]
        yield Line(
            row,
            measured.fit(row),
            llm_cal=said["llm-cal"]["requests"],
            hf_mem=max(0, left) / said["hf-mem"]["request_bytes"],
        )


def table(lines: Iterable[Line]) -> Iterable[str]:
    """Return a table with a line for each run."""
    head = (
        "run of vLLM 0.26 on an H100", "context", "weights, GiB", "ours", "KV cache, GiB", "ours",
        "requests at once", "ours", "llm-cal", "hf-mem", "verdict",
    )  # fmt: skip
    yield _row(head)
    yield "|---|" + "---:|" * 9 + "---|"
    for line in lines:
        row, ours = line.row, line.ours
        yield _row(
            (
                f"{row['id']} ({'eager' if row['enforce_eager'] else 'compiled'})",
                f"{row['max_model_len_used']:,}",
                f"{row['weights_bytes'] / memory.GIB:.2f}",
                f"{ours.weights_bytes / memory.GIB:.2f} ({line.error('weights'):+.1%})",
                f"{row['available_kv_bytes'] / memory.GIB:.2f}",
                f"{ours.available_bytes / memory.GIB:.2f} ({line.error('cache'):+.1%})",
                f"{row['max_concurrency']:.2f}",
                f"{ours.concurrency:.2f}",
                f"{line.llm_cal:,.0f}",
                f"{line.hf_mem:,.2f}",
                ours.verdict.value,
            )
        )


def h200() -> Iterable[str]:
    """Return a table with a line for each GPU that differs in a run on H200s."""
    head = (
        "run of vLLM 0.26 on H200s", "weights, GiB", "ours", "activations, GiB", "ours",
        "other, GiB", "ours", "KV cache, GiB", "ours", "tokens", "ours", "verdict",
    )  # fmt: skip
    yield _row(head)
    yield "|---|" + "---:|" * 10 + "---|"
    for row in measured.H200_ROWS:
        stage, fit = measured.stage(row), measured.fit(row)
        ranks = f", GPU {row['rank'] + 1}" if row["pp"] > 1 else ""
        pairs = (
            (row["weights_bytes"], stage.weights),
            (row["peak_activation_bytes"], stage.peak.bytes),
            (row["non_torch_bytes"] + row["cuda_graph_estimate_bytes"], stage.other + stage.graphs),
            (row["available_kv_bytes"], stage.available),
        )
        cells = [f"{size / memory.GIB:.2f}" for pair in pairs for size in pair]
        cells[1] += f" ({stage.weights / row['weights_bytes'] - 1:+.2%})"
        cells[7] += f" ({stage.available / row['available_kv_bytes'] - 1:+.2%})"
        tokens = (f"{row['kv_tokens']:,}", f"{fit.tokens:,}")
        yield _row((f"{row['id']}{ranks}", *cells, *tokens, fit.verdict.value))


def h200_beyond() -> Iterable[str]:
    """Return the runs on H200s that are further off than they may be."""
    for row in measured.H200_ROWS:
        stage = measured.stage(row)
        several = row["tp"] * row["pp"] > 1
        weights = abs(stage.weights / row["weights_bytes"] - 1)
        cache = abs(stage.available / row["available_kv_bytes"] - 1)
        wrong = measured.fit(row).verdict is memory.Verdict.NOT
        if wrong or weights > 0.005 or cache > (0.01 if several else 0.005):
            yield row["id"]


def summary(lines: list[Line]) -> Iterable[str]:
    """Return a table of each tool's errors."""
    yield _row(("error against vLLM", "median", "worst"))
    yield "|---|---:|---:|"
    for key, name in {"weights": "weights", "cache": "KV cache", "tokens": "tokens"}.items():
        errors = [abs(line.error(key)) for line in lines]
        yield _row((f"ours: {name}", f"{statistics.median(errors):.2%}", f"{max(errors):.2%}"))
    said: dict[str, Callable[[Line], float]] = {
        "ours": lambda line: line.ours.concurrency,
        "llm-cal": lambda line: line.llm_cal,
        "hf-mem": lambda line: line.hf_mem,
    }
    for tool, requests in said.items():
        off = [abs(requests(line) / line.row["max_concurrency"] - 1) for line in lines]
        yield _row(
            (f"{tool}: requests at once", f"{statistics.median(off):.1%}", f"{max(off):,.1%}")
        )


def worst(lines: Iterable[Line], key: str) -> float:
    """Return the largest error of one kind."""
    return max(abs(line.error(key)) for line in lines)


def _row(cells: typing.Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
