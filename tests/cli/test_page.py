"""docs/day-two.md is true: its commands print what it shows, on the recorded stack."""

import pathlib
import re
import shlex

import pytest

from pulumi_skypilot import cli

PAGE = pathlib.Path(__file__).parents[2] / "docs" / "day-two.md"
SHOWN = re.findall(r"^```\n\$ pulumi-skypilot (.*)\n((?:.*\n)*?)```$", PAGE.read_text(), re.M)
LAB = "http://10.1.0.3:8000"


def alike(text: str) -> list[str]:
    """Return the lines of a text, without the space at their ends and the speed of the machine."""
    text = re.sub(r"\d+\.\d\d? s|\b\d+ tokens|\b\d\.\d\b(?= +\S)", "N", text)
    return [line.rstrip() for line in text.strip().splitlines()]


@pytest.mark.usefixtures("sky")
@pytest.mark.parametrize(("command", "output"), SHOWN, ids=[command for command, _ in SHOWN])
def test_a_command_prints_what_the_page_shows(stack, engine, capsys, command, output) -> None:
    if not command.startswith("status"):
        stack.serve("lab", engine.url, tools=True)
    assert cli.main(shlex.split(command)) == 0
    assert alike(capsys.readouterr().out.replace(engine.url, LAB)) == alike(output)
