"""What a change does to what is running, and what it costs while it lasts. Pure.

The effects are those of changes.py; how many replicas, and the money, are the spec's and cost.py's.
"""

import dataclasses
import typing

from . import cost, spec

Happens = typing.Literal[
    "starts", "in place", "rolls", "restarts", "replaces", "stops", "unchanged"
]


AWAY = "nothing answers meanwhile"


@dataclasses.dataclass(frozen=True)
class Side:
    """A deployment before or after, and what it costs then."""

    spec: spec.Spec
    cost: cost.Cost


@dataclasses.dataclass(frozen=True)
class Disruption:
    """What happens to one deployment, in one line, and the money that it takes meanwhile."""

    happens: Happens
    text: str
    extra: cost.Range | None = None
    """USD an hour beside what runs now, while the change lasts; None: nothing, or unknown."""
    away: bool = False
    """Whether nothing answers for a time."""


def disruption(happens: Happens, before: Side | None, after: Side | None) -> Disruption:
    """What the change from one side to the other does."""
    if after is None:
        return _stops(before)
    if before is None:
        return _starts(after)
    return _CHANGES[happens](before, after)


def _starts(after: Side) -> Disruption:
    count = _least(after)
    if count == 0:
        wakes = "; the first request wakes a replica" if cost.replicas(after.spec)[1] else ""
        return Disruption("starts", f"it is registered, and no replica starts{wakes}")
    return Disruption(
        "starts", f"{_begin(count, after)}; nothing else is touched", after.cost.fewest
    )


def _stops(before: Side | None) -> Disruption:
    saved = f" and saves {cost.shown(before.cost.fewest)} USD/h" if _known(before) else ""
    return Disruption("stops", f"it is taken down for good{saved}", away=True)


def _same(_before: Side, _after: Side) -> Disruption:
    return Disruption("unchanged", "it stays as it is")


def _in_place(before: Side, after: Side) -> Disruption:
    if after.spec.kind == "cluster":
        return Disruption("in place", "the server is not touched")
    was, now = _least(before), _least(after)
    text = "running replicas are not touched"
    if now > was:
        return Disruption("in place", f"{text}; {now - was} more start", _more(before, after))
    if now < was:
        return Disruption("in place", f"{text}, but {was - now} of them may now be stopped")
    return Disruption("in place", text)


def _rolls(before: Side, after: Side) -> Disruption:
    was, now = _least(before), _least(after)
    if was == 0 and now == 0:
        return Disruption("rolls", "what runs now is replaced; at rest nothing runs")
    minutes = after.spec.readiness_probe.initial_delay // 60
    old = f"the {was} that serve now go" if was > 1 else "what serves now goes"
    text = (
        f"{_begin(now, after)} beside the old; {old} when the new answer, which they must within "
        f"{minutes} min; requests go on being answered"
    )
    return Disruption("rolls", text, after.cost.fewest)


def _restarts(_before: Side, after: Side) -> Disruption:
    minutes = after.spec.readiness_probe.initial_delay // 60
    return Disruption(
        "restarts",
        f"the server stops, the new one starts on the same machine: {AWAY} (up to {minutes} min)",
        away=True,
    )


def _replaces(_before: Side, after: Side) -> Disruption:
    count = _least(after)
    first = "all of it is taken down first, then "
    then = _begin(count, after) if count else "it is registered anew"
    return Disruption(
        "replaces", f"{first}{then}: {AWAY}, and the address may be another",
        away=True,
    )  # fmt: skip


_CHANGES: dict[str, typing.Callable[[Side, Side], Disruption]] = {
    "unchanged": _same,
    "in place": _in_place,
    "rolls": _rolls,
    "restarts": _restarts,
    "replaces": _replaces,
}


def _least(side: Side) -> int:
    return cost.replicas(side.spec)[0]


def _begin(count: int, side: Side) -> str:
    if side.spec.kind == "cluster":
        return "the cluster starts"
    of = " or ".join(map(str, side.spec.accelerators))
    each = f" of {of}" if of else ""
    return f"{count} new replicas{each} start" if count > 1 else f"1 new replica{each} starts"


def _more(before: Side, after: Side) -> cost.Range | None:
    if before.cost.fewest is None or after.cost.fewest is None:
        return None
    return cost.Range(
        max(after.cost.fewest.low - before.cost.fewest.low, 0),
        max(after.cost.fewest.high - before.cost.fewest.high, 0),
    )


def _known(side: Side | None) -> typing.TypeGuard[Side]:
    return side is not None and bool(side.cost.fewest and side.cost.fewest.high)
