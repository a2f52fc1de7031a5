"""The error lines about a spec, one a mistake, made from pydantic's errors."""

import typing
from collections.abc import Sequence

import pydantic

from .. import errors
from ..catalog import suggest
from . import annotations, readers

_LISTED = "docs/reference.md lists the keys"


def reasons(
    error: pydantic.ValidationError, model: type[annotations.Strict]
) -> typing.Iterator[tuple[str, str]]:
    """Yield the top-level key and one line for each mistake that pydantic reports."""
    for mistake in error.errors(include_url=False):
        if mistake["type"] == "default_factory_not_called":
            continue  # its default comes from another key, which has its own line
        path = [str(part) for part in mistake["loc"]]
        match mistake["type"]:
            case "extra_forbidden":
                keys = _keys(_table(model, path[:-1]))
                reason = f"unknown key; {suggest.did_you_mean(path[-1], keys, _LISTED)}"
            case "missing":
                row = _row(_table(model, path[:-1]), path[-1])
                reason = f"it is missing; add it ({row.type})"
            case "value_error":
                refusal = mistake["ctx"]["error"]
                if isinstance(refusal, errors.ValueRefused):
                    path += [refusal.within] if refusal.within else []
                    reason = refusal.reason
                else:
                    reason = str(refusal)
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


def _not_a_table(table: type[annotations.Strict], key: str, value: object) -> str:
    """Return the reason why a value cannot replace a table, and what to write."""
    # A value one level too high may be a secret.
    public = all(field.repr for field in table.model_fields.values())
    actual = f", got {readers.got(value)}" if public else ""
    return f"expected {table.EXPECTED}{actual}; write `{key}: {table.EXAMPLE}`"


def _table(model: type[annotations.Strict], path: Sequence[str]) -> type[annotations.Strict]:
    """Return the model of the table at this path."""
    for part in path:
        field = next((f for f in model.model_fields.values() if f.alias == part), None)
        if field is not None:  # else the part is a user's name in a table of tables
            within = readers.nested(field.annotation)
            model = within if within and issubclass(within, annotations.Strict) else model
    return model


def _row(table: type[annotations.Strict], key: str) -> annotations.Row:
    """Return the row of a table's key."""
    fields = table.model_fields.values()
    return next(annotations.row_of(field) for field in fields if field.alias == key)


def _keys(table: type[annotations.Strict]) -> list[str]:
    """Return the keys that a stack may write in this table."""
    return [str(field.alias) for field in table.model_fields.values()]
