"""Writes docs/cli.md and docs/python.md from the code: `python -m scripts.api_reference`."""

import argparse
import ast
import inspect
import os
import pathlib
import re
import textwrap
import typing

import pulumi_skypilot
from pulumi_skypilot import cli, errors

ROOT = pathlib.Path(__file__).resolve().parent.parent
COLUMNS = "100"

_CLI = """\
# Command line: pulumi-skypilot

What each command prints with `--help`. [Day two](day-two.md) shows the commands for a stack that
serves, with their output. `python -m scripts.api_reference` writes this page from the code.
"""
_PYTHON = """\
# Python API

What `import pulumi_skypilot` offers to a Pulumi program. `python -m scripts.api_reference` writes
this page from the code. What each resource does on SkyPilot: [Resources](resources.md). The keys of
a spec: [Reference](reference.md).
"""
_RESOURCES = ("Deployments", "Deployment", "Scope", "Service", "Cluster", "Readiness", "Volume")
_TYPES = ("DeploymentSpec", "VolumeSpec")


def pages() -> dict[str, str]:
    """Return both pages by their names."""
    return {"cli": command_line(), "python": python()}


def command_line() -> str:
    """Return the help of every command."""
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = COLUMNS
    try:
        commands = _subparsers(cli.parser())
        parts = [
            f"## {name}\n\n```\n{parser.format_help().strip()}\n```" for name, parser in commands
        ]
    finally:
        os.environ.pop("COLUMNS")
        if before is not None:
            os.environ["COLUMNS"] = before
    return "\n\n".join([_CLI.strip(), *parts]) + "\n"


def _subparsers(parser: argparse.ArgumentParser) -> list[tuple[str, argparse.ArgumentParser]]:
    (choices,) = (item.choices for item in parser._actions if isinstance(item.choices, dict))
    return list(choices.items())


def python() -> str:
    """Return the classes of the public door, with what they take and offer."""
    parts = [_class(name, getattr(pulumi_skypilot, name)) for name in _RESOURCES]
    parts += [
        f"## {name}\n\n{_words(getattr(pulumi_skypilot, name))} Its keys are those of a"
        f" {'deployment' if name == 'DeploymentSpec' else 'volume'} in the"
        f" [reference](reference.md)."
        for name in _TYPES
    ]
    tree = [f"| `{name}` | {_words(kind)} |" for name, kind in _errors()]
    parts.append("\n".join(["## errors\n", "| error | meaning |", "|---|---|", *tree]))
    return "\n\n".join([_PYTHON.strip(), *parts]) + "\n"


def _class(name: str, kind: typing.Any) -> str:
    lines = [f"## {name}", _words(kind), f"```python\n{name}(\n{_parameters(kind)})\n```"]
    tables = {
        "argument": _arguments(inspect.getdoc(kind.__init__) or ""),
        "output": _attributes(kind),
    }
    for head, found in tables.items():
        if found:
            rows = [f"| `{item}` | {meaning} |" for item, meaning in found]
            lines.append("\n".join([f"| {head} | meaning |", "|---|---|", *rows]))
    return "\n\n".join(lines)


def _parameters(kind: typing.Any) -> str:
    """Return the parameters of a class as its source has them, one a line."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(kind.__init__))).body[0]
    assert isinstance(tree, ast.FunctionDef)  # noqa: S101 - it is the source of a method
    given, named = tree.args.args[1:], tree.args.kwonlyargs
    defaults = [*[None] * (len(given) - len(tree.args.defaults)), *tree.args.defaults]
    lines = [*map(_parameter, given, defaults)]
    lines += ["*"] * bool(named)
    lines += map(_parameter, named, tree.args.kw_defaults)
    return "".join(f"    {line},\n" for line in lines)


def _parameter(argument: ast.arg, default: ast.expr | None) -> str:
    return ast.unparse(argument) + (f" = {ast.unparse(default)}" if default else "")


def _words(kind: typing.Any) -> str:
    return " ".join((inspect.getdoc(kind) or "").partition("\n\n")[0].split())


def _arguments(documentation: str) -> list[tuple[str, str]]:
    """Return the arguments of a docstring with their meanings."""
    block = documentation.partition("Args:\n")[2].partition("\n\n")[0]
    found = re.findall(r"^ {4}(\w+): (.*(?:\n {5,}.*)*)", block, re.M)
    return [(name, _linked(" ".join(meaning.split()))) for name, meaning in found]


def _linked(text: str) -> str:
    """Return a text in which a path of a page is a link."""
    return re.sub(r"docs/([\w-]+)\.md", r"[\1](\1.md)", text)


def _attributes(kind: type) -> list[tuple[str, str]]:
    """Return the attributes of a class, with the text that stands below each."""
    ours = [each for each in kind.__mro__ if each.__module__.startswith("pulumi_skypilot")]
    source = "".join(map(inspect.getsource, ours))
    found = re.findall(r'^ {4}(\w+): [^\n]*\n {4}"""(.*?)"""', source, re.M | re.S)
    return [(name, " ".join(meaning.split())) for name, meaning in found]


def _errors() -> list[tuple[str, typing.Any]]:
    kinds = inspect.getmembers(errors, inspect.isclass)
    return [(name, kind) for name, kind in kinds if kind.__module__ == errors.__name__]


if __name__ == "__main__":
    for page, text in pages().items():
        (ROOT / "docs" / f"{page}.md").write_text(text, "utf-8")
