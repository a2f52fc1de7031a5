"""The one mapping between a stack's keys, vLLM's flags and SkyPilot's task.

It is derived from the annotations of the fields.

A key is named by its place in a stack file, such as `replicas.max`; a path by its place in a task,
such as `service.replica_policy.max_replicas`.
"""

import dataclasses
import functools
import typing
from collections.abc import Iterator, Mapping

import pydantic
from pydantic import fields as pydantic_fields

from . import readers
from .annotations import Kind, Row, keyed, row_of
from .deployment import Spec


@dataclasses.dataclass(frozen=True)
class Key:
    """A key that a stack may write, with the annotation of its field."""

    name: str
    attributes: tuple[str, ...]
    """The attributes that lead from a spec to the value, outermost first."""
    field: pydantic_fields.FieldInfo
    row: Row

    @property
    def is_table(self) -> bool:
        """Return whether the user chooses the names of the keys below this one."""
        annotation = self.field.annotation
        options = (annotation, *typing.get_args(annotation))
        return any(typing.get_origin(option) is dict for option in options)


def _keys(
    model: type[pydantic.BaseModel], name: str = "", attributes: tuple[str, ...] = ()
) -> Iterator[Key]:
    """Yield the keys of a table. After each key come the keys of its nested table."""
    for attribute, field in model.model_fields.items():
        key = f"{name}.{field.alias}" if name else str(field.alias)
        way = (*attributes, attribute)
        yield Key(key, way, field, row_of(field))
        nested = readers.nested(field.annotation)
        if nested is not None:
            yield from _keys(nested, key, way)


KEYS: Mapping[str, Key] = {key.name: key for key in _keys(Spec)}
"""Every key by its name, in the order of the reference."""

FLAGS: Mapping[str, str] = keyed(Spec)
"""From each flag of vLLM that has a key of its own to that key."""

SHARED: Mapping[str, str] = {key.row.shared: key.name for key in KEYS.values() if key.row.shared}
"""From each flag that a key or `vllmArgs` sets, but not both, to that key."""

ONLY: Mapping[str, Kind] = {
    key.attributes[0]: key.row.only for key in KEYS.values() if key.row.only is not None
}
"""The fields that only one kind of deployment has, and that kind."""

_PATHS: Mapping[str, Key] = {path: key for key in KEYS.values() for path in key.row.paths}


def value(spec: Spec, key: str) -> typing.Any:
    """Return a key's value in a spec; None when a table around the key is missing."""
    table: typing.Any = spec
    for attribute in KEYS[key].attributes:
        table = getattr(table, attribute, None)
    return table


def key_of_flag(flag: str) -> str:
    """Return the key under which a stack writes a flag of vLLM, or FLAG.PART of one."""
    return FLAGS.get(flag.partition(".")[0], "vllmArgs")


def key_of_path(path: str) -> str | None:
    """Return the stack's key for a path of a task; None when no key sets that path.

    Names that the user chose stay: `envs.A` is `env.A`.
    """
    if path in _PATHS:
        return _PATHS[path].name
    above = max((known for known in _PATHS if path.startswith(f"{known}.")), key=len, default=None)
    if above is not None:
        key = _PATHS[above]
        return key.name + path.removeprefix(above) if key.is_table else None
    below = {key.name for known, key in _PATHS.items() if known.startswith(f"{path}.")}
    return below.pop() if len(below) == 1 else None


@functools.cache
def below(path: str, table: str = "") -> Mapping[str, str]:
    """Return a map from SkyPilot's names directly below a task's path to the keys that set them.

    The keys are those of the given table; without one, the top-level keys of a deployment.
    """
    names = {}
    for known, key in _PATHS.items():
        above, _, name = known.rpartition(".")
        around, _, own = key.name.rpartition(".")
        if (above, around) == (path, table):
            names[name] = own
    return names
