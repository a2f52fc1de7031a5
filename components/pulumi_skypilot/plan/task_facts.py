"""What a task says of itself that decides the effect of a change (plan/changes.py)."""

import typing
from collections.abc import Mapping

from .task import Task


def service(content: Task, *path: str) -> typing.Any:
    """Return the value at a path of the service section; None where a task lacks it."""
    value = content.get("service")
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def policy(content: Task) -> str:
    """Return the policy in force (sky/serve/load_balancing_policies.py, LeastLoadPolicy)."""
    return service(content, "load_balancing_policy") or "least_load"


def on_demand(content: Task) -> bool:
    """Return whether on-demand machines stand in for spot machines, or beside them."""
    keys = ("dynamic_ondemand_fallback", "base_ondemand_fallback_replicas")
    return any(service(content, "replica_policy", key) for key in keys)


def spare(content: Task) -> float:
    """Return the replicas beyond those that traffic asks for; None counts as 0."""
    return float(service(content, "replica_policy", "num_overprovision") or 0)


def placer(content: Task) -> object:
    """Return what chooses the places of spot machines; None where SkyPilot's optimizer does."""
    return service(content, "replica_policy", "spot_placer")


def by_gpu(content: Task) -> bool:
    """Return whether the service scales by a target per GPU."""
    return isinstance(service(content, "replica_policy", "target_qps_per_replica"), Mapping)


def has_files(content: Task) -> bool:
    """Return whether a task mounts files or volumes.

    SkyPilot turns a local working directory into files (sky/utils/controller_utils.py). Of volumes
    it writes more into a new service than into an update (Task.resolve_and_validate_volumes).
    """
    mounted = content.get("file_mounts") or content.get("volumes")
    return bool(mounted) or isinstance(content.get("workdir"), str)


def autostops(content: Task) -> bool:
    """Return whether a cluster stops by itself."""
    return "autostop" in (content.get("resources") or {})
