import os
import pathlib
import shutil
import subprocess

import pytest

from pulumi_skypilot import cli
from pulumi_skypilot.cli import commands, completion


@pytest.fixture
def scripts(tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> dict[str, pathlib.Path]:
    files = {}
    for shell in completion.SHELLS:
        assert cli.main(["completion", shell]) == 0
        files[shell] = tmp_path / shell
        files[shell].write_text(capsys.readouterr().out)
    return files


def bash(script: pathlib.Path, *words: str) -> set[str]:
    """Return what bash offers at the last word."""
    listed = " ".join(f"'{word}'" for word in ("pulumi-skypilot", *words))
    text = (
        f"source {script}; COMP_WORDS=({listed}); COMP_CWORD={len(words)}; _pulumi_skypilot; "
        'printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(["bash", "-c", text], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return set(done.stdout.split())


def test_bash_completes_commands(scripts) -> None:
    offered = bash(scripts["bash"], "")
    assert {command.name for command in commands.ALL} <= offered
    assert "--version" in offered
    assert bash(scripts["bash"], "st") == {"status"}


def test_bash_completes_options_choices_and_actions(scripts) -> None:
    assert bash(scripts["bash"], "status", "--w") == {"--watch"}
    assert bash(scripts["bash"], "ask", "lab", "--effort", "") == {"low", "medium", "high"}
    assert bash(scripts["bash"], "client", "lab", "--for", "l") == {"langchain", "llm"}
    assert {"add", "list", "show"} <= bash(scripts["bash"], "models", "")
    assert bash(scripts["bash"], "completion", "") >= set(completion.SHELLS)


def test_zsh_completes_by_the_same_function(scripts) -> None:
    text = scripts["zsh"].read_text()
    assert text.endswith(scripts["bash"].read_text())
    assert "bashcompinit" in text


def test_fish_has_each_command_and_option(scripts) -> None:
    text = scripts["fish"].read_text()
    for command in commands.ALL:
        assert f"complete -c pulumi-skypilot -n '__fish_use_subcommand' -a {command.name}\n" in text
    seen = "complete -c pulumi-skypilot -n '__fish_seen_subcommand_from ask'"
    assert f"{seen} -l effort -x -a 'low medium high'\n" in text


@pytest.mark.parametrize("shell", completion.SHELLS)
def test_a_shell_reads_its_script(scripts, shell) -> None:
    """The shells that this machine has."""
    program = shutil.which(shell, path=os.environ["PATH"])
    if program is None:
        pytest.skip(f"there is no {shell}")
    done = subprocess.run(
        [program, "-n", str(scripts[shell])], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
