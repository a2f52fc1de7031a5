"""The rooms of the embedded cloud: how many, how large, and that imports run down one list."""

import ast
import graphlib
import importlib
import pathlib
import re

import pytest

import local

ROOT = pathlib.Path(str(local.__file__)).parent
FILES = {
    ".".join(file.relative_to(ROOT).with_suffix("").parts): file
    for file in sorted(ROOT.rglob("*.py"))
}
ROOMS = sorted({name.split(".")[0] for name in FILES if "." in name})


def imports(name: str) -> set[str]:
    """List the modules of the embedded cloud that one of them imports, wherever it does."""
    package = name.split(".")[:-1]
    modules: set[str] = set()
    for node in ast.walk(ast.parse(FILES[name].read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            above = package[: len(package) - node.level + 1]
            prefix = [*above, *(node.module.split(".") if node.module else [])]
            modules |= {".".join([*prefix, alias.name]) for alias in node.names}
    return modules


def listed() -> list[str]:
    """List the rooms and modules in the order of the package's docstring."""
    return ["__main__", *re.findall(r"^- `(\w+)`", str(local.__doc__), re.MULTILINE)]


def test_every_import_is_of_a_module() -> None:
    assert {imported for name in FILES for imported in imports(name)} <= set(FILES)


def test_there_is_no_circle() -> None:
    order = graphlib.TopologicalSorter({name: imports(name) for name in FILES}).static_order()
    assert set(order) == set(FILES)  # a circle is a CycleError that names its modules


def test_the_list_is_whole() -> None:
    assert sorted(listed()) == sorted({name.split(".")[0] for name in FILES} - {"__init__"})


def test_imports_run_down_the_list() -> None:
    order = listed()
    upwards = [
        (name, imported)
        for name in FILES
        for imported in imports(name)
        if order.index(name.split(".")[0]) > order.index(imported.split(".")[0])
    ]
    assert upwards == []


def test_the_root_has_few_entries() -> None:
    entries = [path.name for path in ROOT.iterdir() if path.name != "__pycache__"]
    assert len(entries) <= 15, sorted(entries)


def test_no_module_is_long() -> None:
    lines = {name: len(file.read_text().splitlines()) for name, file in FILES.items()}
    assert {name: count for name, count in lines.items() if count > 350} == {}


def test_no_two_modules_have_one_name() -> None:
    names = [name.split(".")[-1] for name in FILES]
    names = [name for name in [*names, *ROOMS] if not name.startswith("__")]
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_says_what_comes_in_what_goes_out_and_who_calls_it(room: str) -> None:
    note = " ".join(str(importlib.import_module(f"local.{room}").__doc__).split())
    for part in ("Comes in:", "Goes out:", "Who calls it:"):
        assert part in note
