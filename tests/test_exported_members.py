"""One public door: all that a program may name."""

import subprocess
import sys

import pytest

import pulumi_skypilot


def test_the_door_names_what_it_has():
    for name in pulumi_skypilot.__all__:
        assert hasattr(pulumi_skypilot, name)
    assert list(pulumi_skypilot.__all__) == sorted(pulumi_skypilot.__all__)


def test_what_is_public_stands_in_the_door():
    assert set(dir(pulumi_skypilot)) >= set(pulumi_skypilot.__all__)
    with pytest.raises(AttributeError, match="no attribute 'Deploymnet'"):
        _ = pulumi_skypilot.Deploymnet
    public = {
        name
        for name, value in vars(pulumi_skypilot).items()
        if not name.startswith("_")
        and getattr(value, "__module__", "").startswith("pulumi_skypilot.")
    }
    assert public | {"errors"} == set(pulumi_skypilot.__all__)


def test_importing_the_package_loads_nothing_that_only_commands_and_creates_need():
    """Each provider process imports the package. grpc is always there: Pulumi's SDK loads it."""
    loaded = printed("import sys; from pulumi_skypilot import Service; print(*sys.modules)")
    assert "pulumi_skypilot.program.resources" in loaded
    assert not {"rich", "sky", "huggingface_hub", "openai", "pulumi_skypilot.cli"} & loaded
    report = {name for name in loaded if name.startswith("pulumi_skypilot.report.")}
    assert report == {"pulumi_skypilot.report.summary", "pulumi_skypilot.report.wording"}


def test_a_plugin_process_loads_no_program_and_no_report():
    loaded = printed("import sys, pulumi_skypilot.providers; print(*sys.modules)")
    rooms = {name.split(".")[1] for name in loaded if name.startswith("pulumi_skypilot.")}
    assert "providers" in rooms
    assert not rooms & {"program", "report", "cli", "testing"}


def test_importing_the_package_builds_no_table_of_a_spec():
    """A build takes about as long as an import, and reads what every installed package offers."""
    program = """
import gc
from pulumi_skypilot import Deployments
from pulumi_skypilot.spec import annotations
tables = [t for t in gc.get_objects() if isinstance(t, type(annotations.Strict))]
print(*(t.__name__ for t in tables if issubclass(t, annotations.Strict)
        and t is not annotations.Strict and t.__pydantic_complete__))
"""
    assert printed(program) == set()


def printed(program: str) -> set[str]:
    """Return the words that a program prints."""
    return set(subprocess.check_output([sys.executable, "-c", program], text=True).split())
