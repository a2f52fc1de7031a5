"""What serves a deployment now: its replicas or its cluster, and how far it is as applied. Pure.

It asks no endpoint: SkyServe counts every request as traffic and would start replicas for it.
"""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence

from ..skypilot import interface
from . import marker, operations, service_drift

GONE = "GONE"
"""The status of what is not there any more, or is somebody else's now."""
_READY = {"service": "READY", "cluster": "UP"}
_ENDED = ("SHUTTING_DOWN",)


@dataclasses.dataclass(frozen=True)
class Running:
    """A replica of a service, or a cluster, with its machines."""

    name: str
    """Its cluster."""
    status: str
    version: int | None = None
    place: str = ""
    spot: bool = False
    since: float | None = None
    """When its machine was made, in seconds since 1970; None until then."""
    hourly: float | None = None
    """USD an hour; None where SkyPilot has no price."""
    endpoint: str | None = None
    """Where it answers itself, past the load balancer; None for a cluster's: clients use it."""


@dataclasses.dataclass(frozen=True)
class Standing:
    """What serves a deployment now."""

    status: str
    fewest: int
    """The replicas that the stack asks for at least."""
    version: int | None = None
    running: Sequence[Running] = ()
    ready: int = 0
    drift: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """What somebody has changed outside the stack, by key."""

    @property
    def well(self) -> bool:
        """Return whether it serves as the stack says.

        A cluster that has stopped itself is well: nobody asked it.
        """
        return not self.drift and self.status != GONE and self.ready >= self.fewest

    @property
    def hourly(self) -> float | None:
        """Return USD an hour of all that runs; None if SkyPilot has no price of a part."""
        prices = [part.hourly for part in self.running]
        return sum(price for price in prices if price is not None) if None not in prices else None

    @property
    def last_start(self) -> float | None:
        """Return when the newest machine was made: SkyServe keeps no record of other scaling."""
        return max((part.since for part in self.running if part.since is not None), default=None)


def of_service(
    applied: marker.Applied,
    fewest: int,
    service: interface.Service | None,
    machines: Iterable[interface.Machine],
) -> Standing:
    """Return the standing of a service."""
    seen = service_drift.seen(applied, service)
    if service is None or seen is None:
        ending = service is not None and service.status in _ENDED
        return Standing(service.status if service and ending else GONE, fewest)
    known = {machine.name: machine for machine in machines}
    replicas = sorted(service.replicas, key=lambda replica: replica.id)
    running = [_replica(f"{service.name}-{one.id}", one, known) for one in replicas]
    return Standing(
        status=service.status,
        fewest=fewest,
        version=service.version,
        running=running,
        ready=sum(part.status == _READY["service"] for part in running),
        drift=seen.drift,
    )


def of_cluster(
    name: str,
    seen: operations.Seen | None,
    cluster: interface.Cluster | None,
    machines: Iterable[interface.Machine],
) -> Standing:
    """Return the standing of a cluster, given what a read of it has shown."""
    if seen is None or cluster is None:
        return Standing(GONE, 1)
    machine = next((machine for machine in machines if machine.name == name), None)
    up = cluster.status == _READY["cluster"]
    part = Running(
        name=name,
        status=cluster.status,
        place=machine.infra if machine else "",
        spot=machine.spot if machine else False,
        since=cluster.launched_at,
        hourly=machine.hourly if machine and up else 0.0,
    )
    away = cluster.status in ("STOPPED", "AUTOSTOPPING")
    serves = up and "server" not in seen.drift
    return Standing(
        status=cluster.status,
        fewest=0 if away else 1,
        running=[part],
        ready=int(serves),
        drift=seen.drift,
    )


def _replica(
    name: str, replica: interface.Replica, machines: Mapping[str, interface.Machine]
) -> Running:
    machine = machines.get(name)
    paid = replica.launched and machine is not None
    return Running(
        name=name,
        status=replica.status,
        version=replica.version,
        place=replica.infra,
        spot=replica.spot,
        since=replica.launched_at,
        hourly=machine.hourly if machine and paid else 0.0,
        endpoint=replica.endpoint,
    )
