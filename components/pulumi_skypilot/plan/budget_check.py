"""The check of a stack against its budget.

Pure. A budget is compared with the most replicas at the dearest place that the specs allow. An
unknown price exceeds it too, unless the budget says `unknown: allow`: what was not counted may cost
anything.
"""

import dataclasses
from collections.abc import Iterator, Mapping

from ..spec.budget import Budget
from . import cost, offers, price_rows


@dataclasses.dataclass(frozen=True)
class Verdict:
    """The result of the check, in lines."""

    errors: tuple[str, ...] = ()
    """Reasons for the refusal; none when the stack keeps to the budget."""
    warnings: tuple[str, ...] = ()
    """Costs that were not counted, because the budget allows that."""
    kept: tuple[str, ...] = ()
    """The used part of each limit; none when the stack is refused."""


def check(costs: Mapping[str, cost.Cost], budget: Budget) -> Verdict:
    """Return the verdict on these deployments: by name, the cost of each."""
    if not budget:
        return Verdict()
    over = tuple(_over(costs, budget))
    unknown, own = tuple(_unknown(costs)), tuple(_own(costs, budget))
    if budget.allows_unknown:
        warnings = tuple(
            f"{budget.where}: not counted, as unknown: allow says: {names}: {why}"
            for why, names in unknown
        )
        return Verdict(over, (*warnings, *own), () if over else tuple(_kept(costs, budget)))
    cannot = tuple(
        f"{budget.where}: it cannot be checked: {why}, so the price of {names} is unknown; solve "
        f"that, or write `unknown: allow` in {budget.where}"
        for why, names in unknown
    )
    refused = (*over, *cannot)
    return Verdict(refused, own, () if refused else tuple(_kept(costs, budget)))


def _limits(
    costs: Mapping[str, cost.Cost], budget: Budget
) -> Iterator[tuple[str, float, float, float, str]]:
    """Yield each limit: its key, its amount, the cost of the stack, hours and unit."""
    _, most, _ = cost.total(list(costs.values()))
    for key, limit, hours, unit in (
        ("hourly", budget.hourly, 1, "an hour"),
        ("monthly", budget.monthly, cost.HOURS_A_MONTH, "a month"),
    ):
        if limit is not None:
            yield key, limit, most.high * hours, hours, unit


def _over(costs: Mapping[str, cost.Cost], budget: Budget) -> Iterator[str]:
    """Yield a line for each limit that the known cost alone exceeds."""
    known = {name: costed.most.high for name, costed in costs.items() if costed.most}
    dearest = sorted(known, key=lambda name: (-known[name], name))[:3]
    uncounted = sum(bool(costed.uncounted) for costed in costs.values())
    for key, limit, amount, hours, unit in _limits(costs, budget):
        if amount <= limit:
            continue
        named = ", ".join(f"{name} {cost.money(known[name] * hours)}" for name in dearest)
        doubt = f" ({uncounted} of unknown cost not counted)" if uncounted else ""
        yield (
            f"{budget.where}.{key}: {cost.money(amount)} USD {unit} at the most replicas{doubt} is "
            f"over {cost.money(limit)}; most goes to {named}; lower replicas.max, take other GPUs "
            "or raise the budget"
        )


def _kept(costs: Mapping[str, cost.Cost], budget: Budget) -> Iterator[str]:
    for key, limit, amount, _, unit in _limits(costs, budget):
        yield (
            f"{budget.where}.{key}: {cost.money(amount)} of {cost.money(limit)} USD {unit} at the "
            "most replicas"
        )


def _unknown(costs: Mapping[str, cost.Cost]) -> Iterator[tuple[str, str]]:
    """Yield each reason why a price is unknown, and the deployments that it holds for."""
    reasons: dict[str, list[str]] = {}
    for name, costed in costs.items():
        for why, alternatives in offers.by_reason(costed.uncounted).items():
            reasons.setdefault(why, []).append(f"{name} ({alternatives})")
    for why, names in reasons.items():
        yield why, ", ".join(names)


def _own(costs: Mapping[str, cost.Cost], budget: Budget) -> Iterator[str]:
    """Yield a line about machines of one's own that have no price."""
    names = [
        f"{name} ({alternatives})"
        for name, costed in costs.items()
        for alternatives in offers.by_reason(
            [alternative for alternative in costed.unpriced if alternative.own]
        ).values()
    ]
    if names:
        own = price_rows.OWN_MACHINES
        yield f"{budget.where}: nothing is counted for {', '.join(names)}: {own}"
