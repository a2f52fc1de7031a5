import pathlib
from collections.abc import Iterator

import pytest

from pulumi_skypilot import testing
from tests.cli import engine as engines
from tests.cli import recorded_stack


@pytest.fixture
def stack(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> recorded_stack.Stack:
    """The selected stack: a `pulumi` that tells its state is first in PATH."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.delenv("PULUMI_SKYPILOT_TOKEN", raising=False)
    return recorded_stack.Stack(tmp_path)


@pytest.fixture
def sky() -> Iterator[testing.SkyPilot]:
    """The SkyPilot on which it runs."""
    with testing.use(recorded_stack.server()) as fake:
        yield fake


@pytest.fixture
def engine() -> Iterator[engines.Engine]:
    """A model server on loopback."""
    yield from engines.serving()
