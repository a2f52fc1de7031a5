"""What a change of a task does to what runs, as SkyPilot 0.14.1 decides it.

On `update` SkyServe keeps a replica when everything outside `service:` is equal and there are no
file mounts, and replaces it otherwise (sky/serve/replica_managers.py,
SkyPilotReplicaManager.update_version). What it would ignore, or break over, needs a new service.
"""

import dataclasses
import enum
import json
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from .. import spec
from . import task, task_scripts

Task = task.Task


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
    """What a change at these paths of a task, and below them, does."""

    what: str
    """The same for a reader, in the words of a stack file."""
    paths: tuple[str, ...]
    effect: Effect
    why: str
    source: str
    when: Callable[[Task, Task], bool] = lambda _old, _new: True


def _service(content: Task, *path: str) -> typing.Any:
    """What stands there in the service's section; someone else's task may have less than ours."""
    found = content.get("service")
    for key in path:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found


def _policy(content: Task) -> str:
    """Return the policy that holds (sky/serve/load_balancing_policies.py, LeastLoadPolicy)."""
    return _service(content, "load_balancing_policy") or "least_load"


def _on_demand(content: Task) -> bool:
    keys = ("dynamic_ondemand_fallback", "base_ondemand_fallback_replicas")
    return any(_service(content, "replica_policy", key) for key in keys)


def _spare(content: Task) -> float:
    """Return the replicas beyond what traffic asks for; none and 0 are the same."""
    return float(_service(content, "replica_policy", "num_overprovision") or 0)


def by_gpu(content: Task) -> bool:
    """Whether the service scales by a target per GPU."""
    return isinstance(_service(content, "replica_policy", "target_qps_per_replica"), Mapping)


def _has_files(content: Task) -> bool:
    """SkyPilot turns a local working directory into a mount (sky/utils/controller_utils.py)."""
    return bool(content.get("file_mounts")) or isinstance(content.get("workdir"), str)


_POLICY = "service.replica_policy"
BY_GPU_WHY = "SkyServe's autoscaler fails over every update while the target is per GPU"
_SAME_REPLICAS = "sky/serve/replica_managers.py, SkyPilotReplicaManager.update_version"

SERVICE = (
    Rule(
        "the name",
        ("name",),
        Effect.REPLACE,
        "another name is another service; after a rename of the stack, `pulumi config set prefix "
        "OLD` keeps the names",
        "sky/serve/server/impl.py, update",
    ),
    Rule(
        "`tls`",
        ("service.tls",),
        Effect.REPLACE,
        "SkyServe ignores a change of TLS while the service runs",
        "sky/serve/server/impl.py, update",
    ),
    Rule(
        "`loadBalancing.policy`",
        ("service.load_balancing_policy",),
        Effect.REPLACE,
        "SkyServe ignores a change of the load balancing policy while the service runs",
        "sky/serve/server/impl.py, update",
        lambda old, new: _policy(old) != _policy(new),
    ),
    Rule(
        "`loadBalancing.streamTimeout`",
        ("service.load_balancer",),
        Effect.REPLACE,
        "SkyServe hands it to the load balancer only when the service starts",
        "sky/serve/service.py, _start",
    ),
    Rule(
        "`spot.fallback` and `spot.onDemand`, when the last of them goes",
        (f"{_POLICY}.dynamic_ondemand_fallback", f"{_POLICY}.base_ondemand_fallback_replicas"),
        Effect.REPLACE,
        "SkyServe's autoscaler cannot give up on-demand machines: its update fails half-way",
        "sky/serve/autoscalers.py, FallbackRequestRateAutoscaler._setup_fallback_options (it keeps "
        "its class: sky/serve/controller.py, SkyServeController.run.update_service)",
        lambda old, new: _on_demand(old) and not _on_demand(new),
    ),
    Rule(
        "`replicas.targetQps`, from a number to a table or back",
        (f"{_POLICY}.target_qps_per_replica",),
        Effect.REPLACE,
        "a target per GPU needs another load balancing policy, which SkyServe cannot change",
        "sky/serve/service_spec.py, SkyServiceSpec.from_yaml_config; sky/serve/autoscalers.py, "
        "InstanceAwareRequestRateAutoscaler.update_version",
        lambda old, new: by_gpu(old) is not by_gpu(new),
    ),
    Rule(
        "`replicas.overprovision`, unless on-demand machines come with it",
        (f"{_POLICY}.num_overprovision",),
        Effect.REPLACE,
        "SkyServe's autoscaler ignores a change of it while the service runs",
        "sky/serve/autoscalers.py, Autoscaler.update_version",
        lambda old, new: _spare(old) != _spare(new) and (_on_demand(old) or not _on_demand(new)),
    ),
    Rule(
        "anything of a service whose `replicas.targetQps` is a table",
        ("",),
        Effect.REPLACE,
        BY_GPU_WHY,
        "sky/serve/autoscalers.py, InstanceAwareRequestRateAutoscaler.update_version, which calls "
        "RequestRateAutoscaler._calculate_target_num_replicas",
        lambda old, _new: by_gpu(old),
    ),
    Rule(
        "anything of a service with `mounts` or a local `workdir`",
        ("service",),
        Effect.ROLLING,
        "SkyServe keeps no replica of a service with files",
        _SAME_REPLICAS,
        lambda old, new: _has_files(old) or _has_files(new),
    ),
    Rule(
        "`spot.fallback`, `spot.onDemand`",
        (f"{_POLICY}.dynamic_ondemand_fallback", f"{_POLICY}.base_ondemand_fallback_replicas"),
        Effect.IN_PLACE,
        "replicas of a kind that is then too many stop before substitutes of the other are ready, "
        "and SkyServe may answer 503 for up to 20 s while it takes this",
        "sky/serve/autoscalers.py, FallbackRequestRateAutoscaler (plan/scaling.py)",
    ),
    Rule(
        "`replicas`, `readinessProbe` but its `path`",
        ("service",),
        Effect.IN_PLACE,
        "no replica is replaced, but SkyServe may answer 503 for up to 20 s while it takes this",
        f"{_SAME_REPLICAS}; the 503: get_active_replica_urls there, and sky/serve/constants.py, "
        "LB_CONTROLLER_SYNC_INTERVAL_SECONDS",
    ),
    Rule(
        "everything else: model, flags, machines, places, image, files, env, secrets, keys, labels",
        ("",),
        Effect.ROLLING,
        "SkyServe starts new replicas and retires the old ones as these are READY",
        f"{_SAME_REPLICAS}; sky/serve/autoscalers.py, "
        "Autoscaler._select_outdated_replicas_to_scale_down",
    ),
)

_KEPT = "a cluster keeps the machines that it was made with"

CLUSTER = (
    Rule(
        "the name",
        ("name",),
        Effect.REPLACE,
        "another name is another cluster; after a rename of the stack, `pulumi config set prefix "
        "OLD` keeps the names",
        "sky/execution.py, launch",
    ),
    Rule(
        "`autostop`, when it comes or goes",
        ("resources.autostop", f"envs.{task.IDLE_MINUTES}"),
        Effect.RESTART,
        "the server runs under the watchdog, or without it",
        "plan/remote/watchdog.py",
        lambda old, new: _autostops(old) is not _autostops(new),
    ),
    Rule(
        "`autostop.idle`, `autostop.then`",
        ("resources.autostop", f"envs.{task.IDLE_MINUTES}"),
        Effect.IN_PLACE,
        "the server goes on: SkyPilot and the watchdog change this while it runs",
        "sky/core.py, autostop; plan/remote/watchdog.py",
    ),
    Rule(
        "machines and places, `spot`, `image`, disk and network, `labels`",
        ("resources",),
        Effect.REPLACE,
        _KEPT,
        "sky/resources.py, Resources.less_demanding_than (CPUs, memory and labels are not even "
        "looked at there)",
    ),
    Rule(
        "`nodes`",
        ("num_nodes",),
        Effect.REPLACE,
        _KEPT,
        "sky/backends/cloud_vm_ray_backend.py, CloudVmRayBackend._check_existing_cluster",
    ),
    Rule(
        "`volumes`",
        ("volumes",),
        Effect.REPLACE,
        _KEPT,
        "sky/backends/cloud_vm_ray_backend.py, CloudVmRayBackend._check_existing_cluster (it warns "
        "and goes on without them)",
    ),
    Rule(
        "`config`",
        ("config",),
        Effect.REPLACE,
        _KEPT,
        "sky/resources.py, Resources.cluster_config_overrides (read when the machines are made)",
    ),
    Rule(
        "everything else: model, flags, files, set-up, env, secrets, keys",
        ("",),
        Effect.RESTART,
        "the server is ended and started anew on the same machines, and is away meanwhile",
        "lifecycle/clusters.py, update",
    ),
)


def _autostops(content: Task) -> bool:
    return "autostop" in (content.get("resources") or {})


RULES: Mapping[str, tuple[Rule, ...]] = {"service": SERVICE, "cluster": CLUSTER}
"""By the kind of deployment. The first rule that fits holds. The last fits everything."""


def compare(old_task: Task, new_task: Task) -> tuple[Change, ...]:
    """Every difference between two tasks and what it does; the order of any_of is none."""
    old, new = _unordered(old_task), _unordered(new_task)
    kind = RULES["service" if "service" in new else "cluster"]
    rules = [rule for rule in kind if rule.when(old, new)]
    guard: tuple[Change, ...] = ()
    if unguarded(old) and not unguarded(new):
        guard = (Change("guard", _rule("run", rules).effect, _GUARD_WHY, None, None),)
        old, new = _without_guard(old), _without_guard(new)
    return (*guard, *_changes("", old, new, rules))


def unguarded(content: Task) -> bool:
    """Return whether an earlier release wrote this task: its server has no guard of the key."""
    run = content.get("run")
    return isinstance(run, str) and task_scripts.made(run) and not task_scripts.guarded(run)


_GUARD_WHY = (
    "what runs answers paths outside of /v1 to anybody, without a key: an earlier release "
    "started it without the guard, which comes with this"
)


def _without_guard(content: Task) -> dict[str, typing.Any]:
    return {**content, "run": task_scripts.without_guard(content["run"])}


def effect(changes: Iterable[Change]) -> Effect | None:
    """The strongest effect of all; None when there is no change."""
    strength = list(Effect)
    return max((change.effect for change in changes), key=strength.index, default=None)


def keep_generated(
    old_spec: spec.Spec, new_spec: spec.Spec, old_task: Task, new_task: Task
) -> dict[str, typing.Any]:
    """The task to apply when the two specs differ as they do.

    A new release of this package may generate another task from the same spec. That alone must not
    roll replicas: it waits for a change of the spec that rolls them anyway. The guard of the API
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
    """What of a spec reaches a task outside what changes without touching a machine."""
    quiet = {"load_balancing", "readiness_probe", "replicas", "tls", "autostop"}
    data = wanted.model_dump(exclude={*quiet, "update_mode", "timeouts"})
    data |= {"spot": wanted.spot is not None, "autostop": wanted.autostop is not None}
    return {**data, "probe": task_scripts.probe(wanted)}  # the guard lets no other one pass


def _unordered(task: Task) -> dict[str, typing.Any]:
    """SkyServe compares any_of as a set.

    See sky/utils/resources_utils.py, normalize_any_of_resources_config.
    """
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
    rule = _rule(path, rules)
    yield Change(path, rule.effect, rule.why, *_shown(old, new))


def _rule(path: str, rules: Sequence[Rule]) -> Rule:
    return next(rule for rule in rules if any(_covers(one, path) for one in rule.paths))


def _shown(old: object, new: object) -> tuple[object, object]:
    """Both values; of two scripts only the lines that differ."""
    if not (isinstance(old, str) and isinstance(new, str) and "\n" in old + new):
        return old, new
    was, now = (
        [line.strip(" \\") for line in task_scripts.outline(text).splitlines()]
        for text in (old, new)
    )
    return (
        "; ".join(line for line in was if line not in now),
        "; ".join(line for line in now if line not in was),
    )


def _special(path: str) -> bool:
    """Tables that are one value: what changes is the choice."""
    return path in ("resources.accelerators", "service.replica_policy.target_qps_per_replica")


def _covers(rule: str, path: str) -> bool:
    return not rule or path == rule or path.startswith(f"{rule}.")
