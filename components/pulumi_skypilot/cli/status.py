"""`pulumi-skypilot status`: what serves a stack's deployments now."""

import argparse
import contextlib
import dataclasses
import json
import pathlib
import sys
import time
import typing
from collections.abc import Iterator, Sequence

from rich import console, table, text

from ..lifecycle import standing
from ..plan import cost
from ..report import wording
from . import live, looking, monitoring, screens
from .command import Wrong
from .looking import Row

CODES = (
    "Exits with 0 when all serves as the stack says, with 1 when something does not, with 2 when "
    "it cannot tell."
)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `status`."""
    live.arguments(parser, one=False)
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    looking.watch_argument(parser, "look again and again")
    parser.add_argument(
        "--prometheus", metavar="FILE", type=pathlib.Path,
        help="also write Prometheus' configuration, and beside it the replicas and their keys; "
        "--watch keeps it current",
    )  # fmt: skip
    monitoring.listen_argument(parser)


def run(given: argparse.Namespace) -> int:
    """Print the status. Return 1 if a deployment does not serve as the stack says. Raises Wrong."""
    screen = screens.screen()  # before the SDK takes over the standard output
    secrets = given.prometheus is not None
    with contextlib.ExitStack() as stack:
        keep = stack.enter_context(monitoring.keeping(given, given.prometheus)) if secrets else None
        rows = looking.look(given.stack, secrets=secrets)
        while True:
            _print(screen, given, rows)
            if keep is not None:
                keep(rows, sys.stderr)
            if given.watch is None:
                return _verdict(rows)
            time.sleep(given.watch)
            rows, lines = looking.again(given.stack, rows, secrets=secrets)
            sys.stderr.writelines(f"{line}\n" for line in lines)


def _print(screen: console.Console, given: argparse.Namespace, rows: Sequence[Row]) -> None:
    if given.json:
        indent = None if given.watch else 2
        sys.stdout.write(f"{json.dumps(data(rows, time.time()), indent=indent)}\n")
    else:
        if given.watch and screen.is_terminal:
            screen.clear()
        show(screen, rows, time.time())
    sys.stdout.flush()


def data(rows: Sequence[Row], now: float) -> dict[str, typing.Any]:
    """Return the status for machines."""
    return {"at": now, "deployments": [_data(row) for row in rows]}


def show(screen: console.Console, rows: Sequence[Row], now: float) -> None:
    """Print the tables, and what to do about drift."""
    if not rows:
        screen.print("the stack has no deployments")
        return
    screen.print(_deployments(rows, now))
    running = [part for row in rows if row.now for part in row.now.running]
    if running:
        screen.print()
        screen.print(_running(running, now))
    for line in _lines(rows):
        screen.print(line, markup=False, highlight=False, soft_wrap=True)


def _deployments(rows: Sequence[Row], now: float) -> table.Table:
    grid = _grid("deployment", "status", "ready", "version", "USD/h", "last start", "endpoint")
    for row in rows:
        deployment, current = row.deployment, row.now
        endpoint = deployment.state.endpoint or "none yet"
        if current is None:
            grid.add_row(*map(text.Text, (deployment.key, "unknown", "", "", "", "", endpoint)))
            continue
        cells = (
            deployment.key,
            f"{current.status}{', drift' if current.drift else ''}",
            f"{current.ready} of {_asked(deployment)}",
            str(current.version or ""),
            _price(current.hourly),
            "" if current.last_start is None else f"{screens.age(current.last_start, now)} ago",
            endpoint,
        )
        grid.add_row(*map(text.Text, cells))
    return grid


def _asked(deployment: live.Deployment) -> str:
    """Return how many replicas the stack asks for."""
    wanted = deployment.kept.spec
    return "1" if wanted.kind == "cluster" else wording.replicas(wanted)


def _running(running: Sequence[standing.Running], now: float) -> table.Table:
    grid = _grid("machine", "status", "version", "place", "spot", "age", "USD/h")
    for part in running:
        cells = (
            part.name,
            part.status,
            str(part.version or ""),
            part.place,
            "spot" if part.spot else "",
            "" if part.since is None else screens.age(part.since, now),
            _price(part.hourly),
        )
        grid.add_row(*map(text.Text, cells))
    return grid


def _lines(rows: Sequence[Row]) -> Iterator[str]:
    """Yield what is wrong and what to do, a line each."""
    for row in rows:
        key, current = row.deployment.key, row.now
        if current is None:
            continue
        if current.status == standing.GONE:
            yield f"{key}: it is gone; `pulumi up --refresh` makes it again"
        for what, how in current.drift.items():
            yield f"{key}: changed outside the stack: {what}: {how}; `pulumi up` puts it right"


def _verdict(rows: Sequence[Row]) -> int:
    """Return the exit code. Raises Wrong with what could not be asked."""
    unknown = dict.fromkeys(row.unknown for row in rows if row.now is None)
    if unknown:
        raise Wrong(*unknown)
    return 0 if all(row.now and row.now.well for row in rows) else 1


def _data(row: Row) -> dict[str, typing.Any]:
    deployment, now = row.deployment, row.now
    told: dict[str, typing.Any] = {
        "name": deployment.key,
        "kind": deployment.state.kind,
        "id": deployment.state.id,
        "model": deployment.model,
        "endpoint": deployment.state.endpoint,
    }
    if now is None:
        return {**told, "status": None, "unknown": row.unknown}
    return {
        **told,
        "status": now.status,
        "well": now.well,
        "version": now.version,
        "ready": now.ready,
        "fewest": now.fewest,
        "hourly": now.hourly,
        "lastStart": now.last_start,
        "drift": dict(now.drift),
        "machines": [dataclasses.asdict(part) for part in now.running],
    }


def _grid(*heads: str) -> table.Table:
    grid = table.Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for head in heads:
        grid.add_column(head, overflow="fold")
    return grid


def _price(hourly: float | None) -> str:
    return "unknown" if hourly is None else cost.money(hourly)
