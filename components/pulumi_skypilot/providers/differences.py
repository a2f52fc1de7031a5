"""State and inputs compared: what differs, what each difference does, and what is to be applied."""

import typing
from collections.abc import Mapping

from ..plan import changes, cost, disruption, task
from . import properties
from .properties import Props
from .sides import Asked, Kept

_READ_AT_START = {
    "service": (changes.Effect.ROLLING, "replicas read it when they start"),
    "cluster": (changes.Effect.RESTART, "the server reads it when it starts"),
}
_TLS = (changes.Effect.REPLACE, "SkyServe ignores a change of TLS while the service runs")


def compare(old: Kept, new: Asked, next_: task.Task) -> typing.Iterator[changes.Change]:
    """What differs between a state and its inputs, and what each difference does.

    `next_` is the task to apply (next_task).
    """
    yield from _scope(old, new)
    yield from _task(old, new, next_)
    yield from _values(old, new)


def _scope(was: Kept, now: Asked) -> typing.Iterator[changes.Change]:
    old, new = was.scope, properties.old_scope(now.props)
    if old is None:
        why = "what the state says of it cannot be read"
        yield changes.Change("scope", changes.Effect.IN_PLACE, why, None, None)
    for key in ("apiServer", "workspace", "mark"):
        if old and new and not properties.has_unknown(new) and old.get(key) != new.get(key):
            yield changes.Change(
                "scope", changes.Effect.REPLACE, "it moves to another place", old.get(key),
                new.get(key),
            )  # fmt: skip
    before, after = ((one or {}).get("serveHost") for one in (old, new))
    if old and new and now.spec.kind == "service" and before != after:
        why = "clients find it at another host"
        yield changes.Change("scope.serveHost", changes.Effect.IN_PLACE, why, before, after)
    if was.spec.host != now.spec.host:
        why = "clients find it at another host"
        host = (was.spec.host, now.spec.host)
        yield changes.Change("host", changes.Effect.IN_PLACE, why, *host)


def _task(old: Kept, new: Asked, next_: task.Task) -> typing.Iterator[changes.Change]:
    """What differs between the task that was applied and the next, and what runs otherwise."""
    if old.task:
        yield from changes.compare(old.task, next_)
    else:
        why = "what the state says of it cannot be read, so that all of the plan is applied"
        yield changes.Change("task", _at_start(old, new)[0], why, None, None)
    drift = old.props.get("drift")
    if drift and new.spec.kind == "cluster":
        # A cluster's task does not tell what runs on it.
        drift = drift if isinstance(drift, list) else [str(drift)]
        minor = all(line.startswith("autostop") for line in drift)
        right = changes.Effect.IN_PLACE if minor else changes.Effect.RESTART
        yield changes.Change("drift", right, "; ".join(drift), None, None)


def _at_start(old: Kept, new: Asked) -> tuple[changes.Effect, str]:
    """What another value does, of those that are read when something starts."""
    if changes.by_gpu(old.task):
        return changes.Effect.REPLACE, changes.BY_GPU_WHY
    return _READ_AT_START[new.spec.kind]


def _values(old: Kept, new: Asked) -> typing.Iterator[changes.Change]:
    """What differs beside the task."""
    at_start, olds, news = _at_start(old, new), old.props, new.props
    yield from _keys(olds, news, at_start[0])
    before, after = olds.get("timeouts") or {}, news.get("timeouts") or {}
    if before != after:
        why = "nothing but this stack heeds them"
        yield changes.Change("timeouts", changes.Effect.IN_PLACE, why, None, None)
    for key in properties.VALUES:
        before, after = olds.get(key) or {}, news.get(key) or {}
        effect, why = _TLS if key == "tls" else at_start
        if properties.has_unknown(after):
            told = f"it is not known yet; if it changes: {why}"
            yield changes.Change(key, effect, told, None, None)
            continue
        if not isinstance(before, Mapping):
            if after:
                told = f"its earlier values cannot be read; if they were others: {why}"
                yield changes.Change(key, effect, told, None, None)
            continue
        # Names that come or go are in the task; here are the values, which are not.
        for name in before.keys() & after.keys():
            if before[name] != after[name]:
                yield changes.Change(f"{key}.{name}", effect, why, None, None)


def _keys(olds: Props, news: Props, effect: changes.Effect) -> typing.Iterator[changes.Change]:
    """What another list of keys does to those who hold one. No keys at all is another command."""
    if any(properties.has_unknown(news.get(key)) for key in properties.KEYS):
        yield changes.Change("apiKey", effect, "a key is not known yet", None, None)
        return
    before = tuple(key for key in properties.keys(olds) if isinstance(key, str))
    after = properties.keys(news)
    if before == after or not before or not after:
        return
    if before[-1] not in after:
        when = "as replicas roll" if effect is changes.Effect.ROLLING else "as the server restarts"
        why = (
            f"clients with the earlier key are refused {when}; to spare them, make both valid "
            "first: keyVersion: [1, 2], or apiKey: [oldName, newName]"
        )
    elif before[-1] == after[-1]:
        why = "the earlier key ends with this" if len(after) == 1 else "one more key is valid"
    else:
        why = "both keys are valid from then on, and the new one is handed out"
    yield changes.Change("apiKey", effect, why, None, None)


def describe(change: changes.Change) -> str:
    """One line for the preview: the effect, the property and why."""
    values = (
        "" if change.old is change.new is None else f" {_short(change.old)} -> {_short(change.new)}"
    )
    return f"{change.effect.value}: {change.property}{values} ({change.why})"


def disturbs(old: Kept, new: Asked, next_: task.Task, effect: changes.Effect) -> str:
    """One line for the preview: how many replicas come and go, and whether any answers meanwhile.

    What it costs stands in the stack's own line: prices are not for check and diff.
    """
    unpriced = cost.Cost(None, None, None)
    refused = [key for key in old.unread if key not in properties.VALUES]
    if refused:
        return (
            f"its state is of an earlier release, and this one refuses {', '.join(refused)} of it: "
            "all of the plan is applied"
        )
    before = disruption.Side(old.spec, unpriced, old.task or None)
    after = disruption.Side(new.spec, unpriced, next_)
    return disruption.disruption(effect.value, before, after).text


def _short(value: object) -> str:
    """A value as people write it: numbers come as doubles."""
    if value is None:
        return "none"
    return f"{value:g}" if isinstance(value, float) else str(value)


def next_task(old: Kept, new: Asked) -> task.Task:
    """The task to apply: what a new release of this package generates waits for a rolling change.

    After drift the whole of the plan is applied, since the old task is someone else's.
    """
    if old.props.get("drift") or new.props.get("upgrade") or old.unread or not old.task:
        return new.plan.task
    kept = changes.keep_generated(old.spec, new.spec, old.task, new.plan.task)
    return {**kept, "name": new.name}
