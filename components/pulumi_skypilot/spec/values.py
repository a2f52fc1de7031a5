"""Values that a plan only names: those of `env`, `secrets` and the tables that hold secrets.

In a preview another resource may still have to give one. The spec says so by UNKNOWN, and does not
hold a made-up text in its place.
"""

import enum
import typing
from collections.abc import Callable, Mapping

import pydantic

from .. import errors
from . import readers


class Unknown(enum.Enum):
    """What stands for a value that another resource gives."""

    UNKNOWN = "not known yet"


UNKNOWN: typing.Final = Unknown.UNKNOWN
Given = str | Unknown


def known(values: Mapping[str, Given]) -> dict[str, str]:
    """Return the values. Raise ValueError that names one when it is not known yet."""
    return {name: _known(name, value) for name, value in values.items()}


def _known(name: str, value: Given) -> str:
    if value is UNKNOWN:
        raise ValueError(f"{name} is {value.value}")
    return value


def table(value: object) -> dict[str, Given]:
    """Read a table of values. They are never shown: they may be secret."""
    if not isinstance(value, Mapping):
        return dict(readers.strings(value))
    readers.strings({name: item for name, item in value.items() if item is not UNKNOWN})
    return dict(value)


def or_unknown(reader: Callable[[object], str]) -> pydantic.PlainValidator:
    """Return what reads a single value, unless it is not known yet."""
    return pydantic.PlainValidator(lambda value: value if value is UNKNOWN else reader(value))


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    raise errors.ValueRefused("expected a text; put it in quotes")


Value = typing.Annotated[Given, or_unknown(_text)]
"""The type of a field that holds one."""
