"""Reads what vLLM's own source declares of numbers: `python -m scripts.ranges FOLDER`.

FOLDER is the package vllm of one release, installed or unpacked from its wheel; it is parsed and
never imported. Two files of the catalogue are written: ranges.toml, what each flag of `vllm serve`
takes where that is a number or one of some words, and methods.toml, what each quantization asks of
a GPU. What vLLM enforces in code only is in the catalogue's enforced.toml, kept by hand.
"""

import argparse
import ast
import json
import pathlib
import re
import typing
from collections.abc import Iterator, Mapping

from .vllm_source import Field, Row, Source, name_of

CATALOG = pathlib.Path("components/pulumi_skypilot/catalog")
PARSERS = ("AsyncEngineArgs", "EngineArgs")
"""The classes whose add_cli_args declares flags one by one."""
FRONTEND = "FrontendArgs"
"""The class each of whose fields is a flag."""
METHODS = "model_executor/layers/quantization"


def flags(folder: pathlib.Path) -> dict[str, Row]:
    """Return the allowed values of each flag of `vllm serve` that takes a number or fixed words."""
    source = Source(folder)
    rows: dict[str, Row] = {}
    for flag, field, row in _declared(source):
        if field is not None:
            for inner in source.nested(flag, field):
                rows[inner.pop("flag")] = inner
        if row is not None:
            rows[flag] = row
    return dict(sorted(rows.items()))


def methods(folder: pathlib.Path) -> dict[str, Row]:
    """Return the least compute capability and the dtypes of each quantization, by vLLM's name."""
    table = _assigned(folder / METHODS / "__init__.py", "method_to_config")
    classes: dict[str, tuple[pathlib.Path, ast.ClassDef]] = {
        node.name: (path, node)
        for path in sorted((folder / METHODS).rglob("*.py"))
        for node in ast.parse(path.read_text("utf-8")).body
        if isinstance(node, ast.ClassDef)
    }
    shorthands = _assigned(folder / "config/quantization.py", "_ONLINE_SHORTHANDS")
    keys = [*table.keys, *shorthands.keys]
    values = [*table.values, *(ast.Name("OnlineQuantizationConfig") for _ in shorthands.keys)]
    rows: dict[str, Row] = {}
    for key, value in zip(keys, values, strict=True):
        method = key.value if isinstance(key, ast.Constant) else None
        if method is None or method in rows or name_of(value) not in classes:
            continue
        least = _returned(name_of(value), "get_min_capability", classes)
        dtypes = _returned(name_of(value), "get_supported_act_dtypes", classes)
        if least is None or dtypes is None:
            continue
        path = classes[name_of(value)][0].relative_to(folder)
        rows[str(method)] = {
            "min_capability": ast.literal_eval(least),
            "dtypes": sorted(_dtypes(dtypes)),
            "source": f"vllm/{path}, {name_of(value)}",
        }
    return dict(sorted(rows.items()))


def _assigned(path: pathlib.Path, name: str) -> ast.Dict:
    """Return the table that a file assigns to that name."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.AnnAssign) and name_of(node.target) == name:
            return typing.cast("ast.Dict", node.value)
    raise LookupError(f"{path} has no {name}")


def _declared(source: Source) -> Iterator[tuple[str, Field | None, Row | None]]:
    """Yield each flag with its field and row, if they are known."""
    for name, field in source.fields(FRONTEND).items():
        yield name.replace("_", "-"), field, source.row(field)
    for owner in PARSERS:
        yield from _declared_by(source, source.classes[owner])
    for node in source.trees["cli_args.py"].body:
        if isinstance(node, ast.FunctionDef) and node.name == "make_arg_parser":
            yield from _declared_by(source, node)


def _declared_by(source: Source, node: ast.AST) -> Iterator[tuple[str, Field | None, Row | None]]:
    owners = {
        name_of(inner.targets[0]): name_of(inner.value.args[0])
        for inner in ast.walk(node)
        if isinstance(inner, ast.Assign)
        and isinstance(inner.value, ast.Call)
        and name_of(inner.value.func) == "get_kwargs"
    }
    for call in ast.walk(node):
        if not isinstance(call, ast.Call) or name_of(call.func) != "add_argument":
            continue
        words = [argument.value for argument in call.args if isinstance(argument, ast.Constant)]
        names = [str(word)[2:] for word in words if str(word).startswith("--")]
        field, row = _argument(source, names[0], call, owners) if names else (None, None)
        for name in names:
            same = {"same_as": names[0]} if row and name != names[0] else {}
            yield name, field, row and {**row, **same}


def _argument(
    source: Source, name: str, call: ast.Call, owners: Mapping[str, str]
) -> tuple[Field | None, Row | None]:
    """Return the declaration of a call of add_argument."""
    given = {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg}
    spread = next((keyword.value for keyword in call.keywords if keyword.arg is None), None)
    field = _spread(source, spread, owners)
    if field is not None:
        return field, source.row(field)
    if name_of(given.get("type")) in ("int", "float"):
        return None, {"type": name_of(given["type"]), **_namesake(source, name)}
    choices = given.get("choices")
    if isinstance(choices, ast.List):
        words = [ast.literal_eval(choice) for choice in choices.elts]
        return None, {"one_of": words, "source": f"add_argument --{name}"}
    return None, None


def _spread(source: Source, value: ast.expr | None, owners: Mapping[str, str]) -> Field | None:
    """Return the field of **KWARGS["field"], also if a part of it is replaced."""
    if isinstance(value, ast.Dict):
        inner = [v for k, v in zip(value.keys, value.values, strict=True) if k is None]
        value = inner[0] if inner else None
    if isinstance(value, ast.Subscript) and name_of(value.value) in owners:
        return source.fields(owners[name_of(value.value)])[ast.literal_eval(value.slice)]
    return None


def _namesake(source: Source, flag: str) -> Row:
    """Return the bounds of the field that a flag sets, in the one configuration with its name."""
    name = flag.replace("-", "_")
    fields = [
        source.fields(owner)[name]
        for owner in source.classes
        if owner.endswith("Config") and name in source.fields(owner)
    ]
    if len(fields) != 1:
        return {"source": f"add_argument --{flag}"}
    return {**fields[0].bounds, "source": f"{fields[0].owner}.{name}"}


def _returned(
    owner: str, method: str, classes: Mapping[str, tuple[pathlib.Path, ast.ClassDef]]
) -> ast.expr | None:
    """Return the value that a method of a class, or of a base class, returns."""
    if owner not in classes:
        return None
    node = classes[owner][1]
    for member in node.body:
        if isinstance(member, ast.FunctionDef) and member.name == method:
            values = [n.value for n in ast.walk(member) if isinstance(n, ast.Return)]
            return values[0] if len(values) == 1 else None
    return next(
        (
            inherited
            for base in node.bases
            if (inherited := _returned(name_of(base), method, classes))
        ),
        None,
    )


def _dtypes(value: ast.expr) -> Iterator[str]:
    for node in ast.walk(value):
        if isinstance(node, ast.Attribute) and name_of(node.value) == "torch":
            yield {"half": "float16"}.get(node.attr, node.attr)


def _toml(table: Mapping[str, Row], engine: str, head: str) -> str:
    lines = [*head.splitlines(), f'engine = "{engine}"', ""]
    for name, row in table.items():
        key = name if re.fullmatch(r"[\w-]+", name) else f'"{name}"'
        held = ", ".join(f"{k} = {json.dumps(v)}" for k, v in row.items())
        lines.append(f"{key} = {{{held}}}")
    return "\n".join(lines) + "\n"


RANGES = """\
# What each flag of `vllm serve` takes, where that is a number or one of some words: read from the
# source of vLLM by `python -m scripts.ranges`, and not edited. "size" may be written 2k (2,000) or
# 2K (2,048); "optional" may be None."""
METHODS_HEAD = """\
# What each quantization of vLLM asks of a GPU, and the dtypes that the rest of the model may have:
# read from the source of vLLM by `python -m scripts.ranges`, and not edited (get_min_capability and
# get_supported_act_dtypes, to which config/vllm.py, _get_quantization_config, holds a GPU)."""


def main() -> None:
    """Write the two files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=pathlib.Path, help="the package vllm of one release")
    parser.add_argument("--catalog", type=pathlib.Path, default=CATALOG, help="where to write")
    given = parser.parse_args()
    version = (given.folder / "_version.py").read_text("utf-8")
    engine = re.findall(r"""__version__ = version = ["']([\d.]+)""", version)[0].strip(".")
    ranges = _toml(flags(given.folder), engine, RANGES)
    (given.catalog / "ranges.toml").write_text(ranges, "utf-8")
    held = _toml(methods(given.folder), engine, METHODS_HEAD)
    (given.catalog / "methods.toml").write_text(held, "utf-8")


if __name__ == "__main__":
    main()
