"""The comparison of two tasks: each difference in the words of a stack file. Pure."""

import dataclasses
import json
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from .. import spec
from ..spec import mapping
from . import changes, hardware, pod, script_keys, task, task_scripts
from .changes import Change, Rule, Task

_SINGLE = (
    "resources.accelerators",
    "resources.autostop",
    "service.readiness_probe.post_data",
    "service.replica_policy.target_qps_per_replica",
    "service.tls",
)
"""Tables of a task that are one value of a stack file."""
_GUARD_WHY = (
    "what runs answers paths outside of /v1 to anybody, without a key: an earlier release "
    "started it without the guard, which comes with this"
)


def compare(old_task: Task, new_task: Task) -> tuple[Change, ...]:
    """Return every difference between two tasks and its effect; any_of has no order."""
    old, new = _unordered(old_task), _unordered(new_task)
    kind = changes.RULES["service" if "service" in new else "cluster"]
    rules = [rule for rule in kind if rule.when(old, new)]
    guard: tuple[Change, ...] = ()
    if unguarded(old) and not unguarded(new):
        guard = (Change("guard", _rule("run", rules).effect, _GUARD_WHY),)
        old, new = _without_guard(old), _without_guard(new)
    return (*guard, *_explained(tuple(_joined(_differences("", old, new, rules)))))


def unguarded(content: Task) -> bool:
    """Return whether an earlier release wrote this task, without the guard.

    The guard checks the API key of its server.
    """
    run = content.get("run")
    return isinstance(run, str) and task_scripts.made(run) and not task_scripts.guarded(run)


def keep_generated(
    old_spec: spec.Spec, new_spec: spec.Spec, old_task: Task, new_task: Task
) -> dict[str, typing.Any]:
    """Return the task to apply when the spec changes from the one to the other.

    A new release of this package may generate another task from the same spec. That alone must not
    roll replicas. It waits for a change of the spec that rolls them anyway. The guard of the API
    key does not wait.
    """
    if _disturbing(old_spec) != _disturbing(new_spec) or unguarded(old_task):
        return dict(new_task)
    if new_spec.kind == "service":
        return {**old_task, "service": new_task["service"]}
    kept = dict(old_task)
    for section, key in (("resources", "autostop"), ("envs", task.IDLE_MINUTES)):
        if key in new_task.get(section, {}):
            kept[section] = {**kept[section], key: new_task[section][key]}
    return kept


def _disturbing(wanted: spec.Spec) -> dict[str, typing.Any]:
    """Return the part of a spec whose change touches a machine."""
    quiet = {"load_balancing", "readiness_probe", "replicas", "tls", "autostop"}
    data = wanted.model_dump(exclude={*quiet, "update_mode", "timeouts"})
    data |= {"spot": wanted.spot is not None, "autostop": wanted.autostop is not None}
    return {**data, "probe": task_scripts.probe(wanted)}  # the guard lets no other probe pass


def _without_guard(content: Task) -> dict[str, typing.Any]:
    return {**content, "run": task_scripts.without_guard(content["run"])}


def _unordered(content: Task) -> dict[str, typing.Any]:
    """Return a task with its any_of sorted, since SkyServe compares it as a set.

    See sky/utils/resources_utils.py, normalize_any_of_resources_config. Each cloud has one
    spelling: k8s and kubernetes are the same to SkyPilot (sky.utils.infra_utils.InfraInfo).
    """
    resources = _spelled(content.get("resources") or {})
    if "any_of" in resources:
        resources["any_of"] = sorted(
            map(_spelled, resources["any_of"]),
            key=lambda option: json.dumps(option, sort_keys=True),
        )
    return {**content, "resources": resources}


def _spelled(resources: Mapping[str, typing.Any]) -> dict[str, typing.Any]:
    given = dict(resources)
    return {**given, "infra": hardware.place_of(given["infra"])} if given.get("infra") else given


def _differences(path: str, old: object, new: object, rules: Sequence[Rule]) -> Iterator[Change]:
    if path not in _SINGLE and (isinstance(old, Mapping) or isinstance(new, Mapping)):
        was, now = ({} if table is None else table for table in (old, new))
        if isinstance(was, Mapping) and isinstance(now, Mapping) and (was or now):
            for key in dict.fromkeys([*was, *now]):
                below = f"{path}.{key}" if path else str(key)
                if (key in was) != (key in now) or was[key] != now[key]:
                    yield from _differences(below, was.get(key), now.get(key), rules)
            return
    rule = _rule(path, rules)
    for key, place, before, after in _worded(path, old, new):
        yield Change(key, rule.effect, rule.why, before, after, place, rule.meanwhile)


def _rule(path: str, rules: Sequence[Rule]) -> Rule:
    return next(rule for rule in rules if any(_covers(above, path) for above in rule.paths))


def _covers(above: str, path: str) -> bool:
    return not above or path == above or path.startswith(f"{above}.")


_Worded = tuple[str, str, object, object]
"""A difference: its key in a stack file, its place in the task, and both values."""


def _worded(path: str, old: object, new: object) -> Iterator[_Worded]:
    key = mapping.key_of_path(path) or path
    if _are_scripts(old, new):
        for difference in script_keys.differences(str(old), str(new)):
            yield difference.key, path, difference.old, difference.new
        yield key, path, old, new
        return
    if path in pod.VOLUMES:
        for part, before, after in pod.differences(old, new):
            yield part or key, path, before, after
        return
    key, say = _WORDS.get(path, (key, _choice))
    yield key, path, say(old), say(new)


def _are_scripts(old: object, new: object) -> bool:
    return isinstance(old, str) and isinstance(new, str) and "\n" in old + new


def _choice(value: object) -> object:
    """Return a choice of GPUs or places as a stack file lists it; any other value unchanged."""
    match value:
        case {"infra": place, **rest} if not rest:
            return place
        case list():
            return [_choice(option) for option in value]
    return value


def _gpus(value: object) -> object:
    if isinstance(value, Mapping):
        return [name if count is None else f"{name}:{count}" for name, count in value.items()]
    return value


def _number(value: object) -> object:
    return int(value) if isinstance(value, str) and value.isdecimal() else value


def _then(value: object) -> object:
    """Return what an idle cluster does, from SkyPilot's table or from its `down`."""
    down = value.get("down", False) if isinstance(value, Mapping) else value
    return None if down is None else "down" if down else "stop"


_WORDS: Mapping[str, tuple[str, Callable[[object], object]]] = {
    "resources.accelerators": ("accelerators", _gpus),
    "resources.autostop": ("autostop.then", _then),
    "resources.autostop.down": ("autostop.then", _then),
    "service.replica_policy.dynamic_ondemand_fallback": (
        "spot.fallback",
        lambda value: "on-demand" if value else None,
    ),
    f"envs.{task.IDLE_MINUTES}": ("autostop.idle", _number),
    "service.tls": ("tls", lambda value: "set" if value else None),
    **dict.fromkeys(pod.SECRETS, ("pod.imagePullSecrets", pod.secret_names)),
}
"""Values that a stack file and a task write in two ways: path → key, and the stack file's form."""


def _explained(differences: Sequence[Change]) -> Iterator[Change]:
    """Yield the changes; of two scripts only the lines that no other change explains."""
    keys = {change.key for change in differences}
    for change in differences:
        if not _are_scripts(change.old, change.new):
            yield change
            continue
        old, new = script_keys.other_lines(str(change.old), str(change.new), keys)
        if old or new or len(differences) == 1:
            yield dataclasses.replace(change, old=old or None, new=new or None)


def _joined(differences: Iterable[Change]) -> Iterator[Change]:
    """Yield each key once: one place and several, or a flag and a count, are two paths of a task.

    The stronger effect counts, and of two the reason beside the script.
    """
    by_key: dict[str, Change] = {}
    for change in differences:
        before = by_key.get(change.key)
        if before is None:
            by_key[change.key] = change
            continue
        stronger = max(before, change, key=lambda side: (side.effect.rank, side.path != "run"))
        by_key[change.key] = dataclasses.replace(
            stronger,
            old=change.old if before.old is None else before.old,
            new=change.new if before.new is None else before.new,
            path=f"{before.path}, {change.path}" if change.path != before.path else change.path,
        )
    fewest, most = (by_key.get(f"replicas.{key}") for key in ("min", "max"))
    if fewest and most and (fewest.old, fewest.new) == (most.old, most.new):
        by_key["replicas.min"] = dataclasses.replace(
            fewest, key="replicas", path=f"{fewest.path}, {most.path}"
        )
        del by_key["replicas.max"]
    yield from by_key.values()
