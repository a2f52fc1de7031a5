"""A preview's questions to the API server, against servers of this test's own."""

import contextlib
import dataclasses
import http.server
import io
import json
import subprocess
import threading
import types
import typing

import pytest

from pulumi_skypilot import errors, skypilot, spec
from pulumi_skypilot.lifecycle import server_query
from pulumi_skypilot.plan import cost

QUESTIONS = {"prices": {"clouds": ["aws"], "accelerators": ["L4"], "machines": []}}

BRIEF = server_query.Patience(
    connect_seconds=0.1, health_seconds=5, answer_seconds=1, tell_seconds=0.05
)


def fail(line: str) -> None:
    pytest.fail(f"nobody waits: {line}")


class Server:
    """An API server that reports good health and records the paths of requests."""

    def __init__(
        self,
        status: int = 200,
        body: bytes = b"{}",
        *,
        delay_seconds: float = 0,
        drip_seconds: float = 0,
    ) -> None:
        paths: list[str] = []
        self.closed = closed = threading.Event()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                paths.append(self.path)
                closed.wait(delay_seconds)
                with contextlib.suppress(OSError):  # the client may have gone
                    self.send_response(status)
                    self.end_headers()
                    while drip_seconds and not closed.wait(drip_seconds):
                        self.wfile.write(b" ")
                        self.wfile.flush()
                    self.wfile.write(body)

            def do_POST(self) -> None:
                self.do_GET()

            def log_message(self, format: str, *args: typing.Any) -> None:
                pass

        self.paths = paths
        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.http.serve_forever, daemon=True).start()
        self.connection = skypilot.Connection(f"http://127.0.0.1:{self.http.server_port}")

    def close(self) -> None:
        self.closed.set()
        self.http.shutdown()
        self.http.server_close()


@pytest.fixture
def server() -> typing.Iterator[Server]:
    healthy = Server()
    yield healthy
    healthy.close()


def test_offline_asks_nobody(server):
    answers = server_query.ask(server.connection, QUESTIONS, offline=True)
    assert answers == {"prices": {"away": "offline: no server was asked"}}
    assert server.paths == []


def test_a_server_that_is_away_is_said_at_once():
    answers = server_query.ask(
        skypilot.Connection("http://127.0.0.1:9"),
        QUESTIONS,
        patience=server_query.THOROUGH,
        tell=fail,
    )
    assert answers["prices"]["away"] == (
        "apiServer http://127.0.0.1:9: no SkyPilot API server answers there (connection refused)"
    )


def test_a_server_that_makes_no_sense_fails_nothing(server):
    answers = server_query.ask(server.connection, QUESTIONS)
    prices = cost.read(answers["prices"])
    deployment = spec.parse({"model": "a/b", "accelerators": "L4:1", "infra": "aws"})
    assert cost.cost(deployment, prices).unknown
    assert server.paths[0] == "/api/health"


@pytest.fixture
def process(monkeypatch):
    """Replace the process that asks; return what it is given, and its output to set."""
    seen: dict[str, typing.Any] = {"output": b'{"prices": {"rows": []}}\n', "error": b""}

    def run(command: list[str], **options: typing.Any) -> typing.Any:
        seen.update(command=command, **options)
        if "late" in seen:
            raise subprocess.TimeoutExpired(command, 1, seen["output"])
        return types.SimpleNamespace(stdout=seen["output"], stderr=seen["error"])

    monkeypatch.setattr(subprocess, "run", run)
    return seen


@pytest.mark.parametrize("patience", [BRIEF, dataclasses.replace(BRIEF, connect_seconds=5)])
def test_a_busy_server_is_waited_for_and_that_is_told(process, patience):
    """Wait for a server that is slower than the wait for a connection: one took 22 s."""
    busy = Server(delay_seconds=0.3)
    messages: list[str] = []
    answers = server_query.ask(busy.connection, QUESTIONS, patience=patience, tell=messages.append)
    busy.close()
    assert answers == {"prices": {"rows": []}}
    assert messages[0].startswith(f"apiServer {busy.connection.url}: no answer yet; waiting for")


def test_a_server_that_stays_silent_is_given_up(process):
    busy = Server(delay_seconds=30)
    patience = dataclasses.replace(BRIEF, health_seconds=0.2)
    answers = server_query.ask(busy.connection, QUESTIONS, patience=patience)
    busy.close()
    assert answers["prices"]["away"] == (
        f"apiServer {busy.connection.url}: did not answer within 0.2 s"
    )
    assert "command" not in process


def test_a_server_that_answers_byte_by_byte_is_given_up(process):
    """Give up, although each byte comes in time: the answer never ends."""
    slow = Server(drip_seconds=0.05)
    patience = dataclasses.replace(BRIEF, connect_seconds=0.1, health_seconds=0.2)
    answers = server_query.ask(slow.connection, QUESTIONS, patience=patience)
    slow.close()
    assert answers["prices"]["away"].endswith(": did not answer within 0.2 s")


def test_an_address_that_swallows_packets_is_away_after_a_short_time(process, monkeypatch):
    waited: list[float] = []

    def connect(_address: object, timeout: float, *_: object) -> typing.Any:
        waited.append(timeout)
        raise TimeoutError("timed out")

    monkeypatch.setattr("socket.create_connection", connect)
    connection = skypilot.Connection("http://192.0.2.1")
    for patience in (server_query.QUICK, server_query.THOROUGH):
        away = server_query.ask(connection, QUESTIONS, patience=patience)["prices"]["away"]
        assert away == f"apiServer http://192.0.2.1: no connection within {waited[-1]:g} s"
    assert waited == [5, 60]


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (502, b"{}", "no SkyPilot API server answers there (HTTP 502)"),
        (404, b"{}", "no SkyPilot API server answers there (HTTP 404)"),
        (200, b"<html>", "what answers there is no SkyPilot API server"),
        (200, b"[]", "what answers there is no SkyPilot API server"),
        (401, b"{}", None),
        (403, b"{}", None),
        (200, b"{}", None),
    ],
)
def test_what_answers_is_the_reason(process, status, body, reason):
    other = Server(status, body)
    answers = server_query.ask(other.connection, QUESTIONS)
    other.close()
    if reason is None:
        assert answers["prices"] == {"rows": []}
    else:
        assert answers["prices"] == {"away": f"apiServer {other.connection.url}: {reason}"}


@pytest.mark.parametrize("url", ["http://", "ftp://a.b", "http://a b/", "http://[::1", "sky"])
def test_an_address_that_is_none_fails_nothing(process, url):
    assert "away" in server_query.ask(skypilot.Connection(url), QUESTIONS)["prices"]


def test_an_answer_that_comes_in_time_is_kept_when_another_does_not(server, process):
    process["late"] = True
    questions: server_query.Questions = {**QUESTIONS, "remote": {"names": {}}}
    assert server_query.ask(server.connection, questions, patience=BRIEF) == {
        "prices": {"rows": []},
        "remote": {"away": f"apiServer {server.connection.url}: did not answer within 1 s"},
    }


def test_a_process_that_dies_says_why(server, process):
    process.update(output=b"half a line", error=b"Traceback\nImportError: no sky\n")
    assert server_query.ask(server.connection, QUESTIONS)["prices"]["away"] == (
        f"apiServer {server.connection.url}: the process that asks it has failed "
        "(ImportError: no sky)"
    )


def test_the_token_is_on_no_command_line_and_in_no_environment(server, process, monkeypatch):
    """Leave out what Pulumi puts into the environment: the config, with the stack's secrets."""
    monkeypatch.setenv("PULUMI_CONFIG", '{"skypilot:token": "canary-token"}')
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "canary-phrase")
    monkeypatch.setenv("PULUMI_SKYPILOT_TOKEN", "canary-token")
    monkeypatch.setenv("PULUMI_ACCESS_TOKEN", "canary-access")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy")
    connection = skypilot.Connection(server.connection.url, None, "canary-token")
    assert server_query.ask(connection, QUESTIONS) == {"prices": {"rows": []}}
    assert "canary" not in f"{process['command']}{process['env']}"
    assert json.loads(process["input"])["token"] == "canary-token"
    assert process["env"]["HTTPS_PROXY"] == "http://proxy"


def test_the_process_reads_the_token_and_answers_each_question_by_itself(monkeypatch, capsys):
    made: list[skypilot.Connection] = []

    class Sdk:
        def __init__(self, connection: skypilot.Connection, *, patience_seconds: float) -> None:
            made.append(connection)
            assert patience_seconds == 7

        def prices(self, _question: object, *, seconds: float) -> dict[str, object]:
            assert seconds == 7
            return {"rows": []}

        def services(self) -> typing.NoReturn:
            raise errors.Denied("the token\nis refused")

    order = {
        "url": "http://sky",
        "workspace": None,
        "token": "canary",
        "seconds": 7,
        "questions": {"remote": {"names": {"a": "service"}}, **QUESTIONS},
    }
    monkeypatch.setattr(skypilot, "Sdk", Sdk)
    monkeypatch.setattr("os._exit", lambda _code: None)
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(order)))
    server_query.main()
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line]
    assert lines == [{"remote": {"away": "the token is refused"}}, {"prices": {"rows": []}}]
    assert made == [skypilot.Connection("http://sky", None, "canary")]
