"""The settings of a pod, as SkyPilot's configuration for a task has them. Pure.

SkyPilot lays a `pod_config` over the pod that it makes: tables key by key, volumes by their name,
other lists one after the other (sky.utils.config_utils.merge_k8s_configs).
"""

import typing
from collections.abc import Iterator, Mapping, Sequence

from .. import catalog, spec
from ..spec import mapping, pod_tables

Table = Mapping[str, typing.Any]

VOLUMES = tuple(f"config.{name}.{pod_tables.SPEC}.volumes" for name in pod_tables.SECTIONS)
"""The paths of a task at which sharedMemory stands, among other volumes."""

SECRETS = tuple(f"config.{name}.{pod_tables.SPEC}.imagePullSecrets" for name in pod_tables.SECTIONS)
"""The paths of a task at which imagePullSecrets stand."""


def sections(infra: Sequence[str]) -> tuple[str, ...]:
    """Return the parts of SkyPilot's configuration for the pods that these places may give."""
    if not infra:
        return pod_tables.SECTIONS
    clouds = {cloud.name for cloud in map(catalog.cloud, infra) if cloud}
    return tuple(name for name in pod_tables.SECTIONS if name in clouds)


def config(wanted: spec.Spec) -> dict[str, typing.Any]:
    """Return the configuration of a spec, with the settings of its pods."""
    content = {"metadata": _below(pod_tables.METADATA, wanted), "spec": _spec(wanted)}
    content = {key: table for key, table in content.items() if table}
    result: dict[str, typing.Any] = dict(wanted.config)
    for section in sections(wanted.infra) if content else ():
        result[section] = _merged(result.get(section) or {}, {"pod_config": content})
    return result


def shared_memory(volumes: object) -> tuple[object, list[object] | None]:
    """Return the limit of /dev/shm in GiB, and the other volumes, of a pod's; None: there is none.

    A limit that no stack file can say counts among the others.
    """
    listed = volumes if isinstance(volumes, list) else []
    for number, volume in enumerate(listed):
        match volume:
            case {
                "name": pod_tables.SHARED_MEMORY,
                "emptyDir": {"medium": "Memory", "sizeLimit": str(size)},
            } if size.removesuffix("Gi").isdecimal() and size.endswith("Gi"):
                return int(size.removesuffix("Gi")), listed[:number] + listed[number + 1 :] or None
    return None, listed or None


def differences(old: object, new: object) -> Iterator[tuple[str | None, object, object]]:
    """Yield each difference of two lists of volumes: its key, if it has one, and both values."""
    (was, others), (now, rest) = shared_memory(old), shared_memory(new)
    if was != now:
        yield "pod.sharedMemory", was, now
    if others != rest:
        yield None, others, rest


def secret_names(value: object) -> object:
    """Return the names of secrets as a stack file lists them."""
    if isinstance(value, list) and all(isinstance(item, Mapping) for item in value):
        return [item.get("name") for item in value]
    return value


def _below(path: str, wanted: spec.Spec) -> dict[str, typing.Any]:
    """Return what a spec says right below that path of SkyPilot's configuration."""
    names = mapping.below(f"config.{pod_tables.SECTIONS[0]}.{path}", "pod")
    values = {name: mapping.value(wanted, f"pod.{key}") for name, key in names.items()}
    return {name: value for name, value in values.items() if value not in (None, (), {})}


def _spec(wanted: spec.Spec) -> dict[str, typing.Any]:
    content = _below(pod_tables.SPEC, wanted)
    if "tolerations" in content:
        content["tolerations"] = [
            toleration.model_dump(by_alias=True, exclude_none=True)
            for toleration in content["tolerations"]
        ]
    if "imagePullSecrets" in content:
        content["imagePullSecrets"] = [{"name": name} for name in content["imagePullSecrets"]]
    if wanted.pod is not None and wanted.pod.shared_memory is not None:
        limit = {"medium": "Memory", "sizeLimit": f"{wanted.pod.shared_memory}Gi"}
        content["volumes"] = [{"name": pod_tables.SHARED_MEMORY, "emptyDir": limit}]
    return content


def _merged(under: Table, over: Table) -> dict[str, typing.Any]:
    """Return `over` laid over `under`: tables key by key, and lists one after the other."""
    result = dict(under)
    for key, value in over.items():
        below = result.get(key)
        if isinstance(value, Mapping) and isinstance(below, Mapping):
            result[key] = _merged(below, value)
        elif isinstance(value, list) and isinstance(below, list):
            result[key] = [*below, *value]
        else:
            result[key] = value
    return result
