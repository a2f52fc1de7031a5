"""Foreign sources are cited by symbol, and the symbols exist."""

import ast
import functools
import importlib.util
import pathlib
import re
import subprocess

import pytest

ROOT = pathlib.Path(__file__).parents[1]
LINE = re.compile(r"\b[\w/]+\.(?:py|j2|sh|go|ts)(?::|#L)\d+")
SYMBOL = re.compile(r"\b(sky/[\w/]+\.py), (?!sky/)(?:class )?([A-Za-z_][\w.]*\w)")
AS_IT_IS = {
    # The text is part of the task: a change would roll the replicas of everyone who sets the key.
    "components/pulumi_skypilot/plan/remote/default_effort.py",
    "local/images/stub_vllm.py",  # a line of vLLM's own log
    "tests/test_citations.py",
}


def texts() -> dict[str, str]:
    """Return the tracked files that cite sources; states are kept as they were written."""
    names = subprocess.run(
        ["git", "ls-files", "*.py", "*.md", "*.toml", "*.yaml", "*.sh", "Makefile"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    kept = (name for name in names if not name.startswith(("tests/states/", "tests/measured/")))
    return {name: (ROOT / name).read_text() for name in kept if (ROOT / name).is_file()}


def flat(text: str) -> str:
    """Join what a comment, a docstring or a string breaks over several lines."""
    return re.sub(r"[\"'`]?\s*\n\s*(?:# |f?[\"'])?", " ", text).replace("`", "").replace("  ", " ")


@functools.cache
def defined(path: str) -> frozenset[str]:
    """Return every name that one of SkyPilot's files defines or assigns to."""
    package = importlib.util.find_spec("sky")
    assert package is not None
    assert package.origin is not None
    tree = ast.parse(pathlib.Path(package.origin).parents[1].joinpath(path).read_text())
    names = set()
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                names.add(name)
            case ast.ClassDef(name=name):
                names.add(name)
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                names.add(name)
            case _:
                pass
    return frozenset(names)


def test_no_source_is_cited_by_line() -> None:
    lines = {
        name: cited
        for name, text in texts().items()
        if name not in AS_IT_IS and (cited := LINE.findall(text))
    }
    assert not lines, "a line number does not survive a release: name the function or class"


def test_the_exceptions_are_still_exceptions() -> None:
    written = texts()
    assert all(LINE.search(written[name]) for name in AS_IT_IS - {"tests/test_citations.py"})


@pytest.mark.parametrize(
    ("text", "cited"),
    [
        ("see sky/task.py:856", True),
        ("see autoscalers.py#L12", True),
        ("see sky/task.py, Task.from_yaml_config", False),
        ("http://localhost:8000", False),
    ],
)
def test_a_line_number_is_seen(text: str, *, cited: bool) -> None:
    assert bool(LINE.search(text)) is cited


def test_every_symbol_of_skypilot_that_is_cited_is_there() -> None:
    cites = {
        (name, path, symbol)
        for name, text in texts().items()
        if name != "tests/test_citations.py"
        for path, symbol in SYMBOL.findall(flat(text))
    }
    assert len(cites) > 30
    gone = [
        f"{name}: {path}, {symbol}"
        for name, path, symbol in sorted(cites)
        if not set(symbol.split(".")) <= defined(path)
    ]
    assert not gone, "SkyPilot has no such symbol (any more): " + "; ".join(gone)
