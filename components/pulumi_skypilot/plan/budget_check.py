"""Whether a stack keeps to its budget.

Pure. A budget is held to the most replicas at the dearest place that the specs allow. A price that
is not known fails it too, unless the budget says `unknown: allow`: what was not counted may cost
anything.
"""

import dataclasses
from collections.abc import Iterator, Mapping

from ..spec.budget import Budget
from . import cost, offers


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What a budget makes of a stack, in lines."""

    errors: tuple[str, ...] = ()
    """Why the stack is refused; none when it keeps to the budget."""
    warnings: tuple[str, ...] = ()
    """What was not counted, by the budget's leave."""
    kept: tuple[str, ...] = ()
    """How much of each limit is used; none when the stack is refused."""


def check(costs: Mapping[str, cost.Cost], budget: Budget) -> Verdict:
    """Return what the budget makes of these deployments: by name, what each costs."""
    if not budget:
        return Verdict()
    over = tuple(_over(costs, budget))
    unknown = tuple(_unknown(costs))
    if budget.allows_unknown:
        warnings = tuple(
            f"{budget.where}: not counted, as unknown: allow says: {names}: {why}"
            for why, names in unknown
        )
        return Verdict(over, warnings, () if over else tuple(_kept(costs, budget)))
    cannot = tuple(
        f"{budget.where}: it cannot be checked: {why}, so the price of {names} is unknown; see to "
        f"that, or leave it out by `unknown: allow` in {budget.where}"
        for why, names in unknown
    )
    refused = (*over, *cannot)
    return Verdict(refused, kept=() if refused else tuple(_kept(costs, budget)))


def _limits(
    costs: Mapping[str, cost.Cost], budget: Budget
) -> Iterator[tuple[str, float, float, float, str]]:
    """Each limit: its key, its amount, what the stack comes to, hours and unit."""
    _, most, _ = cost.total(list(costs.values()))
    for key, limit, hours, unit in (
        ("hourly", budget.hourly, 1, "an hour"),
        ("monthly", budget.monthly, cost.HOURS_A_MONTH, "a month"),
    ):
        if limit is not None:
            yield key, limit, most.high * hours, hours, unit


def _over(costs: Mapping[str, cost.Cost], budget: Budget) -> Iterator[str]:
    """A line for each limit that what is known is over already."""
    known = {name: costed.most.high for name, costed in costs.items() if costed.most}
    dearest = sorted(known, key=lambda name: (-known[name], name))[:3]
    uncounted = sum(bool(costed.unpriced) for costed in costs.values())
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
    """Each reason why a price is unknown, and the deployments that it holds for."""
    reasons: dict[str, list[str]] = {}
    for name, costed in costs.items():
        for why, alternatives in offers.by_reason(costed.unpriced).items():
            reasons.setdefault(why, []).append(f"{name} ({alternatives})")
    for why, names in reasons.items():
        yield why, ", ".join(names)
