"""Writes the types of specs in programs, from their fields: `python -m scripts.reference`.

A field's own type is that of the value that was read. Where a program may write another, the
field's Row says it (`takes`).
"""

import enum
import pathlib
import re
import subprocess
import sys
import textwrap
import types
import typing
from collections.abc import Iterator, Mapping, Sequence

import pydantic
from pydantic import fields as pydantic_fields

from pulumi_skypilot import spec
from pulumi_skypilot.program import inputs
from pulumi_skypilot.spec import annotations, readers, storage

ROOT = pathlib.Path(__file__).resolve().parent.parent
FOLDER = ROOT / "components" / "pulumi_skypilot" / "program"
Model = type[pydantic.BaseModel]

TOP: Mapping[Model, str] = {spec.Spec: "DeploymentSpec", storage.Volume: "VolumeSpec"}

_HEAD = "# Written by `python -m scripts.reference` from the fields in spec/.\n"
_TABLES = '''"""The types of the tables within a spec, for the programs that write one."""

import typing
from collections.abc import Mapping, Sequence

import pulumi
'''
_SPECS = '''"""The types of a deployment and a volume, for the programs that write one.

The keys are those of a stack file. Where a stack file names a secret of its config, a program
gives the secret itself.
"""

import typing
from collections.abc import Mapping, Sequence

import pulumi

from .typed_tables import (
    {names},
)
'''


def files() -> dict[pathlib.Path, str]:
    """Return the text of each file."""
    within = list(dict.fromkeys(model for top in TOP for model in _within(top)))
    used = {_name(model) for top in TOP for model in _of_fields(top)}
    specs = _SPECS.format(names=",\n    ".join(sorted(used)))
    return {
        FOLDER / "typed_tables.py": _file(_TABLES, within),
        FOLDER / "typed_specs.py": _file(specs, list(TOP)),
    }


def write() -> None:
    """Write the files."""
    for path, text in files().items():
        path.write_text(text)


def _file(head: str, models: Sequence[Model]) -> str:
    text = "\n\n".join([_HEAD + head, *map(_table, models)])
    command = f"-m ruff format --stdin-filename {FOLDER / 'typed.py'} -".split()
    done = subprocess.run(
        [sys.executable, *command], input=text, capture_output=True, text=True, check=True
    )
    return done.stdout


def _within(model: Model) -> Iterator[Model]:
    """Yield the tables within a table, the innermost first."""
    for nested in _of_fields(model):
        yield from _within(nested)
        yield nested


def _of_fields(model: Model) -> list[Model]:
    """Return the tables in a table's fields, alone or in a list."""
    types_ = [field.annotation for field in model.model_fields.values()]
    options = [option for type_ in types_ for option in (type_, *typing.get_args(type_))]
    return list(dict.fromkeys(filter(None, map(readers.nested, options))))


def _name(model: Model) -> str:
    return TOP.get(model, f"{model.__name__}Spec")


def _table(model: Model) -> str:
    about = (model.__doc__ or "").partition("\n")[0]
    keys = [_key(str(field.alias), field) for field in model.model_fields.values()]
    return "\n".join(
        [f"class {_name(model)}(typing.TypedDict, total=False):", f'    """{about}"""', "", *keys]
    )


def _key(name: str, field: pydantic_fields.FieldInfo) -> str:
    row = annotations.row_of(field)
    written = _text(field.annotation if row.takes is None else row.takes)
    if not field.is_required():
        written += " | None"
    if name not in inputs.PLAIN:
        written = f"pulumi.Input[{written}]"
    if field.is_required():
        written = f"typing.Required[{written}]"
    default = row.default.partition(": ")[0]  # of a stack file; `none: CPU` is none
    if not default and isinstance(field.default, str | int | float):
        default = f"`{field.default!r}`"
    return f"    {name}: {written}\n{_about(row, default)}"


def _about(row: annotations.Row, default: str) -> str:
    """Return what an editor shows beside the key."""
    first = row.meaning[0] if row.meaning.startswith("vLLM") else row.meaning[0].upper()
    text = f"{first}{row.meaning[1:]}."
    text += f" Default: {default}." if default not in ("", "none", "see the table") else ""
    text += f" For a {row.only} only." if row.only else ""
    text = re.sub(r"\[([^]]+)\]\([^)]+\)", r"\1", text)
    lines = [f"    {line}" for line in textwrap.wrap(f'"""{text}', 90, break_on_hyphens=False)]
    end = '"""' if len(lines) == 1 else '\n    """'
    return "\n".join(lines) + end


def _text(annotation: typing.Any) -> str:
    """Return a type as a program may write its values: Outputs in tables and lists too."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if annotation in (object, typing.Any):
        return "typing.Any"
    if origin is typing.Annotated:
        return _text(arguments[0])
    if origin in (typing.Union, types.UnionType):
        return " | ".join(dict.fromkeys(map(_text, filter(_is_written, arguments))))
    if origin is None:
        is_table = issubclass(annotation, pydantic.BaseModel)
        return _name(annotation) if is_table else str(annotation.__name__)
    if origin is typing.Literal:
        return f"typing.Literal[{', '.join(map(repr, arguments))}]"
    mapping = issubclass(origin, Mapping)
    return f"Mapping[str, {_item(arguments[1])}]" if mapping else f"Sequence[{_item(arguments[0])}]"


def _item(annotation: typing.Any) -> str:
    text = _text(annotation)
    return text if text == "typing.Any" else f"pulumi.Input[{text}]"


def _is_written(annotation: typing.Any) -> bool:
    """Return whether a program may write values of this type, as None and UNKNOWN are not."""
    is_class = isinstance(annotation, type)
    return not is_class or not issubclass(annotation, enum.Enum | types.NoneType)
