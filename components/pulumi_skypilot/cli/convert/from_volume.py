"""A SkyPilot volume, as `sky volumes apply` reads it, as the volume of a stack."""

import typing
from collections.abc import Iterator, Mapping

import yaml

from ... import errors
from ...spec import stack_volumes, storage

_KINDS = {"k8s-pvc": "k8s", "runpod-network-volume": "runpod"}
"""The types of volumes that a stack may declare, and their clouds."""
_OTHER_KINDS = ("k8s-hostpath",)
_UNITS = {"g": 1, "t": 1024}
_CONFIG = {
    "storage_class_name": "storageClass",
    "access_mode": "accessMode",
    "namespace": "namespace",
}


def is_volume(content: Mapping[str, typing.Any]) -> bool:
    """Return whether a YAML file describes a volume, and not a task."""
    return content.get("type") in (*_KINDS, *_OTHER_KINDS)


def volume(content: Mapping[str, typing.Any]) -> tuple[dict[str, typing.Any], tuple[str, ...]]:
    """Return the table of a stack that takes the volume over, and remarks on what it leaves out.

    Raises UnreadableTask for a volume that a stack cannot declare.
    """
    if content["type"] not in _KINDS:
        raise errors.UnreadableTask(
            f"type: {content['type']} is a folder of each machine, which no stack declares; use "
            "mounts or the machine's disk"
        )
    given = {key: value for key, value in content.items() if value is not None}
    config = given.get("config") or {}
    table: dict[str, typing.Any] = {"infra": given.get("infra", _KINDS[content["type"]])}
    if given.get("use_existing"):
        table["existing"] = given.get("name")
    elif "size" in given:
        table["size"] = _gib(given["size"])
    table |= {ours: config[theirs] for theirs, ours in _CONFIG.items() if theirs in config}
    table[stack_volumes.ADOPT] = True
    return table, tuple(_left_out(given, config))


def text(key: str, table: Mapping[str, typing.Any], *, project: str) -> str:
    """Return the part of a stack file that declares the volume."""
    content = {"config": {f"{project}:volumes": {key: dict(table)}}}
    return yaml.safe_dump(content, sort_keys=False)


def check(table: Mapping[str, typing.Any]) -> None:
    """Raise SpecError if a preview would refuse the table."""
    storage.parse({key: value for key, value in table.items() if key != stack_volumes.ADOPT})


def _gib(size: object) -> object:
    """Return a size in GiB; one that cannot be read is returned for the preview to refuse."""
    words = str(size).strip().lower().removesuffix("b").removesuffix("i")
    number, unit = (words[:-1], words[-1:]) if words[-1:] in _UNITS else (words, "g")
    return int(number) * _UNITS[unit] if number.isdigit() else size


def _left_out(given: Mapping[str, typing.Any], config: Mapping[str, typing.Any]) -> Iterator[str]:
    if given.get("labels"):
        yield "labels: left out; SkyPilot labels a volume only when it makes it"
    for key in config.keys() - _CONFIG.keys():
        yield f"config.{key}: left out; a stack's volume has no such key"
    if not given.get("use_existing"):
        yield (
            f"the volume is {given.get('name')} on SkyPilot, and a stack names its volumes "
            "<prefix>-<key>: choose prefix and key so that this is its name, or register its "
            "claim with existing"
        )
