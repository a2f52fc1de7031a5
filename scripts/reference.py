"""Writes what is written from the code: `python -m scripts.reference`.

That is the tables of the documentation and the types of specs in programs (typed_specs.py). A page
holds each table between `<!-- NAME -->` and `<!-- end -->`.
"""

import pathlib
import re
import typing
from collections.abc import Iterator, Mapping

from pydantic import fields as pydantic_fields
from pydantic_core import PydanticUndefined

from pulumi_skypilot import catalog, spec
from pulumi_skypilot.plan import changes, volume_plan
from pulumi_skypilot.plan.memory import weights
from pulumi_skypilot.spec import annotations, storage
from scripts import typed_specs

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGES = tuple(
    ROOT / "docs" / f"{name}.md" for name in ("reference", "skypilot", "volumes", "models")
)

Table = tuple[tuple[str, ...], ...]

HEAD = ("key", "type", "default", "meaning", "becomes")


def tables() -> dict[str, Table]:
    """Return every table by its name."""
    return {**_keys(), "spec.volume": _volume(), "models": _models(), **dict(_changes())}


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
        tables[name] = (*tables.get(name, (HEAD,)), _cells(key.name, key.row, key.field))
    return tables


def _volume() -> Table:
    """Return the table of a volume's keys."""
    fields = storage.Volume.model_fields.values()
    rows = [_cells(str(field.alias), annotations.row_of(field), field) for field in fields]
    return (HEAD, *rows)


def _models() -> Table:
    """Return the table of the models that the package knows."""
    rows = [
        (
            f"`{facts.id}`",
            f"{weights.parameters(facts.architecture) / 1e9:.1f} B",
            facts.task,
            facts.weights,
            f"{facts.max_positions:,}" if facts.max_positions else "",
            f"`{facts.tool_parser}`" if facts.tool_parser else "",
            f"`{facts.reasoning_parser}`" if facts.reasoning_parser else "",
            "yes" if facts.gated else "",
        )
        for facts in sorted(catalog.builtin().values(), key=lambda facts: facts.id.casefold())
    ]
    head = (
        "model",
        "parameters",
        "task",
        "weights",
        "context",
        "`tools`",
        "`reasoningParser`",
        "gated",
    )
    return (head, *rows)


def _cells(name: str, row: spec.Row, field: pydantic_fields.FieldInfo) -> tuple[str, ...]:
    meaning = f"{row.meaning} ({row.only}s only)" if row.only else row.meaning
    default = row.default or _default(field)
    return f"`{name}`", row.type, default, meaning, row.target or "\N{EN DASH}"


def _changes() -> Iterator[tuple[str, Table]]:
    """Return the effect of each change on each kind of deployment, in the order of the rules."""
    for kind, rules in {**changes.RULES, "volume": volume_plan.RULES}.items():
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
    typed_specs.write()
