"""Pulumi's private side with its real engine: how the plugin process is started and heard."""

from collections.abc import Callable

import pytest

from tests.e2e import stack as stacks

pytestmark = pytest.mark.timeout(300)

PROGRAM = '''
import sys

import pulumi
from pulumi import dynamic

import pulumi_skypilot as skypilot


class Foreign(dynamic.ResourceProvider):
    """A provider of the user's own, which shares the plugin process with this package's."""

    def create(self, props):
        deep(" ".join(sys.argv[1:]))


def deep(arguments):
    raise RuntimeError(f"somebody else's mistake, in a process of [{arguments}]")


class Own(dynamic.Resource):
    def __init__(self, name):
        super().__init__(Foreign(), name, {})


skypilot.Scope("models", api_server="http://127.0.0.1:9")
Own("own")
'''


@pytest.fixture
def stack(new_stack: Callable[..., stacks.Stack]) -> stacks.Stack:
    made = new_stack()
    (made.project / "__main__.py").write_text(PROGRAM)
    return made


def test_our_errors_are_one_line_and_others_show_their_traceback(stack: stacks.Stack) -> None:
    shown = stack.run("up", "--yes", "--skip-preview", "--continue-on-error", check=False).output
    output = shown.partition("Diagnostics:")[2]
    before, _, after = output.rpartition("somebody else's mistake")
    lines = [line for line in output.splitlines() if "no SkyPilot API server answers" in line]
    assert lines, shown
    assert all("SkyPilot: apiServer http://127.0.0.1:9" in line for line in lines), (
        "an error of this package no longer shows as one line"
    )
    assert output.count("Traceback (most recent call last):") == 1, (
        "an error of this package shows with its traceback, or one of the user's own without"
    )
    assert "in deep" in before, "the traceback of the user's own provider is cut short"
    assert after.startswith(", in a process of [127.0.0.1:"), (
        "the engine's address is no longer the last argument of the plugin process: no line of a "
        "diff is shown, and `review` has no effects to show"
    )
