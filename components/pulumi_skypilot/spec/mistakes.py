"""What is wrong with a spec, said in one line a mistake from what pydantic found."""

import typing
from collections.abc import Sequence

import pydantic

from .. import errors
from ..catalog import suggest
from . import fields, readers

_LISTED = "docs/reference.md lists the keys"


def reasons(
    error: pydantic.ValidationError, model: type[fields.Strict]
) -> typing.Iterator[tuple[str, str]]:
    """Yield each mistake that pydantic found: the top-level key and one line about it."""
    for mistake in error.errors(include_url=False):
        if mistake["type"] == "default_factory_not_called":
            continue  # the key that it is filled in from has its own line
        path = [str(part) for part in mistake["loc"]]
        match mistake["type"]:
            case "extra_forbidden":
                keys = _keys(_table(model, path[:-1]))
                reason = f"unknown key; {suggest.did_you_mean(path[-1], keys, _LISTED)}"
            case "missing":
                reason = "it is missing"
            case "value_error":
                reason = str(mistake["ctx"]["error"])
            case "literal_error":
                unknown, known = readers.shown(mistake["input"]), mistake["ctx"]["expected"]
                reason = f"{unknown} is unknown; write {known}"
            case "bool_type":
                reason = f"expected true or false, got {readers.got(mistake['input'])}"
            case "string_type":
                reason = "expected a text; put it in quotes"
            case _:
                reason = _not_a_table(_table(model, path), path[-1], mistake["input"])
        yield path[0], errors.one_line(f"{'.'.join(path)}: {reason}")


def _not_a_table(table: type[fields.Strict], key: str, value: object) -> str:
    """Return what is wrong with what stands in a table's place, and what to write."""
    # What stands one level too high may be a secret.
    public = all(field.repr for field in table.model_fields.values())
    told = f", got {readers.got(value)}" if public else ""
    return f"expected {table.EXPECTED}{told}; write `{key}: {table.EXAMPLE}`"


def _table(model: type[fields.Strict], path: Sequence[str]) -> type[fields.Strict]:
    """Return the table at this place."""
    for part in path:
        field = next((f for f in model.model_fields.values() if f.alias == part), None)
        if field is not None:  # else it is a name in a table of tables
            within = readers.nested(field.annotation)
            model = within if within and issubclass(within, fields.Strict) else model
    return model


def _keys(table: type[fields.Strict]) -> list[str]:
    """Return the keys that a stack may write in this table."""
    return [str(field.alias) for field in table.model_fields.values()]
