"""Reads what vLLM's own source declares of numbers: `python -m scripts.ranges FOLDER`.

FOLDER is the package vllm of one release, installed or unpacked from its wheel; it is parsed and
never imported. Two files of the catalogue are written: ranges.toml, what each flag of `vllm serve`
takes where that is a number or one of some words, and methods.toml, what each quantization asks of
a GPU. What vLLM enforces in code only is in the catalogue's enforced.toml, kept by hand.
"""

import argparse
import ast
import dataclasses
import functools
import json
import pathlib
import re
import typing
from collections.abc import Iterator, Mapping

CATALOG = pathlib.Path("components/pulumi_skypilot/catalog")
BOUNDS = ("gt", "ge", "lt", "le", "multiple_of")
"""What pydantic's Field calls them."""
SOURCES = ("config/*.py", "engine/arg_utils.py", "entrypoints/launchers/cli_args.py")
PARSERS = ("AsyncEngineArgs", "EngineArgs")
"""The classes whose add_cli_args declares flags one by one."""
FRONTEND = "FrontendArgs"
"""The class each of whose fields is a flag."""
METHODS = "model_executor/layers/quantization"

Row = dict[str, typing.Any]


@dataclasses.dataclass(frozen=True)
class Field:
    """One field of a configuration class."""

    owner: str
    name: str
    annotation: ast.expr
    default: ast.expr | None

    @property
    def bounds(self) -> dict[str, float]:
        """The bounds that its default, a Field(…), declares."""
        call = self.default
        if not isinstance(call, ast.Call) or _name(call.func) != "Field":
            return {}
        given = {keyword.arg: keyword.value for keyword in call.keywords}
        return {key: ast.literal_eval(given[key]) for key in BOUNDS if key in given}


class Source:
    """The classes and the aliases of types in vLLM's source."""

    def __init__(self, folder: pathlib.Path) -> None:
        files = [path for pattern in SOURCES for path in sorted(folder.glob(pattern))]
        self.trees = {path.name: ast.parse(path.read_text("utf-8")) for path in files}
        nodes = [node for tree in self.trees.values() for node in tree.body]
        self.classes = {node.name: node for node in nodes if isinstance(node, ast.ClassDef)}
        self.aliases = {
            _name(node.targets[0]): node.value
            for node in nodes
            if isinstance(node, ast.Assign) and len(node.targets) == 1
        }
        parser = next(node for node in nodes if getattr(node, "name", "") == "_compute_kwargs")
        self.sizes = _sizes(parser)

    @functools.cache  # noqa: B019 - one Source a run
    def fields(self, owner: str) -> dict[str, Field]:
        """The fields of a class and of those that it inherits from."""
        node = self.classes[owner]
        found: dict[str, Field] = {}
        for base in node.bases:
            if _name(base) in self.classes:
                found |= self.fields(_name(base))
        for one in node.body:
            if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name):
                name = one.target.id
                found[name] = Field(owner, name, one.annotation, one.value)
        return found

    def types(self, annotation: ast.expr) -> Iterator[ast.expr]:
        """The parts of a union, aliases followed."""
        if isinstance(annotation, ast.BinOp):
            yield from self.types(annotation.left)
            yield from self.types(annotation.right)
        elif isinstance(annotation, ast.Subscript) and _name(annotation.value) == "Annotated":
            yield from self.types(typing.cast("ast.Tuple", annotation.slice).elts[0])
        elif isinstance(annotation, ast.Name) and annotation.id in self.aliases:
            yield from self.types(self.aliases[annotation.id])
        else:
            yield annotation

    def row(self, field: Field) -> Row | None:
        """What a flag of that field takes (engine/arg_utils.py, _compute_kwargs); None: any."""
        parts = list(self.types(field.annotation))
        found = self._type(field.name, parts)
        if found is None:
            return None
        optional = {"optional": True} if "None" in map(_name, parts) else {}
        bounds = {} if "one_of" in found else field.bounds
        return {**found, **bounds, **optional, "source": f"{field.owner}.{field.name}"}

    def _type(self, name: str, parts: list[ast.expr]) -> Row | None:
        names = {_name(part) for part in parts}
        if own := names & self.classes.keys():
            levels = self.levels(own.pop())
            return {"one_of": levels} if levels else None
        held = {_name(part): part for part in parts if isinstance(part, ast.Subscript)}
        if "Literal" in held:
            words = self.words(held["Literal"])
            return {"one_of": list(dict.fromkeys(words))} if words and "str" not in names else None
        many = next((held[one] for one in ("tuple", "list", "set") if one in held), None)
        if many is not None:
            names = {_name(one) for one in ast.walk(many.slice)}
        kind: str | None = next((one for one in ("int", "float") if one in names), None)
        if kind is None or "bool" in names or (many is not None and "str" in names):
            return None
        written = self.sizes.get(name, kind) if kind == "int" else kind
        return {"type": written, "many": True} if many is not None else {"type": written}

    def words(self, literal: ast.Subscript) -> list[typing.Any]:
        """The words of a Literal, those of another one within it too; none if not all are known."""
        held = literal.slice
        found: list[typing.Any] = []
        for one in held.elts if isinstance(held, ast.Tuple) else [held]:
            part = self.aliases.get(_name(one), one) if isinstance(one, ast.Name) else one
            if isinstance(part, ast.Subscript) and _name(part) == "Literal":
                found += self.words(part)
            elif isinstance(part, ast.Constant):
                found.append(part.value)
            else:
                return []
        return found

    def levels(self, owner: str) -> list[int]:
        """The values of an enumeration of numbers."""
        node = self.classes[owner]
        if "IntEnum" not in map(_name, node.bases):
            return []
        return [ast.literal_eval(one.value) for one in node.body if isinstance(one, ast.Assign)]

    def nested(self, flag: str, field: Field, seen: frozenset[str] = frozenset()) -> Iterator[Row]:
        """The rows of a flag whose value is a table: those of its keys that have bounds.

        Words are left out: validators of the tables take some in other spellings.
        """
        for part in self.types(field.annotation):
            owner = _name(part)
            if owner not in self.classes or owner in seen:
                continue
            for name, inner in self.fields(owner).items():
                row = self.row(inner)
                if row is not None and inner.bounds:
                    yield {"flag": f"{flag}.{name}", **row}
                yield from self.nested(f"{flag}.{name}", inner, seen | {owner})


def flags(folder: pathlib.Path) -> dict[str, Row]:
    """Each flag of `vllm serve` that takes a number, or one of some words, and what it takes."""
    source = Source(folder)
    found: dict[str, Row] = {}
    for flag, field, row in _declared(source):
        if field is not None:
            for inner in source.nested(flag, field):
                found[inner.pop("flag")] = inner
        if row is not None:
            found[flag] = row
    return dict(sorted(found.items()))


def methods(folder: pathlib.Path) -> dict[str, Row]:
    """Each quantization by vLLM's name: the least compute capability, and which dtypes it takes."""
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
    found: dict[str, Row] = {}
    for key, value in zip(keys, values, strict=True):
        method = key.value if isinstance(key, ast.Constant) else None
        if method is None or method in found or _name(value) not in classes:
            continue
        least = _returned(_name(value), "get_min_capability", classes)
        dtypes = _returned(_name(value), "get_supported_act_dtypes", classes)
        if least is None or dtypes is None:
            continue
        path = classes[_name(value)][0].relative_to(folder)
        found[str(method)] = {
            "min_capability": ast.literal_eval(least),
            "dtypes": sorted(_dtypes(dtypes)),
            "source": f"vllm/{path}, {_name(value)}",
        }
    return dict(sorted(found.items()))


def _assigned(path: pathlib.Path, name: str) -> ast.Dict:
    """The table that a file gives that name."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.AnnAssign) and _name(node.target) == name:
            return typing.cast("ast.Dict", node.value)
    raise LookupError(f"{path} has no {name}")


def _declared(source: Source) -> Iterator[tuple[str, Field | None, Row | None]]:
    """Each flag with its field and row, where they are known."""
    for name, field in source.fields(FRONTEND).items():
        yield name.replace("_", "-"), field, source.row(field)
    for owner in PARSERS:
        yield from _declared_by(source, source.classes[owner])
    for node in source.trees["cli_args.py"].body:
        if isinstance(node, ast.FunctionDef) and node.name == "make_arg_parser":
            yield from _declared_by(source, node)


def _declared_by(source: Source, node: ast.AST) -> Iterator[tuple[str, Field | None, Row | None]]:
    owners = {
        _name(one.targets[0]): _name(one.value.args[0])
        for one in ast.walk(node)
        if isinstance(one, ast.Assign)
        and isinstance(one.value, ast.Call)
        and _name(one.value.func) == "get_kwargs"
    }
    for call in ast.walk(node):
        if not isinstance(call, ast.Call) or _name(call.func) != "add_argument":
            continue
        words = [one.value for one in call.args if isinstance(one, ast.Constant)]
        names = [str(word)[2:] for word in words if str(word).startswith("--")]
        field, row = _argument(source, names[0], call, owners) if names else (None, None)
        for name in names:
            same = {"same_as": names[0]} if row and name != names[0] else {}
            yield name, field, row and {**row, **same}


def _argument(
    source: Source, name: str, call: ast.Call, owners: Mapping[str, str]
) -> tuple[Field | None, Row | None]:
    """What one call of add_argument declares."""
    given = {one.arg: one.value for one in call.keywords if one.arg}
    spread = next((one.value for one in call.keywords if one.arg is None), None)
    field = _spread(source, spread, owners)
    if field is not None:
        return field, source.row(field)
    if _name(given.get("type")) in ("int", "float"):
        return None, {"type": _name(given["type"]), **_namesake(source, name)}
    choices = given.get("choices")
    if isinstance(choices, ast.List):
        words = [ast.literal_eval(one) for one in choices.elts]
        return None, {"one_of": words, "source": f"add_argument --{name}"}
    return None, None


def _spread(source: Source, value: ast.expr | None, owners: Mapping[str, str]) -> Field | None:
    """The field of **KWARGS["field"], also where some of it is replaced."""
    if isinstance(value, ast.Dict):
        inner = [v for k, v in zip(value.keys, value.values, strict=True) if k is None]
        value = inner[0] if inner else None
    if isinstance(value, ast.Subscript) and _name(value.value) in owners:
        return source.fields(owners[_name(value.value)])[ast.literal_eval(value.slice)]
    return None


def _namesake(source: Source, flag: str) -> Row:
    """Bounds of the field that a flag is handed to: the one configuration that has that name."""
    name = flag.replace("-", "_")
    fields = [
        source.fields(owner)[name]
        for owner in source.classes
        if owner.endswith("Config") and name in source.fields(owner)
    ]
    if len(fields) != 1:
        return {"source": f"add_argument --{flag}"}
    return {**fields[0].bounds, "source": f"{fields[0].owner}.{name}"}


def _sizes(parser: ast.AST) -> dict[str, str]:
    """The fields whose numbers may be written 2k or 1M, as the parser itself lists them."""
    listed = next(
        ast.literal_eval(node.value)
        for node in ast.walk(parser)
        if isinstance(node, ast.Assign) and _name(node.targets[0]) == "human_readable_int_args"
    )
    return {**dict.fromkeys(listed, "size"), "max_model_len": "size or auto"}


def _returned(
    owner: str, method: str, classes: Mapping[str, tuple[pathlib.Path, ast.ClassDef]]
) -> ast.expr | None:
    """What a method of a class, or of one that it inherits from, returns."""
    if owner not in classes:
        return None
    node = classes[owner][1]
    for one in node.body:
        if isinstance(one, ast.FunctionDef) and one.name == method:
            values = [n.value for n in ast.walk(one) if isinstance(n, ast.Return)]
            return values[0] if len(values) == 1 else None
    return next(
        (found for base in node.bases if (found := _returned(_name(base), method, classes))), None
    )


def _dtypes(value: ast.expr) -> Iterator[str]:
    for node in ast.walk(value):
        if isinstance(node, ast.Attribute) and _name(node.value) == "torch":
            yield {"half": "float16"}.get(node.attr, node.attr)


def _name(node: ast.AST | None) -> str:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Subscript(value=value):
            return _name(value)
        case ast.Constant(value=None):
            return "None"
        case ast.Constant(value=str(text)) if text.isidentifier():
            return text  # a forward reference
    return ""


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
