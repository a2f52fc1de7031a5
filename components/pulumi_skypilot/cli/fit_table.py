"""The answer of `pulumi-skypilot fit`: a table with its remarks, JSON, or a derivation."""

import dataclasses
import json
import sys
from collections.abc import Iterator, Mapping, Sequence

from rich import table

from ..plan import cluster_nodes, cost, fit_search, memory
from . import screens

FEW = 10
"""The most rows of a table, unless all are asked for."""


@dataclasses.dataclass(frozen=True)
class Answer:
    """The rows, in the order in which they are shown, and what belongs to them."""

    rows: Sequence[fit_search.Row]
    title: str
    of_one: bool
    """Whether the rows are the GPUs of one model. Else they are the models of one GPU."""
    costs: Mapping[int, cost.Range | None]
    """By id of a row: USD an hour of all its machines."""
    priced: bool = False
    """Whether prices were asked for."""
    nodes: Sequence[cluster_nodes.Node] | None = None
    """The nodes of the only cluster that was looked at."""
    remarks: Sequence[str] = ()


def free(row: fit_search.Row, nodes: Sequence[cluster_nodes.Node]) -> tuple[int, int | None]:
    """Return how many such deployments a cluster holds, and how many fit now; None: not known."""
    total, now = cluster_nodes.machines(nodes, row.gpu)
    each = row.wanted.nodes
    return total // each, None if now is None else now // each


def rate(price: cost.Range | None) -> float:
    """Return the lowest price; infinity where it is unknown."""
    return price.low if price else float("inf")


def write_table(answer: Answer, *, every: bool, explain: bool) -> None:
    """Print the table, what is to know of it, and on demand how each number is computed."""
    rows = answer.rows if every else answer.rows[:FEW]
    screen = screens.screen()
    screen.print(_table(rows, answer))
    for line in _remarks(rows, answer):
        screen.print(line, markup=False, highlight=False, soft_wrap=True)
    if explain:
        for row in rows:
            screen.print(_derivation(row), markup=False, highlight=False, soft_wrap=True)


def write_json(answer: Answer, *, explain: bool) -> None:
    """Print every row as JSON."""
    data = [_data(row, answer, explain=explain) for row in answer.rows]
    sys.stdout.write(f"{json.dumps(data, indent=2)}\n")


def _table(rows: Sequence[fit_search.Row], answer: Answer) -> table.Table:
    grid = table.Table(box=None, title=answer.title, title_justify="left")
    grid.add_column("GPUs" if answer.of_one else "model", overflow="fold")
    grid.add_column("verdict")
    last = ["USD/h"] if answer.priced else []
    for name in ("context", "room", "at once", *(["free"] if answer.nodes else last)):
        grid.add_column(name, justify="right")
    for row in rows:
        cells = [
            row.machines if answer.of_one else row.wanted.model,
            row.verdict,
            f"{row.context:,}",
            memory.gib(row.fit.spare_bytes),
            f"{row.fit.concurrency:.1f}",
        ]
        if answer.nodes:
            total, now = free(row, answer.nodes)
            cells.append(f"{'?' if now is None else now} of {total}")
        elif answer.priced:
            cells.append(cost.shown(answer.costs[id(row)]))
        grid.add_row(*cells)
    return grid


def _remarks(rows: Sequence[fit_search.Row], answer: Answer) -> Iterator[str]:
    if len(rows) < len(answer.rows):
        yield f"{len(answer.rows) - len(rows)} more; --all lists them"
    reasons = dict.fromkeys(reason for row in rows for reason in row.unchecked)
    yield from (f"estimated: {reason}" for reason in reasons)
    yield from answer.remarks


def _data(row: fit_search.Row, answer: Answer, *, explain: bool) -> dict[str, object]:
    price = answer.costs[id(row)]
    data = {**row.data(), "hourly": {"low": price.low, "high": price.high} if price else None}
    if explain:
        data["steps"] = [
            {"name": step.name, "value": step.value, "unit": step.unit, "formula": step.formula,
             "source": step.source}
            for step in row.fit.steps
        ]  # fmt: skip
    if answer.nodes is not None:
        total, now = free(row, answer.nodes)
        data["machines"] = {"total": total, "free": now}
    return data


def _derivation(row: fit_search.Row) -> str:
    """Return each number of a row with its formula and source, as text."""
    lines = [f"\n{row.wanted.model} on {row.machines}, {row.context} tokens: {row.fit.reason}"]
    for step in row.fit.steps:
        value = (
            memory.gib(step.value)
            if step.unit == "B" and step.value >= 2**20
            else f"{step.value:,.6g} {step.unit}".rstrip()
        )
        lines.append(f"  {step.name} = {value}\n      {step.formula}\n      [{step.source}]")
    return "\n".join(lines)
