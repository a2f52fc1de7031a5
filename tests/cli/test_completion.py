import os
import pathlib
import pty
import select
import subprocess
import time

import pytest

from pulumi_skypilot import cli
from pulumi_skypilot.cli import commands, completion
from tests import debian_programs


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


def test_zsh_completes_as_it_is_typed(scripts, tmp_path) -> None:
    (tmp_path / ".zshrc").write_text(
        f"{debian_programs.zsh_setup()}PS1='ready> '\nunset zle_bracketed_paste\n"
        f"source {scripts['zsh']}\n"
    )
    typed = [
        ("pulumi-skypilot sta\t", "pulumi-skypilot status"),
        ("pulumi-skypilot ask lab --effort hi\t", "--effort high"),
        ("pulumi-skypilot status --wat\t", "status --watch"),
    ]
    for keys, becomes in typed:
        assert becomes in zsh(tmp_path, keys, becomes)


def zsh(home: pathlib.Path, keys: str, until: str) -> str:
    """Type into a zsh, and return what its terminal shows, at the latest after a minute."""
    environment = {**debian_programs.environment(), "ZDOTDIR": str(home), "TERM": "dumb"}
    parent, child = pty.openpty()
    shell = subprocess.Popen(
        [debian_programs.program("zsh"), "-di"], stdin=child, stdout=child, stderr=child,
        env=environment, start_new_session=True, cwd=home,
    )  # fmt: skip
    shown, waiting, deadline = "", [keys], time.monotonic() + 60
    try:
        while until not in shown and time.monotonic() < deadline:
            if select.select([parent], [], [], 1)[0]:
                shown += os.read(parent, 4096).decode(errors="replace")
            if waiting and "ready> " in shown:
                os.write(parent, waiting.pop().encode())
    finally:
        shell.kill()
        shell.wait()
        os.close(parent)
        os.close(child)
    return shown


def fish(script: pathlib.Path, line: str) -> set[str]:
    """Return what fish offers at the end of a line."""
    done = subprocess.run(
        [debian_programs.program("fish"), "-c", f"source {script}; complete -C '{line}'"],
        env={**debian_programs.environment(), "HOME": str(script.parent)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stderr == ""
    return set(done.stdout.split())


def test_fish_completes_commands_options_and_choices(scripts) -> None:
    offered = fish(scripts["fish"], "pulumi-skypilot ")
    assert {command.name for command in commands.ALL} <= offered
    assert fish(scripts["fish"], "pulumi-skypilot sta") == {"status"}
    assert fish(scripts["fish"], "pulumi-skypilot status --wa") == {"--watch"}
    assert fish(scripts["fish"], "pulumi-skypilot ask lab --effort ") == {"low", "medium", "high"}
