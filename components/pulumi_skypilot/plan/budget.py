"""The most that a stack may cost, and whether it keeps to that.

Pure. A budget is held to the most replicas at the dearest place that the specs allow. A price that
is not known fails it too, unless the budget says `unknown: allow`: what was not counted may cost
anything.
"""

import dataclasses
import typing
from collections.abc import Iterator, Mapping

from ..catalog import suggest
from ..spec import readers
from . import cost, offers

LIMITS = ("hourly", "monthly")
UNKNOWN = ("fail", "allow")
KEYS = (*LIMITS, "unknown")
EXAMPLE = "{hourly: 40} or {monthly: 20000}"


class WrongError(ValueError):
    """A budget that cannot be read, one line a mistake."""

    def __init__(self, *lines: str) -> None:
        """Each mistake's line, beginning with the place to mend."""
        super().__init__("\n".join(lines))
        self.lines = lines


@dataclasses.dataclass(frozen=True)
class Budget:
    """The most that a stack may cost, in USD; no limit, and no budget, by default."""

    hourly: float | None = None
    monthly: float | None = None
    allows_unknown: bool = False
    """A deployment of unknown cost is left out, instead of failing the preview."""
    where: str = "budget"
    """The name by which a user knows it, which begins every line about it."""

    def __bool__(self) -> bool:
        """Whether there is anything to keep to."""
        return self.hourly is not None or self.monthly is not None


NONE = Budget()
"""No budget."""


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What a budget makes of a stack, in lines."""

    errors: tuple[str, ...] = ()
    """Why the stack is refused; none when it keeps to the budget."""
    warnings: tuple[str, ...] = ()
    """What was not counted, by the budget's leave."""
    kept: tuple[str, ...] = ()
    """How much of each limit is used; none when the stack is refused."""


def read(value: object, where: str) -> Budget:
    """Return the budget that a value means, which a user calls `where`; none for None.

    Raises WrongError with every mistake in it.
    """
    if value is None:
        return Budget(where=where)
    if not isinstance(value, Mapping):
        raise WrongError(f"{where}: {_shown(value)} is not a table of USD; write {EXAMPLE}")
    given = {str(key): item for key, item in value.items() if item is not None}
    lines = [line for key, item in given.items() for line in _problems(where, key, item)]
    if not lines and not given.keys() & set(LIMITS):
        lines = [f"{where}: it has no limit; write {EXAMPLE}"]
    if lines:
        raise WrongError(*map(readers.one_line, lines))
    limits = {key: float(str(given[key])) for key in LIMITS if key in given}
    return Budget(**limits, allows_unknown=given.get("unknown") == "allow", where=where)


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


def _problems(where: str, key: str, value: object) -> Iterator[str]:
    if key not in KEYS:
        yield f"{where}.{readers.shown(key)}: unknown key; {suggest.did_you_mean(key, KEYS)}"
    elif key == "unknown":
        if value not in UNKNOWN:
            yield f"{where}.{key}: {_shown(value)} is neither fail nor allow"
    else:
        amount = readers.written(value)
        is_number = isinstance(amount, int | float) and not isinstance(amount, bool)
        if not is_number or not 0 < typing.cast("float", amount) < readers.LARGEST:
            yield f"{where}.{key}: {_shown(value)} is no amount of USD; write {EXAMPLE}"


def _shown(value: object) -> str:
    """A value as an error names it; a text in quotes, for it may look like a number."""
    return repr(value[:60]) if isinstance(value, str) else readers.shown(value)


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
    known = {name: one.most.high for name, one in costs.items() if one.most}
    dearest = sorted(known, key=lambda name: (-known[name], name))[:3]
    uncounted = sum(bool(one.unpriced) for one in costs.values())
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
    for name, one in costs.items():
        for why, alternatives in offers.by_reason(one.unpriced).items():
            reasons.setdefault(why, []).append(f"{name} ({alternatives})")
    for why, names in reasons.items():
        yield why, ", ".join(names)
