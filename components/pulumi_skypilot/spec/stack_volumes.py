"""The volumes of a stack's config, and the names by which its deployments mount them. Pure."""

import dataclasses
import typing
from collections.abc import Iterator, Mapping

from .. import errors
from . import machine_tables, storage

ADOPT = "adopt"
"""The key of a volume that is not part of its spec."""
EXAMPLE = "{models: {infra: k8s/prod, size: 200}}"

Table = Mapping[str, typing.Any]


@dataclasses.dataclass(frozen=True)
class Declared:
    """A volume that a stack declares."""

    spec: storage.Volume
    name: str
    """Its name on the API server."""
    adopt: bool = False


def read(value: object, where: str, prefix: str) -> tuple[dict[str, Declared], list[str]]:
    """Return the volumes in a setting by key, and a line for each mistake.

    `where` is the setting's full key; `prefix` begins the names on the API server.
    """
    if value is None:
        return {}, []
    if not isinstance(value, Mapping):
        return {}, [f"{where}: it must be a table of volumes, by key, such as {EXAMPLE}"]
    volumes: dict[str, Declared] = {}
    lines: list[str] = []
    for key, table in value.items():
        if table is None:
            continue
        place = f"{where}.{key}"
        if not isinstance(table, Mapping):
            lines.append(f"{place}: it must be a table, such as {storage.Volume.EXAMPLE}")
            continue
        adopt = table.get(ADOPT, False)
        if not isinstance(adopt, bool):
            lines.append(f"{place}.{ADOPT}: write true or false")
        try:
            spec = storage.parse({name: item for name, item in table.items() if name != ADOPT})
        except errors.SpecError as error:
            lines += [f"{place}.{problem.reason}" for problem in error.problems]
        else:
            name = spec.existing or (f"{prefix}-{key}" if prefix else str(key))
            volumes[str(key)] = Declared(spec, name, adopt is True)
    return volumes, lines


def resolved(table: Table, volumes: Mapping[str, Declared]) -> dict[str, typing.Any]:
    """Return a deployment's table with the names of volumes on the API server.

    A name that is no key of the stack's volumes is one on the API server already.
    """
    result = dict(table)
    cache = result.get("modelCache")
    if isinstance(cache, Mapping) and cache.get("volume") in volumes:
        result["modelCache"] = {**cache, "volume": volumes[cache["volume"]].name}
    mounted = result.get("volumes")
    if isinstance(mounted, Mapping):
        result["volumes"] = {
            path: volumes[name].name if isinstance(name, str) and name in volumes else name
            for path, name in mounted.items()
        }
    return machine_tables.with_cache(result)


def twice(volumes: Mapping[str, Declared], where: str) -> Iterator[str]:
    """Yield a line for each volume whose name another one has."""
    first: dict[str, str] = {}
    for key, volume in volumes.items():
        other = first.setdefault(volume.name, key)
        if other != key:
            yield (
                f"{where}.{key}: it is the volume {volume.name}, and so is {other}; declare it once"
            )
