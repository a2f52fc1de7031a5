"""Reader of what vLLM's source declares: classes, their fields, and the types of these.

The source is parsed and never imported. `scripts/ranges.py` makes the catalogue's files of it.
"""

import ast
import dataclasses
import functools
import pathlib
import typing
from collections.abc import Iterator

BOUNDS = ("gt", "ge", "lt", "le", "multiple_of")
"""What pydantic's Field calls them."""
SOURCES = ("config/*.py", "engine/arg_utils.py", "entrypoints/launchers/cli_args.py")

Row = dict[str, typing.Any]
"""What a flag takes, as a line of the catalogue's file says it."""


@dataclasses.dataclass(frozen=True)
class Field:
    """One field of a configuration class."""

    owner: str
    name: str
    annotation: ast.expr
    default: ast.expr | None

    @property
    def bounds(self) -> dict[str, float]:
        """Return the bounds in a field's default, a Field(…)."""
        call = self.default
        if not isinstance(call, ast.Call) or name_of(call.func) != "Field":
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
            name_of(node.targets[0]): node.value
            for node in nodes
            if isinstance(node, ast.Assign) and len(node.targets) == 1
        }
        parser = next(node for node in nodes if getattr(node, "name", "") == "_compute_kwargs")
        self.sizes = _sizes(parser)

    @functools.cache  # noqa: B019 - one Source a run
    def fields(self, owner: str) -> dict[str, Field]:
        """Return the fields of a class and of its base classes."""
        node = self.classes[owner]
        fields: dict[str, Field] = {}
        for base in node.bases:
            if name_of(base) in self.classes:
                fields |= self.fields(name_of(base))
        for member in node.body:
            if isinstance(member, ast.AnnAssign) and isinstance(member.target, ast.Name):
                name = member.target.id
                fields[name] = Field(owner, name, member.annotation, member.value)
        return fields

    def types(self, annotation: ast.expr) -> Iterator[ast.expr]:
        """Return the parts of a union, with aliases resolved."""
        if isinstance(annotation, ast.BinOp):
            yield from self.types(annotation.left)
            yield from self.types(annotation.right)
        elif isinstance(annotation, ast.Subscript) and name_of(annotation.value) == "Annotated":
            yield from self.types(typing.cast("ast.Tuple", annotation.slice).elts[0])
        elif isinstance(annotation, ast.Name) and annotation.id in self.aliases:
            yield from self.types(self.aliases[annotation.id])
        else:
            yield annotation

    def row(self, field: Field) -> Row | None:
        """Return what a field's flag accepts; None if anything.

        As vllm.engine.arg_utils._compute_kwargs reads it.
        """
        parts = list(self.types(field.annotation))
        taken = self._type(field.name, parts)
        if taken is None:
            return None
        optional = {"optional": True} if "None" in map(name_of, parts) else {}
        bounds = {} if "one_of" in taken else field.bounds
        return {**taken, **bounds, **optional, "source": f"{field.owner}.{field.name}"}

    def _type(self, name: str, parts: list[ast.expr]) -> Row | None:
        names = {name_of(part) for part in parts}
        if own := names & self.classes.keys():
            levels = self.levels(own.pop())
            return {"one_of": levels} if levels else None
        held = {name_of(part): part for part in parts if isinstance(part, ast.Subscript)}
        if "Literal" in held:
            words = self.words(held["Literal"])
            return {"one_of": list(dict.fromkeys(words))} if words and "str" not in names else None
        many = next((held[kind] for kind in ("tuple", "list", "set") if kind in held), None)
        if many is not None:
            names = {name_of(inner) for inner in ast.walk(many.slice)}
        kind: str | None = next((written for written in ("int", "float") if written in names), None)
        if kind is None or "bool" in names or (many is not None and "str" in names):
            return None
        written = self.sizes.get(name, kind) if kind == "int" else kind
        return {"type": written, "many": True} if many is not None else {"type": written}

    def words(self, literal: ast.Subscript) -> list[typing.Any]:
        """Return the words of a Literal, with those of nested ones; none if not all are known."""
        held = literal.slice
        words: list[typing.Any] = []
        for element in held.elts if isinstance(held, ast.Tuple) else [held]:
            part = (
                self.aliases.get(name_of(element), element)
                if isinstance(element, ast.Name)
                else element
            )
            if isinstance(part, ast.Subscript) and name_of(part) == "Literal":
                words += self.words(part)
            elif isinstance(part, ast.Constant):
                words.append(part.value)
            else:
                return []
        return words

    def levels(self, owner: str) -> list[int]:
        """Return the values of an enumeration of numbers."""
        node = self.classes[owner]
        if "IntEnum" not in map(name_of, node.bases):
            return []
        return [
            ast.literal_eval(member.value) for member in node.body if isinstance(member, ast.Assign)
        ]

    def nested(self, flag: str, field: Field, seen: frozenset[str] = frozenset()) -> Iterator[Row]:
        """Return the rows of a flag whose value is a table: a row for each key with bounds.

        Words are left out: validators of the tables take some in other spellings.
        """
        for part in self.types(field.annotation):
            owner = name_of(part)
            if owner not in self.classes or owner in seen:
                continue
            for name, inner in self.fields(owner).items():
                row = self.row(inner)
                if row is not None and inner.bounds:
                    yield {"flag": f"{flag}.{name}", **row}
                yield from self.nested(f"{flag}.{name}", inner, seen | {owner})


def _sizes(parser: ast.AST) -> dict[str, str]:
    """Return the fields whose numbers may be written 2k or 1M, as the parser lists them."""
    listed = next(
        ast.literal_eval(node.value)
        for node in ast.walk(parser)
        if isinstance(node, ast.Assign) and name_of(node.targets[0]) == "human_readable_int_args"
    )
    return {**dict.fromkeys(listed, "size"), "max_model_len": "size or auto"}


def name_of(node: ast.AST | None) -> str:
    """Return the name that a node refers to; empty for one that refers to none."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Subscript(value=value):
            return name_of(value)
        case ast.Constant(value=None):
            return "None"
        case ast.Constant(value=str(text)) if text.isidentifier():
            return text  # a forward reference
    return ""
