"""A cross-validation of the fitted constants: each model is predicted by a fit of the others.

Only the few constants of memory/fitted.py are fitted at all. How the rest is counted was found with
these rows in sight: for that the error here says nothing, and runs that nobody has seen would.
"""

import dataclasses
import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence

from pulumi_skypilot.plan import memory
from pulumi_skypilot.plan.memory import fitted, overhead, weights
from tests import measured

NOTHING = fitted.Fitted(
    non_torch=0, non_torch_graphs=0, first_graphs=0, first_graphs_sinks=0, layer_graphs=0,
    mxfp4=0, large_tables=0.0,
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Held:
    """A run of a model that nothing was fitted to."""

    row: measured.Row
    fit: memory.Fit


def held_out() -> Iterator[Held]:
    """Return every row, predicted with the constants of the other models' rows."""
    for model in dict.fromkeys(row["model"] for row in measured.ROWS):
        others = [row for row in measured.ROWS if row["model"] != model]
        constants = fit(others)
        for row in measured.ROWS:
            if row["model"] == model:
                yield Held(row, measured.fit(row, constants))


def fit(rows: Sequence[measured.Row]) -> fitted.Fitted:
    """Return the constants fitted to these rows; those of the package if no row determines one."""
    given = fitted.FITTED
    non_torch = _median(
        (row["non_torch_bytes"] for row in rows if row["enforce_eager"]), given.non_torch
    )
    first = [
        row
        for row in rows
        if not row["enforce_eager"] and not overhead.second_runner(measured.arch(row["model"]))
    ]
    layer, rest = _line_through(
        {measured.arch(row["model"]).layers: row["cuda_graph_estimate_bytes"] for row in first}
    )
    return fitted.Fitted(
        non_torch=non_torch,
        non_torch_graphs=_median((row["non_torch_bytes"] - non_torch for row in first), 0),
        first_graphs=given.first_graphs,  # of no row here: vLLM's log of Qwen3-30B-A3B
        first_graphs_sinks=rest,
        layer_graphs=layer,
        mxfp4=_median((_beside(row) for row in rows if _quantized(row) == "mxfp4"), 0),
        large_tables=_tables(rows),
    )


def table(held: Iterable[Held]) -> Iterator[str]:
    """Return a table of the worst error of each model, and of all."""
    yield "| model that nothing was fitted to | runs | weights | KV cache | tokens |"
    yield "|---|---:|---:|---:|---:|"
    rows = list(held)
    for model in dict.fromkeys(held_row.row["model"] for held_row in rows):
        yield _line(model, [held_row for held_row in rows if held_row.row["model"] == model])
    yield _line("worst of all", rows)


def _line(name: str, held: Sequence[Held]) -> str:
    pairs = {
        "weights_bytes": "weights_bytes",
        "available_bytes": "available_kv_bytes",
        "tokens": "kv_tokens",
    }
    worst = [
        max(abs(getattr(held_row.fit, ours) / held_row.row[real] - 1) for held_row in held)
        for ours, real in pairs.items()
    ]
    return f"| {name} | {len(held)} | {' | '.join(f'{error:.2%}' for error in worst)} |"


def _line_through(points: Mapping[int, int]) -> tuple[int, int]:
    """Slope and start; flat where there is one point only."""
    if len(points) < 2:
        return 0, next(iter(points.values()), fitted.FITTED.first_graphs)
    line = statistics.linear_regression(list(points), list(points.values()))
    return int(line.slope), int(line.intercept)


def _beside(row: measured.Row) -> int:
    """Return the memory that the weights take beyond the counted bytes."""
    shape = measured.arch(row["model"])
    quantized = memory.quantization(shape, measured.settings(row))
    counted = weights.stored_bytes(shape, weights.whole(shape), quantized, fitted=NOTHING)
    return int(row["weights_bytes"] - counted)


def _tables(rows: Sequence[measured.Row]) -> float:
    """Return the share of their size that large tables take, by models in bfloat16 with them."""
    once = dataclasses.replace(NOTHING, large_tables=1.0)
    shares = []
    for row in rows:
        shape = measured.arch(row["model"])
        large = weights.tables_bytes(shape, once) - weights.tables_bytes(shape, NOTHING)
        if large and _quantized(row) is None:
            counted = weights.stored_bytes(shape, weights.whole(shape), None, fitted=NOTHING)
            shares.append((row["weights_bytes"] - counted) / large)
    return statistics.median(shares) if shares else 1.0


def _quantized(row: measured.Row) -> str | None:
    quantized = memory.quantization(measured.arch(row["model"]), measured.settings(row))
    return quantized.method if quantized else None


def _median(values: Iterable[float], otherwise: int) -> int:
    listed = list(values)
    return int(statistics.median(listed)) if listed else otherwise
