"""What a change of a task does to what runs, as SkyPilot 0.14.1 decides it.

On `update` SkyServe keeps a replica when everything outside `service:` is equal and there are no
file mounts, and replaces it otherwise (sky/serve/replica_managers.py:1638-1678). What it would
ignore, or break over, needs a new service.
"""

import dataclasses
import enum
import json
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from . import spec, task

Task = Mapping[str, typing.Any]


class Effect(enum.Enum):
    """What a change does, from the weakest to the strongest."""

    IN_PLACE = "in place"
    RESTART = "restarts"
    ROLLING = "rolls"
    REPLACE = "replaces"


@dataclasses.dataclass(frozen=True)
class Change:
    """One difference: where, what it does, why, and both values (None where there is none)."""

    property: str
    effect: Effect
    why: str
    old: object
    new: object


@dataclasses.dataclass(frozen=True)
class Rule:
    """What a change at a path, and below it, does."""

    path: str
    effect: Effect
    why: str
    source: str
    when: Callable[[object, object], bool] = lambda _old, _new: True


def _turned_off(old: object, new: object) -> bool:
    return bool(old) and not new


def _other_kind(old: object, new: object) -> bool:
    return isinstance(old, dict) is not isinstance(new, dict)


RULES = (
    Rule(
        "name",
        Effect.REPLACE,
        "another name is another service",
        "sky/serve/server/impl.py:516",
    ),
    Rule(
        "service.tls",
        Effect.REPLACE,
        "SkyServe ignores a change of TLS while the service runs",
        "sky/serve/server/impl.py:568",
    ),
    Rule(
        "service.load_balancing_policy",
        Effect.REPLACE,
        "SkyServe ignores a change of the load balancing policy while the service runs",
        "sky/serve/server/impl.py:590",
    ),
    Rule(
        "service.load_balancer",
        Effect.REPLACE,
        "SkyServe hands it to the load balancer only when the service starts",
        "sky/serve/service.py:607",
    ),
    Rule(
        "service.replica_policy.dynamic_ondemand_fallback",
        Effect.REPLACE,
        "SkyServe's autoscaler cannot give up on-demand fallback: its update fails half-way",
        "sky/serve/autoscalers.py:959 (it keeps its class: sky/serve/controller.py:189)",
        _turned_off,
    ),
    Rule(
        "service.replica_policy.target_qps_per_replica",
        Effect.REPLACE,
        "a target per GPU needs another load balancing policy, which SkyServe cannot change",
        "sky/serve/service_spec.py:377, sky/serve/autoscalers.py:929",
        _other_kind,
    ),
    Rule(
        "service",
        Effect.IN_PLACE,
        "replicas stay: SkyServe changes this without touching them",
        "sky/serve/replica_managers.py:1638-1678",
    ),
    Rule(
        "",
        Effect.ROLLING,
        "SkyServe starts new replicas and retires the old ones as these are READY",
        "sky/serve/replica_managers.py:1638-1678, sky/serve/autoscalers.py:259",
    ),
)
"""Of a service. The first rule that fits holds. The last fits everything."""

_KEPT = "a cluster keeps the machines that it was made with"

CLUSTER_RULES = (
    Rule(
        "name",
        Effect.REPLACE,
        "another name is another cluster",
        "sky/execution.py, launch",
    ),
    Rule(
        "resources.autostop",
        Effect.IN_PLACE,
        "the server goes on: SkyPilot changes this while it runs",
        "sky/core.py, autostop",
    ),
    Rule(
        f"envs.{task.IDLE_MINUTES}",
        Effect.IN_PLACE,
        "the server goes on: the watchdog reads it while it runs",
        "machine/watchdog.py",
    ),
    Rule(
        "resources",
        Effect.REPLACE,
        _KEPT,
        "sky/resources.py:1990 (CPUs, memory and labels are not even looked at there)",
    ),
    Rule("num_nodes", Effect.REPLACE, _KEPT, "sky/backends/cloud_vm_ray_backend.py:6338"),
    Rule("volumes", Effect.REPLACE, _KEPT, "sky/execution.py, pre_mount_volumes"),
    Rule("config", Effect.REPLACE, _KEPT, "sky/skypilot_config.py"),
    Rule(
        "",
        Effect.RESTART,
        "the server is ended and started anew on the same machines, and is away meanwhile",
        "clusters.py, update",
    ),
)
"""Of a cluster, in the same way."""


def compare(old_task: Task, new_task: Task) -> tuple[Change, ...]:
    """Every difference between two tasks and what it does; the order of any_of is none."""
    rules = RULES if "service" in new_task else CLUSTER_RULES
    return tuple(_changes("", _unordered(old_task), _unordered(new_task), rules))


def effect(changes: Iterable[Change]) -> Effect | None:
    """The strongest effect of all; None when there is no change."""
    strength = list(Effect)
    return max((change.effect for change in changes), key=strength.index, default=None)


def keep_generated(
    old_spec: spec.Spec, new_spec: spec.Spec, old_task: Task, new_task: Task
) -> dict[str, typing.Any]:
    """The task to apply when the two specs differ as they do.

    A new release of this package may generate another task from the same spec. That alone must not
    roll replicas: it waits for a change of the spec that rolls them anyway.
    """
    if _disturbing(old_spec) != _disturbing(new_spec):
        return dict(new_task)
    if new_spec.kind == "service":
        return {**old_task, "service": new_task["service"]}
    kept = dict(old_task)
    for section, key in (("resources", "autostop"), ("envs", task.IDLE_MINUTES)):
        if key in new_task.get(section, {}):
            kept[section] = {**kept[section], key: new_task[section][key]}
    return kept


def _disturbing(wanted: spec.Spec) -> dict[str, typing.Any]:
    """What of a spec reaches a task outside what changes without touching a machine."""
    quiet = {"load_balancing", "readiness_probe", "replicas", "tls", "autostop"}
    data = wanted.model_dump(exclude={*quiet, "update_mode", "timeouts"})
    return {**data, "spot": wanted.spot is not None, "autostop": wanted.autostop is not None}


def _unordered(task: Task) -> dict[str, typing.Any]:
    """SkyServe compares any_of as a set (sky/utils/resources_utils.py:706)."""
    resources = dict(task.get("resources") or {})
    if "any_of" in resources:
        resources["any_of"] = sorted(
            resources["any_of"], key=lambda one: json.dumps(one, sort_keys=True)
        )
    return {**task, "resources": resources}


def _changes(path: str, old: object, new: object, rules: Sequence[Rule]) -> Iterator[Change]:
    if isinstance(old, Mapping) and isinstance(new, Mapping) and not _special(path):
        for key in dict.fromkeys([*old, *new]):
            below = f"{path}.{key}" if path else str(key)
            if (key in old) != (key in new) or old[key] != new[key]:
                yield from _changes(below, old.get(key), new.get(key), rules)
        return
    rule = next(rule for rule in rules if _covers(rule.path, path) and rule.when(old, new))
    yield Change(path, rule.effect, rule.why, *_shown(old, new))


def _shown(old: object, new: object) -> tuple[object, object]:
    """Both values; of two scripts only the lines that differ."""
    if not (isinstance(old, str) and isinstance(new, str) and "\n" in old + new):
        return old, new
    was, now = ([line.strip(" \\") for line in text.splitlines()] for text in (old, new))
    return (
        "; ".join(line for line in was if line not in now),
        "; ".join(line for line in now if line not in was),
    )


def _special(path: str) -> bool:
    """Tables that are one value: what changes is the choice."""
    return path in ("resources.accelerators", "service.replica_policy.target_qps_per_replica")


def _covers(rule: str, path: str) -> bool:
    return not rule or path == rule or path.startswith(f"{rule}.")
