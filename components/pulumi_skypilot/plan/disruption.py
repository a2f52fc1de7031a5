"""What a change does to what is running, and what it costs while it lasts. Pure.

The effects are those of changes.py; how many replicas, and the money, are the spec's and cost.py's.
"""

import dataclasses
import math
import typing

from .. import spec
from . import cost, scaling, task, waits

Happens = typing.Literal[
    "starts", "in place", "rolls", "restarts", "replaces", "stops", "unchanged"
]


AWAY = "nothing answers meanwhile"
REFUSES = "SkyServe may answer 503 for up to 20 s while it takes this"
"""Of every change of a service in place: plan/changes.py says why."""


@dataclasses.dataclass(frozen=True)
class Side:
    """A deployment before or after, and what it costs then."""

    spec: spec.Spec
    cost: cost.Cost
    task: typing.Mapping[str, typing.Any] | None = None
    """The task that runs, where it is known: a refresh may have found another than the spec's."""
    drifted: bool = False
    """Whether a refresh has found it changed outside of the stack."""


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
    if before.drifted and before.task is None:
        text = "what was changed outside this stack is put right, and replicas may stop for it"
        return Disruption("in place", f"{text}; {REFUSES}", _more(before, after))
    if _section(before) == _section(after):
        return Disruption("in place", "nothing that runs is touched")
    found = scaling.outcome(_policy(before), _policy(after))
    parts = [_stopped(found)]
    if found.grown:
        parts.append(f"{found.grown} more {_verb('start', found.grown)}")
    if found.none_left:
        alone = "" if found.sure else "where no more run, "
        parts.append(
            f"{alone}{AWAY if cost.replicas(after.spec)[1] else 'nothing serves any more'}"
        )
    text = "; ".join([*parts, REFUSES])
    return Disruption("in place", text, _more(before, after), away=found.none_left)


def _stopped(found: scaling.Outcome) -> str:
    """Say how many replicas stop, at the most, and whether others take their place."""
    lost, idle, substitutes = found.worst.stopped, found.idle, found.worst.started
    if not lost and not idle:
        return "no running replica stops"
    unasked = "without downscaleDelay, if the requests of the last minute do not need "
    unasked += "it" if idle == 1 else "them"
    if not lost:
        return f"up to {_counted(idle)} {_verb('stop', idle)} at once, {unasked}"
    of = f"{lost} of {_counted(found.worst.now.total)}" if found.sure else f"up to {_counted(lost)}"
    text = f"{of} {_verb('stop', lost)} at once"
    if substitutes:
        place = "its" if lost == 1 else "their"
        text += f", before what takes {place} place ({substitutes}) is ready"
    return f"{text}; up to {idle}, {unasked}" if idle > lost else text


def _counted(count: int) -> str:
    return f"{count} running {'replica' if count == 1 else 'replicas'}"


def _verb(verb: str, count: int) -> str:
    return f"{verb}s" if count == 1 else verb


def _policy(side: Side) -> scaling.Policy:
    return scaling.of_spec(side.spec) if side.task is None else scaling.of_task(side.task)


def _section(side: Side) -> object:
    return task.service(side.spec) if side.task is None else side.task.get("service")


def _rolls(before: Side, after: Side) -> Disruption:
    was, now = _least(before), _least(after)
    if was == 0 and now == 0:
        return Disruption("rolls", "what runs now is replaced; at rest nothing runs")
    minutes = _minutes(waits.timeout_seconds(after.spec))
    old = f"the {was} that serve now go" if was > 1 else "what serves now goes"
    text = (
        f"{_begin(now, after)} beside the old; {old} when the new answer, for which `up` waits up "
        f"to {minutes} min; requests go on being answered"
    )
    return Disruption("rolls", text, after.cost.fewest)


def _restarts(_before: Side, after: Side) -> Disruption:
    minutes = _minutes(waits.restart_seconds(after.spec))
    return Disruption(
        "restarts",
        f"the server stops, the new one starts on the same machine: {AWAY} (up to {minutes} min, "
        "then the earlier one is started again)",
        away=True,
    )


def _minutes(seconds: float) -> int:
    return math.ceil(seconds / 60)


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
