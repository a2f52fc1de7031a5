"""A server that is gone, under the real CLI and SDK: nothing is lost, or let go of unseen."""

import pathlib
from collections.abc import Callable

import pytest

from pulumi_skypilot.providers import base
from tests.conftest import chat
from tests.e2e import fake
from tests.e2e import stack as stacks

pytestmark = pytest.mark.timeout(300)


def test_a_destroy_keeps_the_state_until_it_is_told_that_the_server_is_gone(
    new_stack: Callable[..., stacks.Stack], tmp_path: pathlib.Path
) -> None:
    stack = new_stack(chat=chat())  # nobody listens at its apiServer
    stack.up(env=fake.environment(tmp_path / "asked"))
    mark = stack.service()["outputs"]["scope"]["mark"]

    result = stack.run("destroy", "--yes", "--skip-preview", check=False)
    assert result.code != 0
    (line,) = result.errors()
    assert "no SkyPilot API server answers there (connection refused)" in line
    assert f"{base.DELETE_VARIABLE}=true" in line
    assert stack.service()

    told = stack.run("destroy", "--yes", "--skip-preview", env={base.DELETE_VARIABLE: "true"})
    warnings = [
        line for line in told.output.partition("Diagnostics:")[2].splitlines() if "warning:" in line
    ]
    assert len(warnings) == 2, "of the service, and of all that carries the mark"
    assert all(f"pulumi-stack={mark}" in line for line in warnings)
    assert stack.resources() == []
