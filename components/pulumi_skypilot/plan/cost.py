"""The cost of a deployment an hour, by the prices in the API server's catalogue.

Pure. `skypilot/prices.py` reads prices once a preview. They are no inputs of a resource, so that a
new price is never a change. An unknown price is None with the reason. It fails nothing but a budget
(budget_check.py).
"""

import dataclasses
from collections.abc import Iterator, Sequence

from .. import spec
from . import offers
from .offers import CONTROLLER, question
from .price_rows import Prices, Row, Unpriced, machine, read

__all__ = [
    "CONTROLLER",
    "HOURS_A_MONTH",
    "Cost",
    "Prices",
    "Range",
    "Row",
    "Unpriced",
    "controller",
    "cost",
    "machine",
    "money",
    "question",
    "read",
    "replicas",
    "shown",
    "total",
]

HOURS_A_MONTH = 730


@dataclasses.dataclass(frozen=True)
class Range:
    """USD an hour, from the cheapest to the dearest place that the spec allows."""

    low: float
    high: float

    def __add__(self, other: "Range") -> "Range":
        return Range(self.low + other.low, self.high + other.high)

    def times(self, factor: float) -> "Range":
        """Return this range for so many machines."""
        return Range(self.low * factor, self.high * factor)


@dataclasses.dataclass(frozen=True)
class Cost:
    """The cost of one deployment in USD an hour; None with a reason where it is unknown."""

    replica: Range | None
    """One replica, all its nodes."""
    fewest: Range | None
    most: Range | None
    unknown: str | None = None
    notes: tuple[str, ...] = ()
    unpriced: tuple[Unpriced, ...] = ()
    """The alternatives that the ranges leave out."""
    own: bool = False
    """Whether all are machines of one's own without a price: nothing is counted."""

    @property
    def uncounted(self) -> tuple[Unpriced, ...]:
        """Return the alternatives that may cost anything: those that are not one's own."""
        return tuple(alternative for alternative in self.unpriced if not alternative.own)


def cost(wanted: spec.Spec, prices: Prices) -> Cost:
    """Return the cost of a deployment at its fewest and at its most replicas."""
    fewest, most = replicas(wanted)
    unpriced = _unpriced(wanted, prices) if most else ()
    if prices.away and any(not gap.own for gap in _unpriced(wanted, prices)):
        return Cost(None, None, None, prices.away, unpriced=unpriced)
    regular = _range(wanted, prices, spot=False)
    each, notes = regular, tuple(_uncounted(unpriced))
    if wanted.spot:
        each = _range(wanted, prices, spot=True)
        if wanted.spot.fallback and regular:
            if each is None:
                notes = (*notes, f"on-demand prices, since {_why(wanted, prices, spot=True)}")
            each = Range((each or regular).low, max((each or regular).high, regular.high))
        elif wanted.spot.fallback:
            each = None
    always = (wanted.spot.on_demand if wanted.spot else None) or 0
    if each is None or (always and regular is None):
        spot = each is None and _spot_alone(wanted)
        gaps = _unpriced(wanted, prices)
        if gaps and all(gap.own for gap in gaps):
            return Cost(None, None, None, unpriced=unpriced, own=True)
        return Cost(None, None, None, _why(wanted, prices, spot=spot), unpriced=unpriced)

    def of(count: int) -> Range:
        fixed = min(always, count)
        total = each.times(count - fixed) + (regular or each).times(fixed)
        return total.times(wanted.nodes)

    return Cost(each.times(wanted.nodes), of(fewest), of(most), notes=notes, unpriced=unpriced)


def total(costs: Sequence[Cost]) -> tuple[Range, Range, int]:
    """Return the cost of a stack at the fewest and at the most replicas.

    The third value is the number of deployments whose cost is unknown. Machines of one's own
    without a price are not among these.
    """
    known = [costed for costed in costs if costed.fewest is not None and costed.most is not None]
    nothing = Range(0.0, 0.0)
    fewest = sum((costed.fewest for costed in known if costed.fewest), nothing)
    most = sum((costed.most for costed in known if costed.most), nothing)
    return fewest, most, len(costs) - len(known) - sum(costed.own for costed in costs)


def controller(wanted: spec.Spec, prices: Prices) -> float | None:
    """Return USD an hour of SkyServe's controller; None where that is unknown.

    It runs on a machine of its own, in the deployment's place.
    """
    return prices.machines.get(offers.controller(wanted))


def replicas(wanted: spec.Spec) -> tuple[int, int]:
    """Return the fewest and the most replicas that run; a cluster counts as one."""
    if wanted.kind == "cluster":
        return 1, 1
    spare = wanted.replicas.overprovision or 0
    return wanted.replicas.min + spare, wanted.replicas.max + spare


def money(amount: float) -> str:
    """Return an amount as people write it: with cents below 100."""
    return f"{amount:,.2f}" if amount < 100 else f"{amount:,.0f}"


def shown(range_: Range | None) -> str:
    """Return a range as people write it, without a unit."""
    if range_ is None:
        return "unknown"
    low, high = money(range_.low), money(range_.high)
    return low if low == high else f"{low} to {high}"


def _range(wanted: spec.Spec, prices: Prices, *, spot: bool) -> Range | None:
    """Return the range over all places that have a price."""
    rates = offers.rates(wanted, prices, spot=spot)
    return Range(min(rates), max(rates)) if rates else None


def _unpriced(wanted: spec.Spec, prices: Prices) -> tuple[Unpriced, ...]:
    """Return the alternatives without a price in the dearest market that the spec allows."""
    alone = _spot_alone(wanted)
    unpriced = offers.unpriced(wanted, prices, spot=alone)
    if alone and wanted.spot and wanted.spot.on_demand:
        unpriced += offers.unpriced(wanted, prices, spot=False)
    return tuple(dict.fromkeys(unpriced))


def _spot_alone(wanted: spec.Spec) -> bool:
    """Return whether no on-demand machine replaces a lost spot machine."""
    return wanted.spot is not None and not wanted.spot.fallback


def _why(wanted: spec.Spec, prices: Prices, *, spot: bool) -> str:
    """Return why there is no price at all in that market."""
    reasons = (alternative.why for alternative in offers.unpriced(wanted, prices, spot=spot))
    return "; ".join(dict.fromkeys(reasons))


def _uncounted(unpriced: Sequence[Unpriced]) -> Iterator[str]:
    """Yield a note for each reason."""
    for why, alternatives in offers.by_reason(unpriced).items():
        yield f"nothing is counted for {alternatives} ({why})"
