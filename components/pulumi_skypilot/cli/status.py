"""`pulumi-skypilot status`: what serves a stack's deployments now."""

import argparse
import collections
import dataclasses
import json
import sys
import time
import typing
from collections.abc import Iterator, Sequence

from rich import console, table, text

from .. import errors
from ..lifecycle import clusters, standing
from ..plan import cost
from ..providers import base
from ..report import wording
from ..skypilot import interface
from . import live, screens
from .command import Wrong

CODES = (
    "Exits with 0 when all serves as the stack says, with 1 when something does not, with 2 when "
    "it cannot tell."
)
WATCH_SECONDS = 15
"""The pause between two looks; each costs the API server some seconds of CPU."""


@dataclasses.dataclass(frozen=True)
class Row:
    """A deployment and what serves it, or why that is not known."""

    deployment: live.Deployment
    now: standing.Standing | None
    unknown: str = ""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `status`."""
    live.arguments(parser, one=False)
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    watch_argument(parser, "look again and again")


def watch_argument(parser: argparse.ArgumentParser, what: str) -> None:
    """Declare --watch, which does something again and again."""
    parser.add_argument(
        "--watch", metavar="SECONDS", type=_seconds, nargs="?", const=WATCH_SECONDS,
        help=f"{what}, with a pause of so many seconds; default: {WATCH_SECONDS}",
    )  # fmt: skip


def run(given: argparse.Namespace) -> int:
    """Print the status. Return 1 if a deployment does not serve as the stack says. Raises Wrong."""
    screen = screens.screen()  # before the SDK takes over the standard output
    clears = screen.is_terminal and not given.json
    while True:
        rows = look(live.deployments(given.stack))
        if given.json:
            indent = None if given.watch else 2
            sys.stdout.write(f"{json.dumps(data(rows, time.time()), indent=indent)}\n")
        else:
            if given.watch and clears:
                screen.clear()
            show(screen, rows, time.time())
        sys.stdout.flush()
        if given.watch is None:
            return _verdict(rows)
        time.sleep(given.watch)


def look(deployments: Sequence[live.Deployment]) -> list[Row]:
    """Return what serves each deployment now, with one round of calls for each API server."""
    servers = collections.defaultdict(list)
    for deployment in deployments:
        scope = deployment.kept.scope or {}
        servers[scope.get("apiServer"), scope.get("workspace")].append(deployment)
    rows: dict[str, Row] = {}
    for those in servers.values():
        try:
            rows |= {row.deployment.key: row for row in _look(those)}
        except (errors.SkyPilotError, Wrong) as error:
            why = " ".join(str(error).split())
            rows |= {one.key: Row(one, None, why) for one in those}
    return [rows[deployment.key] for deployment in deployments]


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


def _look(deployments: Sequence[live.Deployment]) -> Iterator[Row]:
    """Yield the rows of deployments on one API server."""
    sky = deployments[0].sky()
    services: dict[str, interface.Service] = {}
    if any(deployment.state.kind == "service" for deployment in deployments):
        services = {service.name: service for service in sky.services()}
    machines = sky.machines()
    for deployment in deployments:
        applied, id_ = deployment.kept.applied, deployment.state.id
        if deployment.state.kind == "service":
            fewest, _ = cost.replicas(deployment.kept.spec)
            now = standing.of_service(applied, fewest, services.get(id_), machines)
        else:
            seen = clusters.Clusters(sky, base.clock).read(applied)
            cluster = sky.cluster(id_, fresh=False) if seen else None  # the read has refreshed it
            now = standing.of_cluster(id_, seen, cluster, machines)
        yield Row(deployment, now)


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


def _seconds(given: str) -> int:
    """Return a pause. Raises ArgumentTypeError."""
    if not given.isdigit() or int(given) < 1:
        raise argparse.ArgumentTypeError(f"{given} is not a number of seconds; give 1 or more")
    return int(given)
