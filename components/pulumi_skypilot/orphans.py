"""What on an API server carries a stack's mark, and what of it no state knows. Pure.

An adopted cluster keeps the labels that it was made with, and so carries no mark: only state knows
of it.
"""

import dataclasses
import re
from collections.abc import Collection, Iterator, Sequence

from . import marker, port


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


def marked(
    services: Sequence[port.Service], machines: Sequence[port.Machine]
) -> tuple[Marked, ...]:
    """All that carries some stack's mark, by name.

    Ask for the machines first: a replica that is younger than the answer is then listed with its
    service.
    """
    replicas = {f"{one.name}-{replica.id}" for one in services for replica in one.replicas}
    found = list(_services(services, machines))
    for one in machines:
        mark = one.labels.get(marker.LABEL)
        if mark is not None:
            kind = "replica" if one.managed else "cluster"
            listed = one.name in replicas
            found.append(Marked(one.name, kind, one.status, mark, one.launched_at, listed))
    return tuple(sorted(found, key=lambda one: one.name))


def unknown(found: Collection[Marked], known: Collection[str]) -> tuple[Marked, ...]:
    """What is left without those services and clusters, and the replicas that these have."""
    return tuple(
        one
        for one in found
        if one.name not in known
        and not (one.kind == "replica" and one.listed and one.name.rpartition("-")[0] in known)
    )


def _services(
    services: Sequence[port.Service], machines: Sequence[port.Machine]
) -> Iterator[Marked]:
    for one in services:
        mark = marker.owner(one)
        if mark is not None:
            ours = re.compile(rf"{re.escape(one.name)}-\d+")
            times = [m.launched_at for m in machines if m.managed and ours.fullmatch(m.name)]
            since = min((time for time in times if time is not None), default=None)
            yield Marked(one.name, "service", one.status, mark, since)
