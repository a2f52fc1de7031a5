"""The effect of a change of a deployment on what runs: a value for each change, and the rules.

On `update` SkyServe keeps a replica when everything outside `service:` is equal and there are no
file mounts. Otherwise it replaces the replica (sky/serve/replica_managers.py,
SkyPilotReplicaManager.update_version). A change that SkyServe would ignore, or that would break it,
needs a new service.
"""

import dataclasses
import enum
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping

from . import task
from .task_facts import autostops, by_gpu, has_files, on_demand, placer, policy, spare

Task = task.Task


class Effect(enum.Enum):
    """The effect of a change on a deployment, from the weakest to the strongest."""

    UNCHANGED = "unchanged"
    STARTS = "new"
    IN_PLACE = "in place"
    ROLLING = "rolls"
    RESTART = "restarts"
    REPLACE = "replaces"
    STOPS = "removed"

    @property
    def rank(self) -> int:
        """Return the place in the order from the weakest to the strongest."""
        return list(Effect).index(self)


@dataclasses.dataclass(frozen=True)
class Change:
    """One difference, in the words of a stack file."""

    key: str
    """The key of a stack file, e.g. `replicas.max`; SkyPilot's path where there is no key."""
    effect: Effect
    why: str
    """The reason for this effect."""
    old: object = None
    """The value before; None where there was none, or where it is not shown."""
    new: object = None
    path: str = ""
    """The path in SkyPilot's task, e.g. `service.replica_policy.max_replicas`; empty where there is
    none."""
    meanwhile: str = ""
    """The effect on clients while the change is applied; empty where there is none."""

    def data(self) -> dict[str, typing.Any]:
        """Return the change as inputs of a resource hold it, without what is empty."""
        table = {**vars(self), "effect": self.effect.value}
        return {name: value for name, value in table.items() if value is not None and value != ""}


def from_data(rows: object) -> tuple[Change, ...]:
    """Return the changes that inputs hold, without rows of another shape."""
    effects = {effect.value: effect for effect in Effect}
    texts = ("key", "why", "path", "meanwhile")
    return tuple(
        Change(
            effect=effects[str(row["effect"])],
            old=row.get("old"),
            new=row.get("new"),
            **{name: str(row.get(name, "")) for name in texts},
        )
        for row in (rows if isinstance(rows, list) else ())
        if isinstance(row, Mapping) and row.get("key") and str(row.get("effect")) in effects
    )


def strongest(changes: Iterable[Change]) -> Effect:
    """Return the strongest effect of all; UNCHANGED when there is no change."""
    effects = (change.effect for change in changes)
    return max(effects, key=lambda effect: effect.rank, default=Effect.UNCHANGED)


def by_reason(changes: Iterable[Change]) -> Iterator[tuple[Effect, str, list[Change]]]:
    """Yield the changes of one effect and one reason together, the strongest effect first."""
    groups: dict[tuple[Effect, str], list[Change]] = {}
    for change in changes:
        groups.setdefault((change.effect, change.why), []).append(change)
    for effect, why in sorted(groups, key=lambda group: -group[0].rank):
        yield effect, why, groups[effect, why]


def shown(value: object) -> str:
    """Return a value as a stack file has it, on one line."""
    match value:
        case None:
            return "none"
        case bool():
            return str(value).lower()
        case float():
            return f"{value:g}"
        case Mapping():
            return "{" + ", ".join(f"{key}: {shown(item)}" for key, item in value.items()) + "}"
        case list() | tuple():
            return "[" + ", ".join(map(shown, value)) + "]"
    return str(value)


@dataclasses.dataclass(frozen=True)
class Rule:
    """The effect of a change at these paths of a task, and below them."""

    subject: str
    """The paths in the words of a stack file, for the documentation."""
    paths: tuple[str, ...]
    """Paths of a task; the empty one covers all."""
    effect: Effect
    why: str
    source: str
    when: Callable[[Task, Task], bool] = lambda _old, _new: True
    meanwhile: str = ""
    """The effect on clients while SkyPilot applies the change; empty where there is none."""


_POLICY = "service.replica_policy"
_PLACED = tuple(
    f"resources.{name}"
    for name in ("infra", "any_of", "accelerators", "cpus", "memory", "instance_type", "use_spot",
                 "max_hourly_cost")
)  # fmt: skip
"""The paths that a placer of spot machines chooses places by."""
BY_GPU_WHY = "SkyServe's autoscaler fails over every update while the target is per GPU"
ROLLING_WHY = "replicas read it when they start"
RESTART_WHY = "vLLM reads it when it starts"
TLS_WHY = "SkyServe ignores a change of TLS while the service runs"
REFUSES = "SkyServe may answer 503 for up to 20 s while it applies the change"
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
        TLS_WHY,
        "sky/serve/server/impl.py, update",
    ),
    Rule(
        "`loadBalancing.policy`",
        ("service.load_balancing_policy",),
        Effect.REPLACE,
        "SkyServe ignores a change of the load balancing policy while the service runs",
        "sky/serve/server/impl.py, update",
        lambda old, new: policy(old) != policy(new),
    ),
    Rule(
        "`loadBalancing.streamTimeout`",
        ("service.load_balancer",),
        Effect.REPLACE,
        "SkyServe hands it to the load balancer only when the service starts",
        "sky/serve/service.py, _start",
    ),
    Rule(
        "`spot.placer`, and with it the machines and places",
        (f"{_POLICY}.spot_placer", *_PLACED),
        Effect.REPLACE,
        "SkyServe reads the places of spot machines only when the service starts",
        "sky/serve/replica_managers.py, SkyPilotReplicaManager.__init__ and _launch_replica",
        lambda old, new: bool(placer(old) or placer(new)),
    ),
    Rule(
        "`spot.fallback` and `spot.onDemand`, when the last of them goes",
        (f"{_POLICY}.dynamic_ondemand_fallback", f"{_POLICY}.base_ondemand_fallback_replicas"),
        Effect.REPLACE,
        "SkyServe's autoscaler cannot give up on-demand machines: its update fails half-way",
        "sky/serve/autoscalers.py, FallbackRequestRateAutoscaler._setup_fallback_options (it keeps "
        "its class: sky/serve/controller.py, SkyServeController.run.update_service)",
        lambda old, new: on_demand(old) and not on_demand(new),
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
        lambda old, new: spare(old) != spare(new) and (on_demand(old) or not on_demand(new)),
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
        "anything of a service with `mounts`, `volumes` or a local `workdir`",
        ("service",),
        Effect.ROLLING,
        "SkyServe keeps no replica of a service with files, or with volumes at its first change",
        _SAME_REPLICAS,
        lambda old, new: has_files(old) or has_files(new),
    ),
    Rule(
        "`spot.fallback`, `spot.onDemand`",
        (f"{_POLICY}.dynamic_ondemand_fallback", f"{_POLICY}.base_ondemand_fallback_replicas"),
        Effect.IN_PLACE,
        "surplus replicas of one kind stop before their substitutes of the other kind are ready",
        "sky/serve/autoscalers.py, FallbackRequestRateAutoscaler (plan/scaling.py)",
        meanwhile=REFUSES,
    ),
    Rule(
        "`replicas`, `readinessProbe` but its `path`",
        ("service",),
        Effect.IN_PLACE,
        "SkyServe applies it to the running service, and replicas are not restarted",
        f"{_SAME_REPLICAS}; the 503: get_active_replica_urls there, and sky/serve/constants.py, "
        "LB_CONTROLLER_SYNC_INTERVAL_SECONDS",
        meanwhile=REFUSES,
    ),
    Rule(
        "machines and places, `image`, disk and network, `labels`, `nodes`, `volumes`, `config`, "
        "`pod`",
        ("resources", "num_nodes", "volumes", "config"),
        Effect.ROLLING,
        "a replica keeps the machines that it was started on",
        f"{_SAME_REPLICAS} (all of the task but `service` is compared)",
    ),
    Rule(
        "everything else: model, flags, files, set-up, env, secrets, keys",
        ("",),
        Effect.ROLLING,
        ROLLING_WHY,
        f"{_SAME_REPLICAS}; sky/serve/autoscalers.py, "
        "Autoscaler._select_outdated_replicas_to_scale_down",
    ),
)

_KEPT = "a cluster keeps the machines that it was created with"

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
        "a watchdog starts and ends the server of a cluster that stops by itself",
        "plan/remote/watchdog.py",
        lambda old, new: autostops(old) is not autostops(new),
    ),
    Rule(
        "`autostop.idle`, `autostop.then`",
        ("resources.autostop", f"envs.{task.IDLE_MINUTES}"),
        Effect.IN_PLACE,
        "SkyPilot and the watchdog take it while the server runs",
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
        "`config`, `pod`",
        ("config",),
        Effect.REPLACE,
        _KEPT,
        "sky/resources.py, Resources.cluster_config_overrides (read when the machines are made)",
    ),
    Rule(
        "everything else: model, flags, files, set-up, env, secrets, keys",
        ("",),
        Effect.RESTART,
        RESTART_WHY,
        "lifecycle/clusters.py, update",
    ),
)


RULES: Mapping[str, tuple[Rule, ...]] = {"service": SERVICE, "cluster": CLUSTER}
"""By the kind of deployment. The first rule that fits counts. The last one fits everything."""
