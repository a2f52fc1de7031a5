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


def test_importing_the_package_loads_neither_skypilot_nor_what_draws_tables():
    """Each provider process imports the package. grpc is always there: Pulumi's SDK loads it."""
    program = "import sys, pulumi_skypilot; print(*sys.modules)"
    loaded = subprocess.check_output([sys.executable, "-c", program], text=True).split()
    assert "pulumi_skypilot.program.resources" in loaded
    assert not {"rich", "sky"} & set(loaded)
