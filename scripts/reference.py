"""Writes the tables of the documentation from the code: `python -m scripts.reference`.

A page holds each table between `<!-- NAME -->` and `<!-- end -->`.
"""

import pathlib
import re
import typing
from collections.abc import Iterator, Mapping

from pydantic import fields as pydantic_fields
from pydantic_core import PydanticUndefined

from pulumi_skypilot import spec
from pulumi_skypilot.plan import changes

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGES = (ROOT / "docs" / "reference.md", ROOT / "docs" / "skypilot.md")

Table = tuple[tuple[str, ...], ...]

HEAD = ("key", "type", "default", "meaning", "becomes")


def tables() -> dict[str, Table]:
    """Return every table by its name."""
    return {**_keys(), **dict(_changes())}


def filled(page: str, made: Mapping[str, Table]) -> str:
    """Return the page with its tables filled in."""

    def table(match: re.Match[str]) -> str:
        name = match[1]
        head, *rows = [f"| {' | '.join(row)} |" for row in made[name]]
        line = "|---" * len(made[name][0]) + "|"
        return "\n".join([f"<!-- {name} -->", head, line, *rows, "<!-- end -->"])

    return re.sub(r"<!-- ([\w.]+) -->\n.*?<!-- end -->", table, page, flags=re.S)


def _keys() -> dict[str, Table]:
    """Return the table of a deployment's keys, and those of the tables within."""
    tables: dict[str, Table] = {}
    for key in spec.mapping.KEYS.values():
        around, _, _ = key.name.rpartition(".")
        name = f"spec.{around}" if around else "spec"
        row = key.row
        meaning = f"{row.meaning} ({row.only}s only)" if row.only else row.meaning
        default = row.default or _default(key.field)
        cells = (f"`{key.name}`", row.type, default, meaning, row.target or "\N{EN DASH}")
        tables[name] = (*tables.get(name, (HEAD,)), cells)
    return tables


def _changes() -> Iterator[tuple[str, Table]]:
    """Return the effect of each change on each kind of deployment, in the order of the rules."""
    for kind, rules in changes.RULES.items():
        rows = [
            (
                rule.subject,
                f"**{rule.effect.value}**",
                "; ".join(filter(None, [rule.why, rule.meanwhile])),
            )
            for rule in rules
        ]
        yield f"changes.{kind}", (("changed", "effect", "why"), *rows)


def _default(field: pydantic_fields.FieldInfo) -> str:
    value: typing.Any = field.default
    if field.is_required() or value is PydanticUndefined:
        return "required"
    if value is None or value in ((), {}):
        return "none"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{value}`" if isinstance(value, str) else str(value)


if __name__ == "__main__":
    for file in PAGES:
        file.write_text(filled(file.read_text(), tables()))
