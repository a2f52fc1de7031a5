"""The differences between state and inputs, the effect of each, and the task to apply."""

import dataclasses
import typing
from collections.abc import Mapping, Sequence

from ..plan import changes, cost, disruption, task, task_diff, task_facts
from ..plan.changes import Change, Effect
from . import properties
from .results import Props
from .sides import Asked, Kept

_READ_AT_START = {
    "service": (Effect.ROLLING, changes.ROLLING_WHY),
    "cluster": (Effect.RESTART, changes.RESTART_WHY),
}
_TLS = (Effect.REPLACE, changes.TLS_WHY)


def compare(old: Kept, new: Asked, next_: task.Task) -> tuple[Change, ...]:
    """Return the differences between a state and its inputs, each with its effect.

    `next_` is the task to apply (next_task).
    """
    return (*_scope(old, new), *_task(old, new, next_), *_values(old, new))


def forced(compared: Sequence[Change], news: Props) -> list[str]:
    """Return the keys whose change replaces, without values not known yet: those may stay equal."""
    return [
        change.key
        for change in compared
        if change.effect is Effect.REPLACE and not _is_unknown(news, change.key)
    ]


def shown(compared: Sequence[Change], news: Props) -> tuple[Change, ...]:
    """Return the changes as a preview shows them: what starts anew starts with all of them.

    A replacement includes all other changes. New replicas of a rolling change have the whole
    service section from their start, so that nothing of it is applied to the old ones.
    """
    if forced(compared, news):
        effect, why = Effect.REPLACE, "the replacement starts with it"
        joins = [change for change in compared if change.effect is not Effect.REPLACE]
    elif changes.strongest(compared) is Effect.ROLLING:
        effect, why = Effect.ROLLING, "the new version of the service starts with it"
        joins = [change for change in compared if change.meanwhile]
    else:
        return tuple(compared)
    return tuple(
        dataclasses.replace(change, effect=effect, why=why, meanwhile="")
        if change in joins
        else change
        for change in compared
    )


def _is_unknown(news: Props, key: str) -> bool:
    """Return whether a changed value, which other resources may give, is not known yet."""
    keys = properties.KEYS if key in properties.KEYS else (key,)
    return any(properties.has_unknown(news.get(key)) for key in keys)


def _scope(was: Kept, now: Asked) -> typing.Iterator[Change]:
    old, new = was.scope, properties.old_scope(now.props)
    if old is None:
        yield Change("scope", Effect.IN_PLACE, "the state does not say where it is")
    for key in ("apiServer", "workspace", "mark"):
        if old and new and not properties.has_unknown(new) and old.get(key) != new.get(key):
            why = "another API server, workspace or stack has services and clusters of its own"
            yield Change(f"scope.{key}", Effect.REPLACE, why, old.get(key), new.get(key))
    before, after = ((scope or {}).get("serveHost") for scope in (old, new))
    if old and new and now.spec.kind == "service" and before != after:
        why = "clients find it at another host"
        yield Change("scope.serveHost", Effect.IN_PLACE, why, before, after)
    if was.spec.host != now.spec.host:
        why = "clients find it at another host"
        host = (was.spec.host, now.spec.host)
        yield Change("host", Effect.IN_PLACE, why, *host)


def _task(old: Kept, new: Asked, next_: task.Task) -> typing.Iterator[Change]:
    """Yield the changes from the applied task to the next, and any drift."""
    if old.task:
        yield from task_diff.compare(old.task, next_)
    else:
        why = "the state does not say what was applied, so all of the plan is"
        yield Change("task", _at_start(old, new)[0], why)
    if new.spec.kind == "cluster":  # drift on a cluster's machine does not show in its task
        for key, message in old.drift.items():
            effect = Effect.IN_PLACE if key == "autostop" else Effect.RESTART
            yield Change(f"drift.{key}", effect, f"it was changed outside this stack: {message}")


def _at_start(old: Kept, new: Asked) -> tuple[Effect, str]:
    """Return the effect of a change to a value that is read at start, and the reason."""
    if task_facts.by_gpu(old.task):
        return Effect.REPLACE, changes.BY_GPU_WHY
    return _READ_AT_START[new.spec.kind]


def _values(old: Kept, new: Asked) -> typing.Iterator[Change]:
    """Yield the changes of values that the task only names."""
    at_start, olds, news = _at_start(old, new), old.props, new.props
    yield from _keys(olds, news, at_start[0])
    before, after = olds.get("timeouts") or {}, news.get("timeouts") or {}
    if before != after:
        yield Change("timeouts", Effect.IN_PLACE, "only Pulumi uses them")
    for key in properties.VALUES:
        before, after = olds.get(key) or {}, news.get(key) or {}
        effect, why = _TLS if key == "tls" else at_start
        if properties.has_unknown(after):
            reason = f"it is not known yet; if it changes: {why}"
            yield Change(key, effect, reason)
            continue
        if not isinstance(before, Mapping):
            if after:
                reason = f"its earlier values cannot be read; if they were others: {why}"
                yield Change(key, effect, reason)
            continue
        # Added and removed names show in the task. Values do not, so they are compared here.
        for name in before.keys() & after.keys():
            if before[name] != after[name]:
                yield Change(f"{key}.{name}", effect, why)


def _keys(olds: Props, news: Props, effect: Effect) -> typing.Iterator[Change]:
    """Yield the effect of a changed list of API keys on clients.

    A change from or to no keys at all shows in the task's command.
    """
    if any(properties.has_unknown(news.get(key)) for key in properties.KEYS):
        yield Change("apiKey", effect, "a key is not known yet")
        return
    before = tuple(key for key in properties.keys(olds) if isinstance(key, str))
    after = properties.keys(news)
    if before == after or not before or not after:
        return
    if before[-1] not in after:
        when = "as replicas roll" if effect is Effect.ROLLING else "as the server restarts"
        why = (
            f"clients with the earlier key are refused {when}; to avoid that, first make both "
            "valid: keyVersion: [1, 2], or apiKey: [oldName, newName]"
        )
    elif before[-1] == after[-1]:
        why = "the earlier key ends with this" if len(after) == 1 else "one more key is valid"
    else:
        why = "both keys are valid from then on, and the new one is handed out"
    yield Change("apiKey", effect, why)


def lines(compared: Sequence[Change]) -> typing.Iterator[str]:
    """Yield a line for each effect and reason, the strongest first, with all its keys."""
    for effect, why, group in changes.by_reason(compared):
        yield f"{effect.value}: {', '.join(map(_said, group))} ({why})"


def _said(change: Change) -> str:
    """Return the key, and both values if they may be shown."""
    if change.old is None and change.new is None:
        return change.key
    return f"{change.key} {changes.shown(change.old)} -> {changes.shown(change.new)}"


def headline(old: Kept, new: Asked, compared: Sequence[Change]) -> str:
    """Return a line with the replicas that start and stop, and whether any answers meanwhile.

    The stack's own line has the cost: check and diff know no prices.
    """
    unpriced = cost.Cost(None, None, None)
    refused = [key for key in old.unread if key not in properties.VALUES]
    if refused:
        return (
            f"an earlier release wrote its state, and this one refuses {', '.join(refused)} of it: "
            "all of the plan is applied"
        )
    before = disruption.Side(old.spec, unpriced, old.task or None)
    after = disruption.Side(new.spec, unpriced)
    return disruption.disruption(changes.strongest(compared), before, after, compared).text


def next_task(old: Kept, new: Asked) -> task.Task:
    """Return the task to apply; a new release's generated parts wait for a rolling change.

    After drift the whole plan is applied, since the old task is not this stack's.
    """
    if old.drift or new.props.get("upgrade") or old.unread or not old.task:
        return new.plan.task
    kept = task_diff.keep_generated(old.spec, new.spec, old.task, new.plan.task)
    return {**kept, "name": new.name}
