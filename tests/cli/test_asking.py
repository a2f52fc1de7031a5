import io
import json

import pytest

from pulumi_skypilot import cli
from tests.cli import engine as engines
from tests.cli import recorded_stack

QUESTION = "What is the capital of France?"
SAID = "".join(engines.ANSWER)


@pytest.fixture
def lab(stack: recorded_stack.Stack, engine: engines.Engine) -> engines.Engine:
    """The server of the deployment `lab`."""
    stack.serve("lab", engine.url)
    return engine


def test_an_answer_comes_from_the_endpoint_with_the_stacks_key(lab, capsys) -> None:
    assert cli.main(["ask", "lab", QUESTION]) == 0
    assert capsys.readouterr() == (f"{SAID}\n", "")
    (asked,) = lab.bodies("/v1/chat/completions")
    assert asked["model"] == engines.MODEL
    assert asked["messages"] == [{"role": "user", "content": QUESTION}]
    assert "reasoning_effort" not in asked


def test_effort_system_prompt_and_thoughts_are_chosen(lab, capsys) -> None:
    options = ["--effort", "high", "--system", "Be brief.", "--thoughts"]
    assert cli.main(["ask", "lab", QUESTION, *options]) == 0
    told = capsys.readouterr()
    assert (told.out, told.err) == (f"{SAID}\n", f"{''.join(engines.THOUGHTS)}\n")
    (asked,) = lab.bodies("/v1/chat/completions")
    assert asked["reasoning_effort"] == "high"
    assert asked["messages"][0] == {"role": "system", "content": "Be brief."}


def test_the_answer_is_json_too(lab, capsys) -> None:
    assert cli.main(["ask", "lab", QUESTION, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert 0 <= told.pop("firstTokenSeconds") <= told.pop("seconds")
    assert told == {
        "model": engines.MODEL,
        "content": SAID,
        "thoughts": "".join(engines.THOUGHTS),
        "tokens": engines.TOKENS,
    }


def test_a_server_that_does_not_stream_is_read_too(lab, capsys) -> None:
    lab.streams = False
    assert cli.main(["ask", "lab", QUESTION]) == 0
    assert capsys.readouterr().out == f"{SAID}\n"


def test_a_question_may_come_from_a_file(lab, capsys, monkeypatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(QUESTION))
    assert cli.main(["ask", "lab", "-"]) == 0
    (asked,) = lab.bodies("/v1/chat/completions")
    assert asked["messages"][0]["content"] == QUESTION


def test_no_question_is_refused(lab, capsys) -> None:
    assert cli.main(["ask", "lab", " "]) == 2
    assert "there is no question" in capsys.readouterr().err


def test_a_deployment_is_named_as_in_the_stack_or_on_the_server(lab, capsys) -> None:
    assert cli.main(["ask", "recorded-lab", QUESTION]) == 0
    assert cli.main(["ask", "labb", QUESTION]) == 2
    assert capsys.readouterr().err == (
        "pulumi-skypilot: no deployment labb; the stack has chat, inner, lab, open, pair, sealed, "
        "turned\n"
    )


def test_the_key_is_in_no_message_and_on_no_command_line(lab, stack, capsys) -> None:
    lab.key = "another"
    assert cli.main(["ask", "lab", QUESTION]) == 2
    lab.key = engines.KEY
    lab.fails = (500, json.dumps({"error": {"message": f"no such key: {engines.KEY}"}}))
    assert cli.main(["ask", "lab", QUESTION]) == 2
    lab.fails, lab.breaks = None, True
    assert cli.main(["ask", "lab", QUESTION]) == 2
    told = capsys.readouterr()
    assert "HTTP 401 Unauthorized; it refuses the stack's key" in told.err
    assert "HTTP 500 Internal Server Error (no such key: ***)" in told.err
    assert "the model stopped with an error" in told.err
    assert engines.KEY not in told.out + told.err + stack.asked()


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (503, "HTTP 503 Service Unavailable (busy); no replica is ready"),
        (418, "HTTP 418 I'm a Teapot (busy)"),
        (599, "answers HTTP 599"),
    ],
)
def test_another_answer_is_told_with_what_to_do(lab, capsys, status, words) -> None:
    lab.fails = (status, "busy")
    assert cli.main(["ask", "lab", QUESTION]) == 2
    assert words in capsys.readouterr().err


def test_a_redirect_is_not_followed(lab, capsys) -> None:
    """The key would go to another server."""
    lab.fails = (307, "elsewhere")
    assert cli.main(["ask", "lab", QUESTION]) == 2
    assert "HTTP 307 Temporary Redirect" in capsys.readouterr().err


def test_an_endpoint_that_nobody_serves_is_told(stack, capsys) -> None:
    stack.serve("lab", "http://127.0.0.1:9")
    assert cli.main(["ask", "lab", QUESTION]) == 2
    assert capsys.readouterr().err == (
        "pulumi-skypilot: lab: http://127.0.0.1:9 cannot be reached (connection refused); "
        "`pulumi-skypilot doctor` looks for the cause\n"
    )


def test_a_deployment_without_an_endpoint_is_told(stack, capsys) -> None:
    stack.serve("lab", None)
    assert cli.main(["ask", "lab", QUESTION]) == 2
    assert "lab: it has no endpoint yet; run `pulumi up`" in capsys.readouterr().err


def test_a_chat_keeps_what_was_said(lab, capsys, monkeypatch) -> None:
    monkeypatch.setattr(
        "sys.stdin", io.StringIO(f"{QUESTION}\n\nAnd of Italy?\n/exit\nnot asked\n")
    )
    assert cli.main(["chat", "lab", "--effort", "low"]) == 0
    assert capsys.readouterr().out == f"{SAID}\n{SAID}\n"
    first, second = lab.bodies("/v1/chat/completions")
    assert [message["role"] for message in first["messages"]] == ["user"]
    assert second["messages"] == [
        {"role": "user", "content": QUESTION},
        {"role": "assistant", "content": SAID},
        {"role": "user", "content": "And of Italy?"},
    ]
    assert second["reasoning_effort"] == "low"


def test_what_a_model_says_cannot_change_the_terminal(lab, capsys, monkeypatch) -> None:
    monkeypatch.setattr(engines, "ANSWER", ["\x1b[2J", "hello\n", "\tworld\x07"])
    assert cli.main(["ask", "lab", QUESTION]) == 0
    assert capsys.readouterr().out == "[2Jhello\n\tworld\n"
