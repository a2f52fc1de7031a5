"""State and inputs compared: what differs, what each difference does, and what is to be applied."""

import typing
from collections.abc import Mapping

from .. import changes, cost, disruption, plan, task
from . import properties
from .properties import Props

_READ_AT_START = {
    "service": (changes.Effect.ROLLING, "replicas read it when they start"),
    "cluster": (changes.Effect.RESTART, "the server reads it when it starts"),
}
_TLS = (changes.Effect.REPLACE, "SkyServe ignores a change of TLS while the service runs")


def compare(olds: Props, news: Props) -> typing.Iterator[changes.Change]:
    """What differs between a state and its inputs, and what each difference does."""
    yield from _scope(olds, news)
    yield from _task(olds, news)
    yield from _values(olds, news)


def _scope(olds: Props, news: Props) -> typing.Iterator[changes.Change]:
    old, new = properties.old_scope(olds), properties.old_scope(news)
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
    if old and new and news.get("kind") == "service" and before != after:
        why = "clients find it at another host"
        yield changes.Change("scope.serveHost", changes.Effect.IN_PLACE, why, before, after)


def _task(olds: Props, news: Props) -> typing.Iterator[changes.Change]:
    """What differs between the task that was applied and the next, and what runs otherwise."""
    old_task = properties.old_task(olds)
    if old_task:
        yield from changes.compare(old_task, task.from_text(next_text(olds, news)))
    else:
        why = "what the state says of it cannot be read, so that all of the plan is applied"
        yield changes.Change("task", _at_start(olds, news)[0], why, None, None)
    if olds.get("drift") and news.get("kind") == "cluster":
        # A cluster's task does not tell what runs on it.
        drift = olds["drift"] if isinstance(olds["drift"], list) else [str(olds["drift"])]
        minor = all(line.startswith("autostop") for line in drift)
        right = changes.Effect.IN_PLACE if minor else changes.Effect.RESTART
        yield changes.Change("drift", right, "; ".join(drift), None, None)


def _at_start(olds: Props, news: Props) -> tuple[changes.Effect, str]:
    """What another value does, of those that are read when something starts."""
    if changes.by_gpu(properties.old_task(olds)):
        return changes.Effect.REPLACE, changes.BY_GPU_WHY
    return _READ_AT_START[news.get("kind", "service")]


def _values(olds: Props, news: Props) -> typing.Iterator[changes.Change]:
    """What differs beside the task."""
    at_start = _at_start(olds, news)
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


def disturbs(olds: Props, news: Props, effect: changes.Effect) -> str:
    """One line for the preview: how many replicas come and go, and whether any answers meanwhile.

    What it costs stands in the stack's own line: prices are not for check and diff.
    """
    before, unpriced = properties.old(olds, news["kind"]), cost.Cost(None, None, None)
    refused = [key for key in before.unread if key not in properties.VALUES]
    if refused:
        return (
            f"its state is of an earlier release, and this one refuses {', '.join(refused)} of it: "
            "all of the plan is applied"
        )
    tasks = (properties.old_task(olds) or None, task.from_text(next_text(olds, news)))
    sides = (
        disruption.Side(one, unpriced, content)
        for one, content in zip((before.spec, properties.typed(news)), tasks, strict=True)
    )
    return disruption.disruption(effect.value, *sides).text


def _short(value: object) -> str:
    """A value as people write it: numbers come as doubles."""
    if value is None:
        return "none"
    return f"{value:g}" if isinstance(value, float) else str(value)


def next_text(olds: Props, news: Props) -> str:
    """The task to apply: what a new release of this package generates waits for a rolling change.

    After drift the whole of the plan is applied, since the old task is someone else's.
    """
    planned = plan.plan(properties.typed(news), news["name"], must_fit=False)
    before, old_task = properties.old(olds, planned.spec.kind), properties.old_task(olds)
    if olds.get("drift") or news.get("upgrade") or before.unread or not old_task:
        return planned.task_text
    kept = changes.keep_generated(before.spec, planned.spec, old_task, planned.task)
    return task.text({**kept, "name": planned.name})
