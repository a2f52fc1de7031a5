"""A cross-validation of the fitted constants: each model is predicted by a fit of the others.

Only the few constants of memory/fitted.py are fitted at all. How the rest is counted was found with
these rows in sight: for that the error here says nothing, and runs that nobody has seen would.
"""

import dataclasses
import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from pulumi_skypilot.plan import memory
from pulumi_skypilot.plan.memory import fitted
from tests import measured

NOTHING = fitted.Fitted(**{field.name: 0 for field in dataclasses.fields(fitted.Fitted)})
ROWS = measured.ROWS + measured.H200_ROWS


@dataclasses.dataclass(frozen=True)
class Held:
    """A run of a model that nothing was fitted to: its own GPU, and the whole."""

    row: measured.Row
    stage: memory.Stage
    fit: memory.Fit


def held_out() -> Iterator[Held]:
    """Return every row, predicted with the constants of the other models' rows."""
    for model in dict.fromkeys(row["model"] for row in ROWS):
        constants = fit([row for row in ROWS if row["model"] != model])
        for row in ROWS:
            if row["model"] == model:
                yield Held(row, measured.stage(row, constants), measured.fit(row, constants))


def fit(rows: Sequence[measured.Row]) -> fitted.Fitted:
    """Return the constants fitted to these rows; those of the package if no row determines one."""
    single = [row for row in rows if _gpus(row) == 1]
    several = [row for row in rows if _gpus(row) > 1]
    layer, less = _line_through(
        {measured.arch(row["model"]).layers: _shared(row) for row in single if _first_graphs(row)}
    )
    found = fitted.Fitted(
        non_torch=_median(_eager(single), "non_torch"),
        non_torch_graphs=0,
        non_torch_parallel=_median(_eager(several), "non_torch_parallel"),
        non_torch_parallel_graphs=0,
        layer_graphs=layer,
        less_graphs=less,
        loading=_median((_beside(row) for row in rows if _loads(row)), "loading"),
        quantizing=0,
    )
    return dataclasses.replace(
        found,
        non_torch_graphs=_median(_beyond(single, found.non_torch), "non_torch_graphs"),
        non_torch_parallel_graphs=_median(
            _beyond(several, found.non_torch_parallel), "non_torch_parallel_graphs"
        ),
        quantizing=_median(
            (_beside(row) - found.loading for row in rows if row["flags"].get("quantization")),
            "quantizing",
        ),
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
    pairs: Mapping[str, Callable[[Held], float]] = {
        "weights_bytes": lambda held_row: held_row.stage.weights,
        "available_kv_bytes": lambda held_row: held_row.stage.available,
        "kv_tokens": lambda held_row: held_row.fit.tokens,
    }
    worst = [
        max(abs(ours(held_row) / held_row.row[real] - 1) for held_row in held)
        for real, ours in pairs.items()
    ]
    return f"| {name} | {len(held)} | {' | '.join(f'{error:.2%}' for error in worst)} |"


def _gpus(row: measured.Row) -> int:
    return int(row.get("tp", 1) * row.get("pp", 1))


def _eager(rows: Iterable[measured.Row]) -> Iterator[int]:
    return (row["non_torch_bytes"] for row in rows if row["enforce_eager"])


def _beyond(rows: Iterable[measured.Row], held: int) -> Iterator[int]:
    return (row["non_torch_bytes"] - held for row in rows if _first_graphs(row))


def _first_graphs(row: measured.Row) -> bool:
    return bool(row["cuda_graph_estimate_bytes"])


def _shared(row: measured.Row) -> int:
    """Return what the graphs of a run share, as with 1,024 tokens in the largest."""
    counted = measured.stage(row, NOTHING).graphs
    widest = row.get("max_cudagraph") or 1024
    return int(row["cuda_graph_estimate_bytes"] - counted) * 1024 // widest


def _line_through(points: Mapping[int, int]) -> tuple[int, int]:
    """Slope, and what is taken off; those of the package where there is one point only."""
    if len(points) < 2:
        return fitted.FITTED.layer_graphs, fitted.FITTED.less_graphs
    line = statistics.linear_regression(list(points), list(points.values()))
    return int(line.slope), -int(line.intercept)


def _loads(row: measured.Row) -> bool:
    """Return whether a run has an fp8 cache, or linear layers that its checkpoint quantizes."""
    quantized = memory.quantization(measured.arch(row["model"]), measured.settings(row))
    linear = quantized is not None and not quantized.experts_only
    at_load = "quantization" in row["flags"]
    return (linear and not at_load) or row["flags"].get("kv_cache_dtype") == "fp8"


def _beside(row: measured.Row) -> int:
    """Return the memory that the weights take beyond the counted bytes."""
    return int(row["weights_bytes"] - measured.stage(row, NOTHING).weights)


def _median(values: Iterable[int], name: str) -> int:
    listed = list(values)
    return int(statistics.median(listed)) if listed else int(getattr(fitted.FITTED, name))
