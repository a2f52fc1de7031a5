import importlib
import pathlib
import tomllib

import pytest

from pulumi_skypilot import cli
from pulumi_skypilot.cli import commands


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        cli.main(["--help"])
    said = capsys.readouterr().out
    assert all(f"    {command.name} " in said for command in commands.ALL)


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
