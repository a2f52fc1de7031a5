import importlib
import pathlib
import re
import shlex
import tomllib

import pytest

from pulumi_skypilot import cli
from pulumi_skypilot.cli import commands


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        cli.main(["--help"])
    said = capsys.readouterr().out
    assert [command.name for command in commands.ALL] == re.findall(r"^    (\w+)\b", said, re.M)


def test_an_error_is_one_line_and_exit_code_two(
    capsys: pytest.CaptureFixture[str], tmp_path: pathlib.Path
) -> None:
    assert cli.main(["import", str(tmp_path / "none.yaml")]) == 2
    assert capsys.readouterr().err == (
        f"pulumi-skypilot: {tmp_path}/none.yaml: No such file or directory\n"
    )


def test_the_package_installs_the_command() -> None:
    project = tomllib.loads((pathlib.Path(__file__).parents[2] / "pyproject.toml").read_text())
    module, _, name = project["project"]["scripts"]["pulumi-skypilot"].partition(":")
    assert getattr(importlib.import_module(module), name) is cli.main


@pytest.mark.parametrize("command", commands.ALL, ids=lambda command: command.name)
def test_the_help_of_a_command_shows_examples_that_are_valid(
    command: commands.Command, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="0"):
        cli.main([command.name, "--help"])
    told = capsys.readouterr().out
    assert command.examples
    for example in command.examples:
        assert f"  {example} " in told
        line = re.split(" [<>]", example.split("| ")[-1])[0]
        program, *words = shlex.split(line)
        parsed = cli.parser().parse_args(words)
        assert (program, words[0], parsed.run) == ("pulumi-skypilot", command.name, command.run)


def test_the_version_names_what_matters_beside_it(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        cli.main(["--version"])
    told = capsys.readouterr().out
    assert re.fullmatch(
        r"pulumi-skypilot [\d.]+\w*, SkyPilot 0\.14\.\d+, Pulumi SDK 3\.[\d.]+, Python 3\.[\d.]+\n",
        told,
    )
