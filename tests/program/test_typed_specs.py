"""The types of specs in programs: mypy accepts what a preview accepts, and says what is wrong."""

import collections
import inspect
import json
import pathlib
import re
import subprocess
import sys
import typing
from collections.abc import Mapping, Sequence

import pytest

from pulumi_skypilot.program import inputs, typed_specs, typed_tables
from scripts import record
from scripts import typed_specs as generator

ROOT = pathlib.Path(__file__).parents[2]
Lines = Mapping[str, Sequence[str]]

GOOD = """
import pulumi
import pulumi_skypilot as skypilot

config = pulumi.Config()
base: skypilot.DeploymentSpec = {"model": "openai/gpt-oss-20b", "accelerators": "L4:1"}
scope = skypilot.Scope("models", budget={"hourly": 40, "unknown": "allow"})
volume = skypilot.Volume("models", {"infra": "k8s", "size": 200}, scope=scope)
chat = skypilot.Deployment(
    "chat",
    {
        **base,
        "accelerators": ["L4:1", pulumi.Output.from_input("L40S:1")],
        "context": config.get_int("context"),
        "replicas": {"min": 1, "max": pulumi.Output.from_input(3), "targetQps": 2.5},
        "spot": {"fallback": "on-demand"},
        "secrets": {"HF_TOKEN": config.require_secret("hfToken")},
        "vllmArgs": {"seed": 1},
        "modelCache": {"volume": volume.name},
    },
    scope=scope,
)
skypilot.Service("code", {**base, "replicas": 2}, scope=scope)
skypilot.Cluster("lab", {**base, "autostop": {"idle": 30}}, scope=scope)
pulumi.export("endpoint", chat.endpoint)
"""

BAD = """
import pulumi
import pulumi_skypilot as skypilot

scope = skypilot.Scope("models", budget={"hourley": 40})  # "budget"
skypilot.Deployment("a", {"accelerators": "L4:1"}, scope=scope)  # "model"
skypilot.Deployment("b", {"model": "a/b", "tols": True}, scope=scope)  # "tols"
skypilot.Deployment("c", {"model": "a/b", "context": "4096"}, scope=scope)  # "context"
skypilot.Deployment("d", {"model": "a/b", "dtype": "int4"}, scope=scope)  # "dtype"
skypilot.Service("e", {"model": "a/b", "replicas": {"mn": 1}}, scope=scope)  # "replicas"
skypilot.Service("f", {"model": "a/b", "infra": 1}, scope=scope)  # "infra"
later = pulumi.Output.from_input("cluster")
skypilot.Cluster("g", {"model": "a/b", "kind": later}, scope=scope)  # "kind"
skypilot.Volume("h", {"accessMode": "everybody"}, scope=scope)  # "accessMode"
"""


def table_program() -> str:
    """Return a program with every table that the recordings deploy."""
    lines = ["import pulumi_skypilot as skypilot"]
    for number, table in enumerate(record.DEPLOYMENTS.values()):
        of_spec = {key: value for key, value in table.items() if key in KEYS}
        lines.append(f"t{number}: skypilot.DeploymentSpec = {of_spec!r}")
    return "\n".join(lines)


def wrong_program() -> str:
    """Return a program with a value of a wrong type for each key, a line each."""
    lines = ["import pulumi_skypilot as skypilot"]
    for number, key in enumerate(KEYS):
        table = f'{{"model": "a/b", "{key}": 1j}}' if key != "model" else '{"model": 1j}'
        lines.append(f't{number}: skypilot.DeploymentSpec = {table}  # "{key}"')
    return "\n".join(lines)


KEYS = tuple(typed_specs.DeploymentSpec.__annotations__)


@pytest.fixture(scope="module")
def errors(tmp_path_factory: pytest.TempPathFactory) -> Lines:
    """Return what mypy says of each program, by its name."""
    folder = tmp_path_factory.mktemp("programs")
    sources = {"good": GOOD, "bad": BAD, "tables": table_program(), "wrong": wrong_program()}
    for name, source in sources.items():
        (folder / f"{name}.py").write_text(source)
    files = [str(folder / f"{name}.py") for name in sources]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--output", "json", *files],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    lines: dict[str, list[str]] = collections.defaultdict(list)
    for row in map(json.loads, done.stdout.splitlines()):
        name = pathlib.Path(row["file"]).stem
        if row["severity"] == "error":
            source = sources[name].splitlines()[row["line"] - 1]
            lines[name].append(f"{source}\n{row['message']}")
    return lines


@pytest.mark.parametrize("name", ["good", "tables"])
def test_what_a_preview_accepts_has_the_right_type(errors: Lines, name: str) -> None:
    assert errors[name] == []


@pytest.mark.parametrize(
    ("name", "source"), [("bad", BAD), ("wrong", wrong_program())], ids=["bad", "wrong"]
)
def test_each_mistake_is_named_where_it_stands(errors: Lines, name: str, source: str) -> None:
    wrong = [line for line in source.splitlines() if "  # " in line]
    told = {line.partition("\n")[0]: line.partition("\n")[2] for line in errors[name]}
    assert list(told) == wrong
    for line, message in told.items():
        key = line.rpartition("# ")[2].strip('"')
        assert re.search(rf"\b{key}\b", message), message


def test_every_key_is_tried() -> None:
    assert set(KEYS) - {key for table in record.DEPLOYMENTS.values() for key in table} == set()


@pytest.mark.parametrize("path", generator.files(), ids=lambda path: path.name)
def test_the_types_are_written_from_the_fields(path: pathlib.Path) -> None:
    assert path.read_text() == generator.files()[path], "run `python -m scripts.reference`"


def test_an_editor_shows_a_line_beside_each_key() -> None:
    for module in (typed_specs, typed_tables):
        text = inspect.getsource(module)
        keys = re.findall(r"^    \w+: .*?(?=^    \w+: |^class |\Z)", text, re.M | re.S)
        assert keys
        assert [key for key in keys if '"""' not in key] == []


def test_only_what_shapes_the_program_is_no_output() -> None:
    fixed = {
        key
        for key, type_ in typed_specs.DeploymentSpec.__annotations__.items()
        if "Output" not in str(type_)
    }
    assert fixed == set(inputs.PLAIN)


def test_every_table_within_a_spec_has_its_type() -> None:
    names = {name for name in vars(typed_tables) if name.endswith("Spec")}
    used = set(re.findall(r"\w+Spec\b", inspect.getsource(typed_specs)))
    within = set(re.findall(r"\w+Spec\b", inspect.getsource(typed_tables)))
    assert names <= used | within
    assert typing.is_typeddict(typed_tables.ReplicasSpec)
