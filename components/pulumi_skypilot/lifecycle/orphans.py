"""The objects on an API server that carry a stack's mark, and those that no state knows. Pure.

An adopted cluster keeps the labels that it was made with, so it carries no mark: only state knows
it.
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
    """When its oldest machine was launched, in seconds since 1970."""
    listed: bool = True
    """Whether SkyServe lists a replica; nobody takes down one that it does not list."""
    taken_by: str | None = None
    """The service that lists a replica, if that service is not, or no longer, the stack's."""


def marked(
    services: Sequence[interface.Service], machines: Sequence[interface.Machine]
) -> tuple[Marked, ...]:
    """Return every object that carries a stack's mark, sorted by name.

    Ask for the machines before the services: the service of each replica is then listed.
    """
    by_machine = listed(services)
    objects = list(_services(services, machines))
    for machine in machines:
        mark = machine.labels.get(marker.LABEL)
        if mark is not None:
            kind = "replica" if ownership.is_replica_name(machine.name) else "cluster"
            service = by_machine.get(machine.name)
            stranger = service is not None and marker.owner(service) != mark
            objects.append(
                Marked(
                    name=machine.name,
                    kind=kind,
                    status=machine.status,
                    mark=mark,
                    since=machine.launched_at,
                    listed=service is not None,
                    taken_by=service.name if service and stranger else None,
                )
            )
    return tuple(sorted(objects, key=lambda entry: entry.name))


def listed(services: Sequence[interface.Service]) -> Mapping[str, interface.Service]:
    """Return the names of the replicas' machines that the services list, each with its service."""
    return {
        machine: service for service in services for machine in ownership.replica_names(service)
    }


def unknown(objects: Collection[Marked], known_names: Collection[str]) -> tuple[Marked, ...]:
    """Return the objects without the known services and clusters, and without their replicas."""
    return tuple(
        entry
        for entry in objects
        if entry.name not in known_names
        and not (
            entry.kind == "replica"
            and entry.listed
            and entry.name.rpartition("-")[0] in known_names
        )
    )


def _services(
    services: Sequence[interface.Service], machines: Sequence[interface.Machine]
) -> Iterator[Marked]:
    for service in services:
        mark = marker.owner(service)
        if mark is not None:
            own = ownership.Replicas(service.name, mark)
            own.record(service, machines)
            times = [m.launched_at for m in machines if own.owns(m)]
            since = min((time for time in times if time is not None), default=None)
            yield Marked(service.name, "service", service.status, mark, since)
