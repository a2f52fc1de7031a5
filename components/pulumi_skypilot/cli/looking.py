"""Looks at what serves a stack's deployments, for `status` and `metrics`."""

import argparse
import collections
import dataclasses
import json
from collections.abc import Iterator, Sequence

from .. import errors
from ..lifecycle import clusters, standing
from ..plan import cost, own_machines
from ..providers import base
from ..skypilot import interface
from ..spec import own_prices
from . import backend, live
from .command import Wrong

WATCH_SECONDS = 15
"""The pause between two looks; each costs the API server some seconds of CPU."""


@dataclasses.dataclass(frozen=True)
class Row:
    """A deployment and what serves it, or why that is not known."""

    deployment: live.Deployment
    now: standing.Standing | None
    unknown: str = ""


def watch_argument(parser: argparse.ArgumentParser, what: str) -> None:
    """Declare --watch, which does something again and again."""
    parser.add_argument(
        "--watch", metavar="SECONDS", type=_seconds, nargs="?", const=WATCH_SECONDS,
        help=f"{what}, with a pause of so many seconds; default: {WATCH_SECONDS}",
    )  # fmt: skip


def look(stack: str | None, *, secrets: bool = False) -> list[Row]:
    """Return what serves each deployment now, with one round of calls for each API server.

    `secrets` says whether the state is read with its keys. Raises Wrong.
    """
    deployments = live.deployments(stack, secrets=secrets)
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
    return _priced([rows[deployment.key] for deployment in deployments], stack)


def again(
    stack: str | None, earlier: Sequence[Row], *, secrets: bool = False
) -> tuple[list[Row], tuple[str, ...]]:
    """Look again; return the rows and why they are not known.

    What cannot be asked does not end a watch.
    """
    try:
        return look(stack, secrets=secrets), ()
    except Wrong as error:
        return [Row(row.deployment, None, str(error)) for row in earlier], error.lines


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


def _priced(rows: list[Row], stack: str | None) -> list[Row]:
    """Return the rows with the stack's own prices where SkyPilot has none."""
    if all(part.hourly is not None for row in rows if row.now for part in row.now.running):
        return rows
    own = _own_prices(stack)
    return [
        row if row.now is None else dataclasses.replace(row, now=_with_prices(row, row.now, own))
        for row in rows
    ]


def _with_prices(row: Row, now: standing.Standing, own: own_prices.OwnPrices) -> standing.Standing:
    wanted = row.deployment.kept.spec
    running = [
        part
        if part.hourly is not None
        else dataclasses.replace(part, hourly=own_machines.hourly(wanted, part.place, own))
        for part in now.running
    ]
    return dataclasses.replace(now, running=running)


def _own_prices(stack: str | None) -> own_prices.OwnPrices:
    """Return the prices in the stack's config; none if they are wrong, as a preview says."""
    text = backend.config("ownPrices", stack)
    try:
        return own_prices.read(json.loads(text) if text else None, "ownPrices")
    except (ValueError, errors.OwnPricesError):
        return own_prices.NONE


def _seconds(given: str) -> int:
    """Return a pause. Raises ArgumentTypeError."""
    if not given.isdigit() or int(given) < 1:
        raise argparse.ArgumentTypeError(f"{given} is not a number of seconds; give 1 or more")
    return int(given)
