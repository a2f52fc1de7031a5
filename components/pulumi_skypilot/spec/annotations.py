"""The annotation of a key of a spec, and the base of every table that has keys."""

import dataclasses
import functools
import typing
from collections.abc import Mapping

import pydantic
from pydantic import alias_generators
from pydantic import fields as pydantic_fields

Kind = typing.Literal["service", "cluster"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Row:
    """Everything about a key except its reader. mapping.py derives its tables from these rows."""

    type: str = dataclasses.field(kw_only=False)
    """The values that a user may write, in words."""
    meaning: str = dataclasses.field(kw_only=False)
    default: str = ""
    """The default in words; empty: the field's own default."""
    flag: str | None = None
    """The flag of `vllm serve` that gets the value, without dashes."""
    shared: str | None = None
    """The flag that gets it, where `vllmArgs` may set this flag instead."""
    unless: object = None
    """vLLM's own default for the flag. The command leaves the flag out for this value."""
    path: str | tuple[str, ...] = ()
    """The value's place in SkyPilot's task: keys joined by dots."""
    becomes: str = ""
    """What the key becomes, in words; empty: flag and path say it."""
    takes: object = None
    """The type that a program may write for it; None: the field's own."""
    only: Kind | None = None
    """The one kind of deployment that has the key; None: both have it."""

    @property
    def paths(self) -> tuple[str, ...]:
        """Return the places that the value may have in SkyPilot's task."""
        return (self.path,) if isinstance(self.path, str) else self.path

    @property
    def target(self) -> str:
        """Return what the key becomes, as the reference shows it."""
        flags = [f"`--{flag}`" for flag in (self.flag, self.shared) if flag]
        return self.becomes or ", ".join([*(f"`{path}`" for path in self.paths), *flags])


def row_of(field: pydantic_fields.FieldInfo) -> Row:
    """Return the row in a field's annotation."""
    return next(entry for entry in field.metadata if isinstance(entry, Row))


class Strict(pydantic.BaseModel):
    """A table that refuses unknown keys. A key without a value counts as not written."""

    EXPECTED: typing.ClassVar[str] = "a table"
    """What a user may write for the table. Errors show it."""
    EXAMPLE: typing.ClassVar[str] = "{…}"
    """An example of its value. Errors show it."""

    model_config = pydantic.ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=alias_generators.to_camel,
        defer_build=True,  # spec.parse builds the tables when it is first called
    )

    @pydantic.model_validator(mode="before")
    @classmethod
    def _without_empty(cls, data: object) -> object:
        if not isinstance(data, Mapping):
            return data
        return {key: value for key, value in data.items() if value is not None}


def read(reader: object) -> pydantic.BeforeValidator:
    """Return the annotation that makes a field use this reader."""
    return pydantic.BeforeValidator(typing.cast("typing.Any", reader))


@functools.cache
def keyed(model: type[pydantic.BaseModel]) -> Mapping[str, str]:
    """Return a map from each flag of vLLM that has a key in this table to that key."""
    rows = {str(field.alias): row_of(field) for field in model.model_fields.values()}
    return {row.flag: key for key, row in rows.items() if row.flag}
