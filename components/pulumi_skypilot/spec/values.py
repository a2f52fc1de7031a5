"""Values whose content a plan does not use: those of `env`, `secrets` and tables with secrets.

In a preview another resource may not have produced a value yet. Then the spec holds UNKNOWN.
"""

import enum
import typing
from collections.abc import Callable, Mapping

import pydantic

from .. import errors
from . import readers


class Unknown(enum.Enum):
    """The type of UNKNOWN, which stands for a value that another resource will give."""

    UNKNOWN = "not known yet"


UNKNOWN: typing.Final = Unknown.UNKNOWN
Given = str | Unknown


def known(values: Mapping[str, Given]) -> dict[str, str]:
    """Return the values as texts. Raise ValueError with the name of the first unknown one."""
    return {name: _known(name, value) for name, value in values.items()}


def _known(name: str, value: Given) -> str:
    if value is UNKNOWN:
        raise ValueError(f"{name} is {value.value}")
    return value


def table(value: object) -> dict[str, Given]:
    """Read a table of values. Errors never show them, since they may be secret."""
    if not isinstance(value, Mapping):
        return dict(readers.strings(value))
    readers.strings({name: item for name, item in value.items() if item is not UNKNOWN})
    return dict(value)


def or_unknown(reader: Callable[[object], str]) -> pydantic.PlainValidator:
    """Return the annotation that reads a single value and lets UNKNOWN through."""
    return pydantic.PlainValidator(lambda value: value if value is UNKNOWN else reader(value))


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    raise errors.ValueRefused("expected a text; put it in quotes")


Value = typing.Annotated[Given, or_unknown(_text)]
"""The type of a field for one value."""
