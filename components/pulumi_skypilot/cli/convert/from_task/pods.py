"""The settings of pods in a task's configuration, as the table `pod` of a deployment."""

import copy
import typing
from collections.abc import Iterator

import pydantic

from .... import spec
from ....plan import pod
from ....spec import mapping, pod_tables


def move(table: dict[str, typing.Any]) -> None:
    """Move what a deployment's `pod` says as well from its `config`.

    What the places of the deployment have not alike stays, and so does what `pod` refuses.
    """
    infra = table.get("infra") or []
    names = pod.sections([infra] if isinstance(infra, str) else infra)
    config = copy.deepcopy(table.get("config") or {})
    content: dict[str, typing.Any] = {}
    for key, path in _paths():
        parts = path.split(".")
        holders = [_holder(config.get(name), parts[:-1]) for name in names]
        if not holders or any(holder is None or parts[-1] not in holder for holder in holders):
            continue
        found = [holder[parts[-1]] for holder in holders if holder is not None]
        value, rest = _read(key, found[0])
        if value is None or any(other != found[0] for other in found) or not _taken(key, value):
            continue
        content[key] = value
        for name in names:
            _put(config, [name, *parts], rest)
    if content:
        table |= {"pod": content, "config": config}
        if not config:
            del table["config"]


def _paths() -> Iterator[tuple[str, str]]:
    """Yield each key of `pod`, and its path below a part of SkyPilot's configuration."""
    for path in (pod_tables.SPEC, pod_tables.METADATA):
        names = mapping.below(f"config.{pod_tables.SECTIONS[0]}.{path}", "pod")
        yield from ((key, f"{path}.{name}") for name, key in names.items())
    yield "sharedMemory", f"{pod_tables.SPEC}.volumes"


def _holder(table: typing.Any, path: list[str]) -> dict[str, typing.Any] | None:
    """Return the table at that path; None when there is none."""
    for part in path:
        table = table.get(part) if isinstance(table, dict) else None
    return table if isinstance(table, dict) else None


def _read(key: str, value: typing.Any) -> tuple[typing.Any, typing.Any]:
    """Return a value as a stack file has it, and what remains of it for `config`."""
    if key == "sharedMemory":
        return pod.shared_memory(value)
    return (pod.secret_names(value) if key == "imagePullSecrets" else value), None


def _taken(key: str, value: object) -> bool:
    try:
        spec.Pod.model_validate({key: value})
    except pydantic.ValidationError:
        return False
    return True


def _put(table: dict[str, typing.Any], path: list[str], value: object) -> None:
    """Set the value at a path; None removes it, and every table that is empty without it."""
    name, *below = path
    if below:
        _put(table[name], below, value)
        if not table[name]:
            del table[name]
    elif value is None:
        del table[name]
    else:
        table[name] = value
