"""One mapping of the keys of a stack, vLLM's flags and SkyPilot's task, read off the annotations.

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
from .deployment import Spec
from .fields import Kind, Row, keyed, row_of


@dataclasses.dataclass(frozen=True)
class Key:
    """A key that a stack may write, and what its field's annotation says of it."""

    name: str
    attributes: tuple[str, ...]
    """The way to the value from a spec."""
    field: pydantic_fields.FieldInfo
    row: Row

    @property
    def is_table(self) -> bool:
        """Whether the keys below it are names of the user's own."""
        annotation = self.field.annotation
        options = (annotation, *typing.get_args(annotation))
        return any(typing.get_origin(option) is dict for option in options)


def _keys(
    model: type[pydantic.BaseModel], name: str = "", attributes: tuple[str, ...] = ()
) -> Iterator[Key]:
    """Yield the keys of a table, and after each the keys of the table within."""
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
"""Each flag of vLLM that has a key of its own, and the key."""

ONLY: Mapping[str, Kind] = {
    key.attributes[0]: key.row.only for key in KEYS.values() if key.row.only is not None
}
"""The fields that one kind of deployment has and the other has not."""

_PATHS: Mapping[str, Key] = {path: key for key in KEYS.values() for path in key.row.paths}


def value(wanted: Spec, key: str) -> typing.Any:
    """Return what a spec says under a key; None where a table around it is left out."""
    table: typing.Any = wanted
    for attribute in KEYS[key].attributes:
        table = getattr(table, attribute, None)
    return table


def key_of_flag(flag: str) -> str:
    """Return the key under which a stack writes a flag of vLLM, with or without a part of it."""
    return FLAGS.get(flag.partition(".")[0], "vllmArgs")


def key_of_path(path: str) -> str | None:
    """Return the key of a stack that says what stands at a path of a task; None where none does.

    Names of the user's own stay: `envs.A` is `env.A`.
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
    """Return SkyPilot's names right below a path of a task, and a table's keys that say them.

    Without a table these are the keys of a deployment itself.
    """
    names = {}
    for known, key in _PATHS.items():
        above, _, name = known.rpartition(".")
        around, _, own = key.name.rpartition(".")
        if (above, around) == (path, table):
            names[name] = own
    return names
