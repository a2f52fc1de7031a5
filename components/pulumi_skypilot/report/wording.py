"""A deployment's machines and replicas in a few words, for tables and pictures."""

from .. import spec
from ..plan import cost, price_rows

OWN = price_rows.OWN_MACHINES

NOT_CHECKED = "fit not checked"
ASSUMED = "not all of it checked"
"""The words beside a verdict that is not the whole truth (plan/unchecked.py)."""


def machines(wanted: spec.Spec) -> str:
    """Return GPUs or size, places, and whether the cloud may take the machines back."""
    asked = ((wanted.cpus, "CPUs"), (wanted.memory, "GiB"))
    sizes = " ".join(f"{value} {unit}" for value, unit in asked if value)
    kinds = " or ".join(map(str, wanted.accelerators)) or sizes
    nodes = f"{wanted.nodes} machines of " if wanted.nodes > 1 else ""
    places = " or ".join(wanted.infra) or "anywhere"
    spot = ""
    if wanted.spot:
        spot = ", spot or on-demand" if wanted.spot.fallback else ", spot"
    return f"{nodes}{kinds}, {places}{spot}"


def replicas(wanted: spec.Spec) -> str:
    """Return the number of replicas in words."""
    if wanted.kind == "cluster":
        return "one cluster"
    fewest, most = cost.replicas(wanted)
    return str(fewest) if fewest == most else f"{fewest} to {most}"


def amount(costed: cost.Cost, part: cost.Range | None) -> str:
    """Return USD an hour of a part of a cost, without a unit."""
    return OWN if costed.own else cost.shown(part)


def hourly(costed: cost.Cost) -> str:
    """Return USD an hour at the fewest and at the most replicas."""
    if costed.own:
        return OWN
    if costed.fewest is None or costed.most is None:
        return "unknown"
    fewest, most = cost.shown(costed.fewest), cost.shown(costed.most)
    return fewest if fewest == most else f"{fewest}; at most {most}"
