"""ARCHITECTURE.md is true: the rooms, the order of their imports, and the paths that it names."""

import ast
import collections
import graphlib
import pathlib
import re
from collections.abc import Iterator

import pytest

ROOT = pathlib.Path(__file__).parents[1]
PACKAGE = ROOT / "components" / "pulumi_skypilot"
PAGE = (ROOT / "ARCHITECTURE.md").read_text()
ROOMS = re.findall(r"^([a-z]+) {2,}\S", PAGE, re.MULTILINE)
MOST_LINES, MOST_ENTRIES = 350, 14
FOLDERS = ("components", "local", "scripts", "bench", "tests")
BESIDE = {"__init__.py", "py.typed", "pulumi-plugin.json", "__pycache__"}


def module_of(file: pathlib.Path) -> str:
    parts = file.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(file): file for file in sorted(PACKAGE.rglob("*.py"))}


def imports(module: str, nodes: Iterator[ast.AST]) -> set[str]:
    """Return the modules of the package that these nodes import, without the module itself."""
    file = MODULES[module]
    folder = module.split(".") if file.name == "__init__.py" else module.split(".")[:-1]
    folder = [part for part in folder if part]
    targets = set()
    for node in nodes:
        if not isinstance(node, ast.ImportFrom) or not node.level:
            continue
        base = folder[: len(folder) - node.level + 1]
        base += node.module.split(".") if node.module else []
        for alias in node.names:
            full = ".".join([*base, alias.name])
            targets.add(full if full in MODULES else ".".join(base))
    return targets - {module}


def test_the_page_draws_the_rooms_that_there_are() -> None:
    there = {path.stem for path in PACKAGE.iterdir() if path.name not in BESIDE}
    assert sorted(ROOMS) == sorted(there)


def test_a_room_imports_only_rooms_above_it() -> None:
    wrong = [
        f"{module} imports {target}"
        for module, file in MODULES.items()
        for target in imports(module, ast.walk(ast.parse(file.read_text())))
        if module and target
        if ROOMS.index(target.split(".")[0]) > ROOMS.index(module.split(".")[0])
    ]
    assert wrong == []


def test_no_modules_import_each_other() -> None:
    graph = {
        module: imports(module, iter(ast.parse(file.read_text()).body))
        for module, file in MODULES.items()
    }
    order = tuple(graphlib.TopologicalSorter(graph).static_order())  # raises on a circle
    assert len(order) == len(MODULES)


def test_only_the_adapter_imports_sky() -> None:
    importers = {
        module.split(".")[0]
        for module, file in MODULES.items()
        for node in ast.walk(ast.parse(file.read_text()))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom) and not node.level
            else []
        )
        if name.split(".")[0] == "sky"
    }
    assert importers <= {"skypilot"}


def test_the_root_of_the_package_is_seen_at_one_look() -> None:
    entries = [path.name for path in PACKAGE.iterdir() if path.name != "__pycache__"]
    assert len(entries) <= MOST_ENTRIES


def test_no_module_is_long() -> None:
    files = [file for folder in FOLDERS for file in (ROOT / folder).rglob("*.py")]
    lengths = {str(file.relative_to(ROOT)): len(file.read_text().splitlines()) for file in files}
    assert len(lengths) > len(MODULES)
    assert {name: lines for name, lines in lengths.items() if lines > MOST_LINES} == {}


def test_no_two_modules_have_one_name() -> None:
    names = collections.Counter(module.rpartition(".")[2] for module in MODULES)
    assert [name for name, count in names.items() if count > 1] == []


@pytest.mark.parametrize("room", [room for room in ROOMS if room != "errors"])
def test_each_room_says_what_it_is(room: str) -> None:
    note = ast.get_docstring(ast.parse(MODULES[room].read_text()))
    assert note is not None
    assert len(note.split()) >= 30


def test_a_test_of_a_module_stands_where_the_module_stands() -> None:
    folders = {
        module.rpartition(".")[2]: module.split(".")[:-1] for module in MODULES if "." in module
    }
    strays = []
    for file in (ROOT / "tests").rglob("test_*.py"):
        folder = list(file.relative_to(ROOT / "tests").parts[:-1])
        subject = file.stem.removeprefix("test_")
        own_kind = folder[:1] in (["e2e"], ["with_sky"], ["local"])
        if (
            subject in folders
            and not own_kind
            and folder != folders[subject]
            and folder[-1:] != [subject]
        ):
            strays.append(file.relative_to(ROOT).as_posix())
    assert strays == []


def test_every_path_on_a_page_is_there() -> None:
    bases = (ROOT, PACKAGE, ROOT / "tests")
    ours = {folder.name for base in bases for folder in base.iterdir() if folder.is_dir()}
    pages = [ROOT / f"{name}.md" for name in ("ARCHITECTURE", "CONTRIBUTING", "README")]
    named = [
        (page.name, path)
        for page in (*pages, *sorted((ROOT / "docs").glob("*.md")))
        for path in re.findall(r"`([a-z_0-9]+/[\w./-]*)`", page.read_text())
        if path.split("/")[0] in ours
    ]
    missing = [
        (page, path) for page, path in named if not any((base / path).exists() for base in bases)
    ]
    assert {page for page, _ in named} > {"ARCHITECTURE.md", "reliability.md"}
    assert missing == []


def test_only_the_door_knows_pulumis_dynamic_providers() -> None:
    """The handlers have results of their own: a native provider would be another door to them."""
    importers = {
        module
        for module, file in MODULES.items()
        if "from pulumi import dynamic" in file.read_text()
    }
    program = {f"program.{name}" for name in ("resources", "readiness_resource", "volume_resource")}
    assert importers == {"providers.dynamic_door", *program}
