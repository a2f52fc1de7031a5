"""One public door: all that a program may name."""

import subprocess
import sys

import pulumi_skypilot


def test_the_door_names_what_it_has():
    for name in pulumi_skypilot.__all__:
        assert hasattr(pulumi_skypilot, name)
    assert list(pulumi_skypilot.__all__) == sorted(pulumi_skypilot.__all__)


def test_what_is_public_stands_in_the_door():
    public = {
        name
        for name, value in vars(pulumi_skypilot).items()
        if not name.startswith("_")
        and getattr(value, "__module__", "").startswith("pulumi_skypilot.")
    }
    assert public | {"errors"} == set(pulumi_skypilot.__all__)


def test_importing_the_package_loads_nothing_that_only_commands_and_creates_need():
    """Each provider process imports the package. grpc is always there: Pulumi's SDK loads it."""
    loaded = printed("import sys, pulumi_skypilot; print(*sys.modules)")
    assert "pulumi_skypilot.program.resources" in loaded
    assert not {"rich", "sky", "huggingface_hub", "openai", "pulumi_skypilot.cli"} & loaded
    report = {name for name in loaded if name.startswith("pulumi_skypilot.report.")}
    assert report == {"pulumi_skypilot.report.summary", "pulumi_skypilot.report.wording"}


def test_importing_the_package_builds_no_table_of_a_spec():
    """A build takes about as long as an import, and reads what every installed package offers."""
    program = """
import gc, pulumi_skypilot
from pulumi_skypilot.spec import annotations
tables = [t for t in gc.get_objects() if isinstance(t, type(annotations.Strict))]
print(*(t.__name__ for t in tables if issubclass(t, annotations.Strict)
        and t is not annotations.Strict and t.__pydantic_complete__))
"""
    assert printed(program) == set()


def printed(program: str) -> set[str]:
    """Return the words that a program prints."""
    return set(subprocess.check_output([sys.executable, "-c", program], text=True).split())
