"""What on an API server carries a stack's mark, and what of it no state knows. Pure.

An adopted cluster keeps the labels that it was made with, and so carries no mark: only state knows
of it.
"""

import dataclasses
from collections.abc import Collection, Iterator, Mapping, Sequence

from ..skypilot import interface
from . import marker, ownership


@dataclasses.dataclass(frozen=True)
class Marked:
    """A remote object that a stack has made."""

    name: str
    kind: str
    """service, cluster, or the replica of a service."""
    status: str
    mark: str
    since: float | None = None
    """When its machine was launched, the oldest of a service's; in seconds since 1970."""
    listed: bool = True
    """Whether SkyServe lists a replica; one that it does not, nobody takes down."""
    taken_by: str | None = None
    """The service that lists a replica, where that is not the stack's, or not any more."""


def marked(
    services: Sequence[interface.Service], machines: Sequence[interface.Machine]
) -> tuple[Marked, ...]:
    """All that carries some stack's mark, by name.

    Ask for the machines first: a replica that is younger than the answer is then listed with its
    service.
    """
    by_machine = listed(services)
    found = list(_services(services, machines))
    for one in machines:
        mark = one.labels.get(marker.LABEL)
        if mark is not None:
            kind = "replica" if ownership.is_replica_name(one.name) else "cluster"
            service = by_machine.get(one.name)
            stranger = service is not None and marker.owner(service) != mark
            found.append(
                Marked(
                    name=one.name,
                    kind=kind,
                    status=one.status,
                    mark=mark,
                    since=one.launched_at,
                    listed=service is not None,
                    taken_by=service.name if service and stranger else None,
                )
            )
    return tuple(sorted(found, key=lambda one: one.name))


def listed(services: Sequence[interface.Service]) -> Mapping[str, interface.Service]:
    """Return the machines of replicas that the services list, each with its service."""
    return {machine: one for one in services for machine in ownership.replica_names(one)}


def unknown(found: Collection[Marked], known: Collection[str]) -> tuple[Marked, ...]:
    """What is left without those services and clusters, and the replicas that these have."""
    return tuple(
        one
        for one in found
        if one.name not in known
        and not (one.kind == "replica" and one.listed and one.name.rpartition("-")[0] in known)
    )


def _services(
    services: Sequence[interface.Service], machines: Sequence[interface.Machine]
) -> Iterator[Marked]:
    for one in services:
        mark = marker.owner(one)
        if mark is not None:
            own = ownership.Replicas(one.name, mark)
            own.record(one, machines)
            times = [m.launched_at for m in machines if own.owns(m)]
            since = min((time for time in times if time is not None), default=None)
            yield Marked(one.name, "service", one.status, mark, since)
