"""The rules of a pod's settings: `config.*.pod_config` and the table `pod` beside it."""

from collections.abc import Iterator, Mapping, Sequence

from .. import catalog
from ..catalog import suggest
from ..errors import Problem
from . import pod_tables, readers
from .annotations import row_of
from .deployment import Spec

POD_CONFIG = "pod_config"


def problems(spec: Spec) -> Iterator[Problem]:
    """Yield what Kubernetes does not know, and what is said twice."""
    for section in pod_tables.SECTIONS:
        content = _at(spec.config, (section, POD_CONFIG))
        if content is not None:
            for path, reason in _wrong(content, "Pod", ()):
                where = ".".join(("config", section, POD_CONFIG, *path))
                yield Problem("config", f"{where}: {reason}")
    yield from _twice(spec)


def _wrong(
    value: object, kind: str, path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield the place and the reason of each mistake in a value of that type of Kubernetes."""
    if value is None:  # SkyPilot: none of what its own configuration says
        return
    if kind.startswith("["):
        if not isinstance(value, list):
            yield path, f"expected a list, got {readers.got(value)}"
            return
        for number, item in enumerate(value):
            yield from _wrong(item, kind[1:-1], (*path, str(number)))
        return
    fields = catalog.pod_fields().get(kind, {})
    if not fields and kind != "{}":
        return
    if not isinstance(value, Mapping):
        yield path, f"expected a table, got {readers.got(value)}"
        return
    for key, item in value.items() if fields else ():
        if key in fields:
            yield from _wrong(item, fields[key], (*path, key))
        else:
            explain = ".".join(part for part in ("pod", *path) if not part.isdecimal())
            listed = f"`kubectl explain {explain}` lists the keys"
            yield (*path, key), f"unknown key; {suggest.did_you_mean(key, fields, listed)}"


def _twice(spec: Spec) -> Iterator[Problem]:
    for name in sorted(spec.pod.model_fields_set) if spec.pod else ():
        field = pod_tables.Pod.model_fields[name]
        for path in row_of(field).paths:
            if _at(spec.config, path.split(".")[1:]) is not None:
                yield _said_twice(str(field.alias), path)
    volumes = [f"{section}.{pod_tables.SPEC}.volumes" for section in pod_tables.SECTIONS]
    for path in volumes if spec.pod and spec.pod.shared_memory else ():
        listed = _at(spec.config, path.split("."))
        for volume in listed if isinstance(listed, list) else ():
            if isinstance(volume, Mapping) and volume.get("name") == pod_tables.SHARED_MEMORY:
                yield _said_twice("sharedMemory", f"config.{path}, {pod_tables.SHARED_MEMORY}")


def _said_twice(key: str, path: str) -> Problem:
    return Problem("pod", f"pod.{key}: {path} says it too; keep one of them")


def _at(table: object, path: Sequence[str]) -> object:
    """Return the value at a path of nested tables; None when there is none."""
    for part in path:
        table = table.get(part) if isinstance(table, Mapping) else None
    return table
