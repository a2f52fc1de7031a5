"""`pulumi-skypilot logs`: a log of a deployment, without the keys in it."""

import argparse
import functools
import sys
import typing
from collections.abc import Sequence

from ..lifecycle import marker, masking
from ..skypilot import interface
from ..skypilot.interface import Log, LogPart
from . import live
from .command import Wrong

LINES = 100


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `logs`."""
    live.arguments(parser)
    parser.add_argument(
        "--replica", metavar="N", type=int,
        help="replica of a service; default: the newest that is ready, else the newest",
    )  # fmt: skip
    part = parser.add_mutually_exclusive_group()
    for name, what in (
        (LogPart.CONTROLLER, "SkyServe's controller: scaling and probes"),
        (LogPart.BALANCER, "SkyServe's load balancer"),
        (LogPart.PROVISION, "how the cloud made the machine"),
    ):
        part.add_argument(
            f"--{name.value}", dest="part", action="store_const", const=name,
            help=f"show the log of {what}",
        )  # fmt: skip
    parser.add_argument(
        "--follow", "-f", action="store_true",
        help="go on until the log ends or Ctrl-C; SkyServe then sends it from its beginning",
    )  # fmt: skip
    parser.add_argument(
        "--lines", metavar="N", type=int, default=LINES,
        help=f"show the last N lines; default: {LINES}",
    )  # fmt: skip


def run(given: argparse.Namespace) -> None:
    """Print the log, a line as soon as it comes. Raises Wrong."""
    deployment = live.one(given)
    out = sys.stdout  # the SDK's calls replace it
    with live.told():
        sky = deployment.sky()
        log = _log(sky, deployment, given)
        write = functools.partial(_write, out, deployment.secrets())
        sky.stream_log(log, write, lines=max(given.lines, 1), follow=given.follow)


def _write(out: typing.TextIO, secrets: Sequence[str], line: str) -> None:
    """Write a line without secrets: SkyServe's load balancer logs the headers of requests."""
    for secret in secrets:
        line = line.replace(secret, "***")
    out.write(f"{masking.masked(line)}\n")
    out.flush()


def _log(sky: interface.SkyPilot, deployment: live.Deployment, given: argparse.Namespace) -> Log:
    """Return the log to show. Raises Wrong if there is none."""
    if deployment.state.kind == "cluster":
        return _of_cluster(sky, deployment, given)
    service = sky.service(deployment.state.id)
    if service is None:
        raise Wrong(f"{deployment.key}: it is gone; `pulumi-skypilot status` shows what is there")
    if given.part in (LogPart.CONTROLLER, LogPart.BALANCER):
        if given.replica is not None:
            raise Wrong(f"--replica: the {given.part.value} is one for all replicas")
        return Log(given.part, service.name)
    number = _replica(deployment.key, service, given.replica)
    if given.part is LogPart.PROVISION:
        return Log(given.part, f"{service.name}-{number}")
    return Log(LogPart.REPLICA, service.name, number)


def _of_cluster(
    sky: interface.SkyPilot, deployment: live.Deployment, given: argparse.Namespace
) -> Log:
    name = deployment.state.id
    if given.replica is not None or given.part in (LogPart.CONTROLLER, LogPart.BALANCER):
        raise Wrong(
            f"{deployment.key}: it is a cluster, which has no replicas, controller or balancer"
        )
    if given.part is LogPart.PROVISION:
        return Log(given.part, name)
    cluster = sky.cluster(name, fresh=False)
    if cluster is None or cluster.status != "UP":
        state = cluster.status if cluster else "gone"
        raise Wrong(f"{deployment.key}: the cluster is {state}; a cluster that is UP has a log")
    jobs = [job for job in sky.jobs(name) if marker.read_job(job.name)[0]]
    if not jobs:
        raise Wrong(f"{deployment.key}: no server was started on the cluster; run `pulumi up`")
    return Log(LogPart.JOB, name, jobs[0].id)  # the newest


def _replica(key: str, service: interface.Service, wanted: int | None) -> int:
    """Return the id of the wanted replica, or of one that the user is told."""
    ids = sorted(replica.id for replica in service.replicas)
    if wanted is not None:
        if wanted in ids:
            return wanted
        raise Wrong(f"--replica: {key} has {_listed(ids)}, not {wanted}")
    if not ids:
        raise Wrong(f"{key}: it has no replica now; --controller shows why")
    ready = [replica.id for replica in service.replicas if replica.status == "READY"]
    chosen = max(ready or ids)
    if len(ids) > 1:
        sys.stderr.write(f"replica {chosen} of {_listed(ids)}\n")
    return chosen


def _listed(ids: Sequence[int]) -> str:
    return ", ".join(map(str, ids)) or "no replica"
