"""The effect of a change on what is running, and its cost while it lasts. Pure.

changes.py has the effects. The number of replicas follows from the spec, and cost.py has the money.
"""

import dataclasses
import math
import typing
from collections.abc import Callable, Iterable, Mapping

from .. import spec
from . import cost, scaling, waits
from .changes import Change, Effect

AWAY = "nothing answers meanwhile"


@dataclasses.dataclass(frozen=True)
class Side:
    """A deployment before or after a change, and its cost then."""

    spec: spec.Spec
    cost: cost.Cost
    task: Mapping[str, typing.Any] | None = None
    """The task that runs, where it is known: a refresh may find another than the spec's."""


@dataclasses.dataclass(frozen=True)
class Disruption:
    """The effect on one deployment, in one line, and its extra cost."""

    effect: Effect
    text: str
    extra: cost.Range | None = None
    """USD an hour on top of what runs now, while the change lasts; None: nothing, or unknown."""
    away: bool = False
    """Whether nothing answers for a time."""


def disruption(
    effect: Effect, before: Side | None, after: Side | None, changes: Iterable[Change] = ()
) -> Disruption:
    """Return the effect of the change from one side to the other; either side may be None."""
    if after is None:
        return _stops(before)
    if before is None:
        return _starts(after)
    meanwhile = tuple(dict.fromkeys(change.meanwhile for change in changes if change.meanwhile))
    return _CHANGES[effect](before, after, meanwhile)


_Meanwhile = tuple[str, ...]
"""The effects on clients, of all changes."""


def _starts(after: Side) -> Disruption:
    count = _least(after)
    if count == 0:
        wakes = "; the first request starts one" if cost.replicas(after.spec)[1] else ""
        return Disruption(Effect.STARTS, f"it is registered, and no replica starts{wakes}")
    text = f"{_begin(count, after)}; nothing else is touched"
    return Disruption(Effect.STARTS, text, after.cost.fewest)


def _stops(before: Side | None) -> Disruption:
    saved = f", which saves {cost.shown(before.cost.fewest)} USD/h" if _known(before) else ""
    return Disruption(Effect.STOPS, f"it is taken down for good{saved}", away=True)


def _same(_before: Side, _after: Side, _meanwhile: _Meanwhile) -> Disruption:
    return Disruption(Effect.UNCHANGED, "it stays as it is")


def _in_place(before: Side, after: Side, meanwhile: _Meanwhile) -> Disruption:
    if after.spec.kind == "cluster":
        return Disruption(Effect.IN_PLACE, "the server keeps running")
    if not meanwhile:
        return Disruption(Effect.IN_PLACE, "nothing that runs is touched")
    outcome = scaling.outcome(_policy(before), scaling.of_spec(after.spec))
    parts = [_stopped(outcome)]
    if outcome.grown:
        parts.append(f"{outcome.grown} more {_verb('start', outcome.grown)}")
    if outcome.none_left:
        alone = "" if outcome.sure else "where no more run, "
        parts.append(
            f"{alone}{AWAY if cost.replicas(after.spec)[1] else 'nothing serves any more'}"
        )
    text = "; ".join([*parts, *meanwhile])
    return Disruption(Effect.IN_PLACE, text, _more(before, after), away=outcome.none_left)


def _stopped(outcome: scaling.Outcome) -> str:
    """Return how many replicas stop at the most, and whether others take their place."""
    lost, idle, substitutes = outcome.worst.stopped, outcome.idle, outcome.worst.started
    if not lost and not idle:
        return "no running replica stops"
    unasked = "without downscaleDelay, if the requests of the last minute do not need "
    unasked += "it" if idle == 1 else "them"
    if not lost:
        return f"up to {_counted(idle)} {_verb('stop', idle)} at once, {unasked}"
    total = _counted(outcome.worst.now.total)
    of = f"{lost} of {total}" if outcome.sure else f"up to {_counted(lost)}"
    text = f"{of} {_verb('stop', lost)} at once"
    if substitutes:
        ready = "its substitute is" if lost == 1 else f"their {substitutes} substitutes are"
        text += f", before {ready} ready"
    return f"{text}; up to {idle}, {unasked}" if idle > lost else text


def _counted(count: int) -> str:
    return f"{count} running {'replica' if count == 1 else 'replicas'}"


def _verb(verb: str, count: int) -> str:
    return f"{verb}s" if count == 1 else verb


def _policy(side: Side) -> scaling.Policy:
    return scaling.of_spec(side.spec) if side.task is None else scaling.of_task(side.task)


def _rolls(before: Side, after: Side, meanwhile: _Meanwhile) -> Disruption:
    was, now = _policy(before).fewest, _least(after)
    minutes = f"(`up` waits up to {_minutes(waits.timeout_seconds(after.spec))} min)"
    if cost.replicas(after.spec)[1] == 0:
        text, away = "replicas that run now stop, none starts, and nothing serves any more", True
    elif now == 0:
        text = "replicas that run now are replaced, and none starts before a request asks for it"
        away = was > 0
        text += "; until then nothing answers" if away else ""
    elif was == 0:
        text = f"{_begin(now, after)}; each that runs now retires once a new one is ready {minutes}"
        away = False
    else:
        old = f"the {was} old ones, each of which" if was > 1 else "the old one, which"
        text = f"{_begin(now, after)} beside {old} retires once its replacement is ready {minutes}"
        text += "" if meanwhile else "; requests are answered throughout"
        away = False
    extra = after.cost.fewest if now else None
    return Disruption(Effect.ROLLING, "; ".join([text, *meanwhile]), extra, away=away)


def _restarts(_before: Side, after: Side, _meanwhile: _Meanwhile) -> Disruption:
    minutes = _minutes(waits.restart_seconds(after.spec))
    return Disruption(
        Effect.RESTART,
        f"the server stops and the new one starts on the same machines: {AWAY} (up to {minutes} "
        "min, then the earlier server is started again)",
        away=True,
    )


def _minutes(seconds: float) -> int:
    return math.ceil(seconds / 60)


def _replaces(_before: Side, after: Side, _meanwhile: _Meanwhile) -> Disruption:
    count = _least(after)
    then = _begin(count, after) if count else "it is registered again"
    text = f"it is taken down first, then {then}: {AWAY}, and the address may change"
    return Disruption(Effect.REPLACE, text, away=True)


_CHANGES: Mapping[Effect, Callable[[Side, Side, _Meanwhile], Disruption]] = {
    Effect.UNCHANGED: _same,
    Effect.IN_PLACE: _in_place,
    Effect.ROLLING: _rolls,
    Effect.RESTART: _restarts,
    Effect.REPLACE: _replaces,
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
