"""`pulumi-skypilot doctor`: checks of this machine, the API server and the endpoints."""

import argparse
import contextlib
import dataclasses
import importlib.metadata
import json
import pathlib
import platform
import shutil
import socket
import sys
import urllib.parse
from collections.abc import Iterator, Sequence

from rich import table, text

from .. import errors, skypilot
from ..lifecycle import operations, server_query
from ..plan import cost
from ..providers import base
from ..skypilot import http_calls, interface
from . import backend, live, screens
from .command import Wrong

CODES = (
    "Exits with 0 when every check is well, with 1 when one has failed, with 2 when it cannot tell."
)
_LOCAL = ("127.0.0.1", "localhost", "::1")
_FREE_GIB = 5
"""Less free disk than this is a warning: the local API server keeps logs, and wheels of itself."""


@dataclasses.dataclass(frozen=True)
class Check:
    """One check, its result, and what to do if it has failed."""

    name: str
    well: bool
    detail: str
    way_out: str = ""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `doctor`."""
    live.arguments(parser, one=False)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument(
        "--api-server", metavar="URL",
        help="check this API server, if the stack has made nothing yet; default: the local one",
    )  # fmt: skip


def run(given: argparse.Namespace) -> int:
    """Print each check. Return 1 if one has failed."""
    screen = screens.screen()
    checks = list(_checks(given))
    if given.json:
        told = [dataclasses.asdict(check) for check in checks]
        sys.stdout.write(f"{json.dumps(told, indent=2)}\n")
    else:
        grid = table.Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        for head in ("check", "result", "detail"):
            grid.add_column(head, overflow="fold")
        for check in checks:
            row = (check.name, "ok" if check.well else "FAILED", check.detail)
            grid.add_row(*map(text.Text, row))
        screen.print(grid)
        for check in checks:
            if check.way_out:
                line = f"{check.name}: {check.way_out}"
                screen.print(line, markup=False, highlight=False, soft_wrap=True)
    return 0 if all(check.well for check in checks) else 1


def _checks(given: argparse.Namespace) -> Iterator[Check]:
    yield from _versions()
    deployments: Sequence[live.Deployment] = ()
    try:
        deployments = live.deployments(given.stack)
        listed = ", ".join(deployment.key for deployment in deployments) or "no deployments yet"
        yield Check("stack", True, listed)
    except Wrong as error:
        yield Check(
            "stack", False, "; ".join(error.lines),
            "go to the project's folder, log in (`pulumi login`) and choose a stack (`--stack`, or "
            "`pulumi stack select`)",
        )  # fmt: skip
    scopes = {
        (scope["apiServer"], scope.get("workspace")): scope
        for scope in (deployment.kept.scope for deployment in deployments)
        if scope
    }
    places = list(scopes) or [(given.api_server or skypilot.DEFAULT_URL, None)]
    for url, workspace in places:
        there = [one for one in deployments if (one.kept.scope or {}).get("apiServer") == url]
        yield from _server(url, workspace, there, given.stack)


def _versions() -> Iterator[Check]:
    ours = importlib.metadata.version("pulumi-skypilot")
    yield Check("pulumi-skypilot", True, f"{ours}, Python {platform.python_version()}")
    try:
        sdk = importlib.metadata.version("pulumi")
        yield Check("Pulumi", True, f"CLI {backend.version().lstrip('v')}, SDK {sdk}")
    except Wrong as error:
        way_out = "install the CLI: https://www.pulumi.com/docs/install/"
        yield Check("Pulumi", False, "; ".join(error.lines), way_out)
    yield Check("SkyPilot", True, f"client {importlib.metadata.version('skypilot')}")


def _server(
    url: str, workspace: str | None, deployments: Sequence[live.Deployment], stack: str | None
) -> Iterator[Check]:
    """Yield the checks of an API server and of what the stack has there."""
    shown = live.shown(url)
    try:
        status, body = http_calls.get(f"{url}/api/health", None, None, check_host=True)
    except errors.SkyPilotError as error:
        yield Check(
            "API server", False, str(error).replace(url, shown),
            "start it (`sky api start`) or set skypilot:apiServer; join its VPN if it has one",
        )  # fmt: skip
        yield from _endpoints(deployments)
        return
    yield _health(shown, status, body)
    sky = base.connect(live.connection(url, workspace, stack))
    try:
        server = sky.server()
        yield Check("account", True, f"user {server.user}, workspace {server.workspace}")
        yield from _clouds(sky, deployments)
    except errors.SkyPilotError as error:
        yield Check("account", False, " ".join(str(error).split()))
        yield from _endpoints(deployments)
        return
    yield from _gpus(live.connection(url, workspace, stack), deployments)
    yield from _endpoints(deployments)
    if urllib.parse.urlsplit(url).hostname in _LOCAL:
        yield _disk()


def _health(shown: str, status: int, body: str) -> Check:
    told: dict[str, object] = {}
    with contextlib.suppress(ValueError):
        content = json.loads(body)
        told = content if isinstance(content, dict) else {}
    client, server = importlib.metadata.version("skypilot"), str(told.get("version") or "")
    if status in (401, 403):
        return Check("API server", True, f"{shown} asks for a login")
    if not told.get("status"):
        return Check(
            "API server", False, f"{shown}: what answers there is no SkyPilot API server",
            "check skypilot:apiServer",
        )  # fmt: skip
    detail = f"{shown} is {told['status']}, SkyPilot {server or 'of unknown version'}"
    other = server.split(".")[:2] != client.split(".")[:2]
    way_out = f"install the same release on both sides; here it is {client}" if other else ""
    return Check("API server", not other, detail, way_out)


def _clouds(sky: interface.SkyPilot, deployments: Sequence[live.Deployment]) -> Iterator[Check]:
    """Yield whether the server has credentials for each place that a deployment names."""
    enabled = sky.places()
    listed = ", ".join(sorted(enabled)) or "none"
    yield Check(
        "credentials", bool(enabled), listed,
        "" if enabled else "set up a cloud on the API server and run `sky check` there",
    )  # fmt: skip
    named: dict[str, list[str]] = {}
    for deployment in deployments:
        for place in deployment.kept.spec.infra:
            named.setdefault(place, []).append(deployment.key)
    for place, keys in named.items():
        if not operations.is_enabled(place, enabled):
            yield Check(
                f"credentials for {place}", False, f"none; {', '.join(keys)} may run there",
                f"set them up on the API server and run `sky check {place.split('/')[0]}` there",
            )  # fmt: skip


def _gpus(
    connection: skypilot.Connection, deployments: Sequence[live.Deployment]
) -> Iterator[Check]:
    """Yield whether the server's catalogue has the machines of each deployment."""
    specs = {deployment.key: deployment.kept.spec for deployment in deployments}
    if not specs:
        return
    question = cost.question(list(specs.values()))
    offline = server_query.offline()
    answer = server_query.ask(connection, {"prices": question}, offline=offline)["prices"]
    prices = cost.read(answer)
    if prices.away:
        yield Check("machines", False, prices.away, "run the same command again")
        return
    for key, wanted in specs.items():
        costed = cost.cost(wanted, prices)
        what = " or ".join(map(str, wanted.accelerators)) or "machines without a GPU"
        if costed.unknown:
            yield Check(
                f"machines of {key}", False, f"{what}: {costed.unknown}",
                "see what the server knows with `sky gpus list`",
            )  # fmt: skip
        else:
            price = "your own" if costed.own else f"{cost.shown(costed.replica)} USD/h"
            yield Check(f"machines of {key}", True, f"{what}: {price}")


def _endpoints(deployments: Sequence[live.Deployment]) -> Iterator[Check]:
    """Yield whether each endpoint can be reached from here. No request is sent."""
    for deployment in deployments:
        endpoint, name = deployment.state.endpoint, f"endpoint of {deployment.key}"
        if endpoint is None:
            yield Check(name, False, "none yet", "run `pulumi up`")
            continue
        host = urllib.parse.urlsplit(endpoint).hostname or ""
        try:
            socket.getaddrinfo(host, None)
        except OSError as error:
            detail = f"{host} has no address ({str(error.strerror).lower()})"
            yield Check(name, False, detail, f"make a DNS entry for {host}, or change `host`")
            continue
        if http_calls.listens(endpoint):
            yield Check(name, True, endpoint)
        else:
            yield Check(
                name, False, f"{endpoint} takes no connection from here",
                "see `pulumi-skypilot status`; if it serves, open the port in the firewall, or set "
                "skypilot:serveHost or `host` to the address by which clients reach it",
            )  # fmt: skip


def _disk() -> Check:
    """Return whether the local API server has room."""
    folder = pathlib.Path("~/.sky").expanduser()
    there = folder if folder.exists() else folder.parent
    free = shutil.disk_usage(there).free / 2**30
    well = free >= _FREE_GIB
    way_out = "" if well else f"make room: the local API server writes to {folder}"
    return Check("disk of the local API server", well, f"{free:.0f} GiB free", way_out)
