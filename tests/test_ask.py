"""What a preview asks the API server, against servers of this test's own."""

import http.server
import json
import subprocess
import threading
import typing

import pytest

from pulumi_skypilot import ask, cost, skypilot, spec

QUESTIONS = {"prices": {"clouds": ["aws"], "accelerators": ["L4"], "machines": []}}


class Server:
    """An API server that says that it is healthy and counts who asks."""

    def __init__(self, status: int = 200) -> None:
        paths: list[str] = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                paths.append(self.path)
                self.send_response(status)
                self.end_headers()
                self.wfile.write(b"{}")

            def do_POST(self) -> None:
                self.do_GET()

            def log_message(self, format: str, *args: typing.Any) -> None:
                pass

        self.paths = paths
        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.http.serve_forever, daemon=True).start()
        self.connection = skypilot.Connection(f"http://127.0.0.1:{self.http.server_port}")

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()


@pytest.fixture
def server() -> typing.Iterator[Server]:
    one = Server()
    yield one
    one.close()


def test_offline_asks_nobody(server):
    answers = ask.ask(server.connection, QUESTIONS, offline=True)
    assert answers == {"prices": {"away": "offline: no server was asked"}}
    assert server.paths == []


def test_a_server_that_is_away_is_said_at_once():
    answers = ask.ask(skypilot.Connection("http://127.0.0.1:9"), QUESTIONS)
    assert answers["prices"]["away"] == (
        "apiServer http://127.0.0.1:9: no SkyPilot API server answers there"
    )


def test_a_server_that_makes_no_sense_fails_nothing(server):
    answers = ask.ask(server.connection, QUESTIONS)
    known = cost.read(answers["prices"])
    wanted = spec.parse({"model": "a/b", "accelerators": "L4:1", "infra": "aws"})
    assert cost.cost(wanted, known).unknown
    assert server.paths[0] == "/api/health"


def test_a_slow_answer_is_given_up(server):
    answers = ask.ask(server.connection, QUESTIONS, timeout_seconds=0.05)
    assert answers["prices"]["away"] == f"apiServer {server.connection.url}: no answer in 0 s"


def test_the_token_is_not_on_the_command_line(server, monkeypatch):
    seen: dict[str, typing.Any] = {}

    def run(command: list[str], **options: typing.Any) -> typing.Any:
        seen.update(command=command, **options)
        return type("Done", (), {"stdout": json.dumps({"prices": {"rows": []}})})()

    monkeypatch.setattr(subprocess, "run", run)
    connection = skypilot.Connection(server.connection.url, None, "canary-token")
    assert ask.ask(connection, QUESTIONS) == {"prices": {"rows": []}}
    assert "canary-token" not in " ".join(seen["command"]) + seen["input"]
    assert seen["env"]["PULUMI_SKYPILOT_ASK_TOKEN"] == "canary-token"
