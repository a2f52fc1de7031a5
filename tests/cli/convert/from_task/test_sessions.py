"""Servers that are typed into another shell."""

import pytest

from pulumi_skypilot import errors
from pulumi_skypilot.cli.convert.from_task import leftovers, server


@pytest.mark.parametrize(
    "script",
    [
        "tmux new-session -d -s v 'vllm serve a/b --seed 1 2>&1 | tee log'",
        "tmux kill-session -t v || true\ntmux new -d 'conda activate x && vllm serve a/b --seed 1'",
        "tmux new -d -s v\ntmux send-keys -t v 'vllm serve a/b --seed 1' C-m",
        "tmux -L s neww bash -c 'vllm serve a/b --seed 1'",
        "screen -dmS v bash -c 'vllm serve a/b --seed 1 > log'",
        "screen -dm -S v vllm serve a/b --seed 1",
        "screen -S v -X stuff 'vllm serve a/b --seed 1\\n'",
        "sudo -u x tmux new -d 'vllm serve a/b --seed 1'",
    ],
)
def test_a_terminal_is_taken_off_without_a_word(script: str) -> None:
    served = server.find(script, {})
    assert (served.model, served.flags, served.told) == ("a/b", {"seed": "1"}, ())
    assert list(leftovers.beside(served.others, nodes=1)) == []


def test_the_variables_of_a_session_are_the_servers() -> None:
    script = "tmux new -d -e A=1 'B=2 vllm serve a/b'"
    assert server.find(script, {}).environment == {"A": "1", "B": "2"}


def test_another_machine_is_named() -> None:
    (remark,) = server.find("ssh -i key user@host 'vllm serve a/b'", {}).told
    assert remark.text.startswith("`ssh user@host` stands before the server and is left out")


def test_the_machines_own_server_comes_before_another_machines() -> None:
    served = server.find("ssh worker 'vllm serve a/b --headless'\nvllm serve a/b --seed 1", {})
    assert served.flags == {"seed": "1"}


@pytest.mark.parametrize("script", ["tmux attach -t v", "ssh host", "tmux new -d 'bash x'"])
def test_a_session_without_a_server_is_none(script: str) -> None:
    with pytest.raises(errors.UnreadableTask, match="starts no vLLM server"):
        server.find(script, {})
