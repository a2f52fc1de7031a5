"""`pulumi-skypilot fit`: the GPUs that serve a model, or the models that a GPU serves."""

import argparse
import json
import pathlib
import sys
from collections.abc import Sequence

from rich import table

from .. import catalog, errors, skypilot, spec
from ..catalog import suggest
from ..lifecycle import server_query
from ..plan import cost, fit_search, memory
from ..skypilot import credentials
from . import models, pricing, screens
from .command import Wrong


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `fit`."""
    parser.add_argument(
        "model", metavar="ORG/NAME", nargs="?", help="list the GPUs that can serve this model"
    )
    parser.add_argument(
        "--gpu", metavar="NAME:COUNT", help="list the models that this GPU can serve, e.g. L4:1"
    )
    parser.add_argument(
        "--context", metavar="TOKENS", type=int,
        help="context of one request; default: the model's own limit",
    )  # fmt: skip
    parser.add_argument(
        "--max-gpus", metavar="N", type=int, default=8,
        help="largest number of GPUs of one machine; default: 8",
    )  # fmt: skip
    parser.add_argument(
        "--explain", action="store_true", help="show how each number is computed, with its source"
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    source = parser.add_mutually_exclusive_group()
    source.add_argument(
        "--api-server", metavar="URL", nargs="?", const=skypilot.DEFAULT_URL,
        help="ask this API server for prices; without a URL, the local one",
    )  # fmt: skip
    source.add_argument(
        "--prices", metavar="FILE", type=pathlib.Path,
        help="use the prices that `plan --save-prices` wrote",
    )  # fmt: skip


def run(given: argparse.Namespace) -> None:
    """Print the table. Raises Wrong."""
    rows = _rows(given)
    prices = _prices(given, [row.wanted for row in rows])
    costs = {id(row): cost.cost(row.wanted, prices).replica for row in rows}
    rows.sort(key=lambda row: _order(row, costs[id(row)]))
    if given.json:
        data = [_data(row, costs[id(row)], explain=given.explain) for row in rows]
        sys.stdout.write(f"{json.dumps(data, indent=2)}\n")
        return
    screen = screens.screen()
    screen.print(_table(rows, costs, of_one=bool(given.model)))
    if prices.away and (given.api_server or given.prices):
        screen.print(
            f"prices: unknown ({prices.away})", markup=False, highlight=False, soft_wrap=True
        )
    if given.explain:
        for row in rows:
            screen.print(_derivation(row), markup=False, highlight=False, soft_wrap=True)


def _rows(given: argparse.Namespace) -> list[fit_search.Row]:
    if not given.model and not given.gpu:
        raise Wrong("name a model, or a GPU with --gpu, or both")
    if given.context is not None and given.context < 1:
        raise Wrong(f"--context: {given.context} is not a number of tokens; give 1 or more")
    if given.model:
        _known(given.model, given.context)
    if given.gpu:
        _known_gpu(given.gpu)
    if given.model and given.gpu:
        return [_one(given.model, given.gpu, given.context)]
    if given.gpu:
        rows = list(fit_search.models_for(given.gpu, given.context))
        nothing = f"{given.gpu}: serves none of the {len(catalog.models())} known models"
    else:
        rows = list(fit_search.gpus_for(given.model, given.context, given.max_gpus))
        nothing = (
            f"{given.model}: no known GPU serves it with up to {given.max_gpus} on a machine; "
            "raise --max-gpus or lower --context"
        )
    if not rows:
        raise Wrong(nothing)
    return rows


def _known(model: str, context: int | None) -> None:
    facts = catalog.model(model)
    if facts is None:
        raise Wrong(models.unknown(model))
    if context and facts.max_positions and context > facts.max_positions:
        raise Wrong(
            f"--context: {context} tokens are more than the {facts.max_positions} of {model}"
        )


def _known_gpu(gpu: str) -> None:
    name = gpu.partition(":")[0]
    facts = catalog.gpu(name)
    if facts is None:
        listed = "`pulumi-skypilot fit MODEL` lists those that serve a model"
        hint = suggest.did_you_mean(name, catalog.gpus(), listed)
        raise Wrong(f"--gpu: no GPU {name} is known; {hint}")
    if facts.vendor != "nvidia":
        raise Wrong(
            f"--gpu: {name} needs its own image, so its memory fit is not computed; name "
            "an NVIDIA GPU"
        )


def _one(model: str, gpu: str, context: int | None) -> fit_search.Row:
    """Return the row of one model on one GPU. Raises Wrong with the preview's reasons."""
    try:
        row = fit_search.row(model, gpu, context)
    except errors.SpecError as error:
        raise Wrong(*(problem.reason for problem in error.problems)) from None
    if row is None:
        raise Wrong(f"{model}: its context is not known; give --context")
    return row


def _prices(given: argparse.Namespace, specs: Sequence[spec.Spec]) -> cost.Prices:
    if given.prices:
        return pricing.kept(given.prices)
    if not given.api_server:
        return cost.Prices(away="not asked")
    connection = skypilot.Connection(given.api_server, None, credentials.token({}))
    questions = {"prices": cost.question(specs)}
    return cost.read(
        server_query.ask(connection, questions, offline=server_query.offline())["prices"]
    )


def _order(row: fit_search.Row, price: cost.Range | None) -> tuple[float, int, str, str]:
    """Return a sort key: the cheapest first; without prices, the smallest first."""
    known = price.low if price else float("inf")
    return known, row.size_bytes, str(row.gpu), row.wanted.model


def _table(
    rows: Sequence[fit_search.Row], costs: dict[int, cost.Range | None], *, of_one: bool
) -> table.Table:
    """Return the table; its title is the model or GPU that all rows share."""
    title = rows[0].wanted.model if of_one else str(rows[0].gpu)
    grid = table.Table(box=None, title=title, title_justify="left")
    grid.add_column("GPUs" if of_one else "model", overflow="fold")
    grid.add_column("verdict")
    for name in ("context", "room", "at once", "USD/h"):
        grid.add_column(name, justify="right")
    for row in rows:
        grid.add_row(
            str(row.gpu) if of_one else row.wanted.model,
            row.fit.verdict.value,
            f"{row.context:,}",
            memory.gib(row.fit.spare_bytes),
            f"{row.fit.concurrency:.1f}",
            cost.shown(costs[id(row)]),
        )
    return grid


def _data(row: fit_search.Row, price: cost.Range | None, *, explain: bool) -> dict[str, object]:
    data = {**row.data(), "hourly": {"low": price.low, "high": price.high} if price else None}
    if explain:
        data["steps"] = [
            {"name": step.name, "value": step.value, "unit": step.unit, "formula": step.formula,
             "source": step.source}
            for step in row.fit.steps
        ]  # fmt: skip
    return data


def _derivation(row: fit_search.Row) -> str:
    """Return each number of a row with its formula and source, as text."""
    lines = [f"\n{row.wanted.model} on {row.gpu}, {row.context} tokens: {row.fit.reason}"]
    for step in row.fit.steps:
        value = (
            memory.gib(step.value)
            if step.unit == "B" and step.value >= 2**20
            else f"{step.value:,.6g} {step.unit}".rstrip()
        )
        lines.append(f"  {step.name} = {value}\n      {step.formula}\n      [{step.source}]")
    return "\n".join(lines)
