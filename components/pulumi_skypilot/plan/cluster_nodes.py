"""What the nodes of one's own clusters have for a deployment, as the API server sees them. Pure.

`skypilot/nodes.py` answers. Nothing here refuses a deployment: a node may come, or be labelled,
before the model is there.
"""

import dataclasses
import typing
from collections.abc import Iterator, Mapping, Sequence

from .. import spec
from .price_rows import cloud

MANY = 3
"""The most nodes that a line names."""


@dataclasses.dataclass(frozen=True)
class Node:
    """A node of Kubernetes."""

    name: str
    gpu: str | None
    """SkyPilot's name of its GPU, by a label; None where there is no label that SkyPilot reads."""
    count: int
    """Its GPUs."""
    free: int
    """Those that are free, none where it is cordoned, not ready or tainted; -1: not known."""


@dataclasses.dataclass(frozen=True)
class Clusters:
    """The clusters of a stack's deployments, by infra string."""

    nodes: Mapping[str, tuple[Node, ...]] = dataclasses.field(default_factory=dict)
    spot: Mapping[str, bool] = dataclasses.field(default_factory=dict)
    """Whether SkyPilot takes spot machines there."""
    failed: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Why a cluster was not looked at."""
    away: str | None = None
    """The reason why nothing is known."""


def question(specs: Sequence[spec.Spec]) -> dict[str, typing.Any]:
    """Return the question to the API server about these deployments, as plain data."""
    places = [(place, wanted) for wanted in specs for place in clusters(wanted)]
    return {
        "places": {place: context(place) for place, _ in places},
        "spot": list(dict.fromkeys(place for place, wanted in places if wanted.spot)),
    }


def clusters(wanted: spec.Spec) -> tuple[str, ...]:
    """Return the infra strings of a spec that name clusters of Kubernetes."""
    return tuple(place for place in wanted.infra if cloud(place) in ("kubernetes", "ssh"))


def context(place: str) -> str | None:
    """Return the context of an infra string as SkyPilot calls it; None for its current one."""
    name = place.partition("/")[2]
    if not name:
        return None
    return f"ssh-{name.removeprefix('ssh-')}" if cloud(place) == "ssh" else name


def read(answer: Mapping[str, typing.Any]) -> Clusters:
    """Return the clusters of an answer (skypilot/nodes.py, answer) that went through JSON."""
    return Clusters(
        nodes={
            place: tuple(Node(**row) for row in rows)
            for place, rows in (answer.get("nodes") or {}).items()
        },
        spot=dict(answer.get("spot") or {}),
        failed=dict(answer.get("failed") or {}),
        away=answer.get("away"),
    )


def lines(wanted: spec.Spec, known: Clusters) -> Iterator[str]:
    """Yield what a deployment lacks in each cluster that it names, and what was not checked."""
    for place in clusters(wanted):
        if place in known.failed or place not in known.nodes:
            why = known.away or known.failed.get(place, "it did not answer")
            yield f"not checked: the nodes of {place} ({why})"
            continue
        if wanted.accelerators:
            yield from _gpus(wanted, place, known.nodes[place])
        if known.spot.get(place) is False:
            yield (
                f"spot: SkyPilot finds no spot nodes in {place}: none has a label of spot nodes "
                "that it knows, and no autoscaler is configured; write spot: false, or label them"
            )
        yield f"not checked: whether {place} gives the endpoint an address (a load balancer)"


def machines(nodes: Sequence[Node], gpu: spec.Accelerator) -> tuple[int, int | None]:
    """Return how many machines with these GPUs the nodes hold, and how many fit now; None: ask."""
    having = [node for node in nodes if node.gpu == gpu.name]
    unknown = any(node.free < 0 for node in having)
    now = None if unknown else sum(node.free // gpu.count for node in having)
    return sum(node.count // gpu.count for node in having), now


def _gpus(wanted: spec.Spec, place: str, nodes: Sequence[Node]) -> Iterator[str]:
    unlabelled = [node.name for node in nodes if node.count and not node.gpu]
    if unlabelled:
        named = ", ".join(unlabelled[:MANY])
        more = f" and {len(unlabelled) - MANY} more" if len(unlabelled) > MANY else ""
        yield (
            f"accelerators: in {place} SkyPilot does not know the GPUs of {named}{more}: they have "
            "no label that it reads; label them with `sky gpus label`"
        )
    held = {str(gpu): machines(nodes, gpu) for gpu in wanted.accelerators}
    if not any(total for total, _ in held.values()):
        there = ", ".join(has(nodes)) or "no labelled GPU"
        yield (
            f"accelerators: no node of {place} has {' or '.join(held)}; it has {there}; take one "
            "of these, unless a node comes with an autoscaler"
        )
    elif any(now is None for _, now in held.values()):
        yield f"not checked: free GPUs of {place} (the API server may not list its pods)"
    elif not any(now for _, now in held.values()):
        yield (
            f"accelerators: no node of {place} has {' or '.join(held)} free now; full, cordoned "
            "and tainted nodes do not count"
        )


def has(nodes: Sequence[Node]) -> list[str]:
    """Return the largest machine of each GPU that nodes have, by name."""
    largest: dict[str, int] = {}
    for node in nodes:
        if node.gpu and node.count:
            largest[node.gpu] = max(node.count, largest.get(node.gpu, 0))
    return [f"{gpu}:{count}" for gpu, count in sorted(largest.items())]
