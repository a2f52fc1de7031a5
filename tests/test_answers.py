"""A user reads one line, in bounded time, about an API server that is away, slow or wrong.

The real SDK asks tiny servers.
"""

import http.server
import json
import os
import pathlib
import subprocess
import sys
import threading
import typing
from collections.abc import Iterator

import pytest

from tests import answers

Handler = http.server.BaseHTTPRequestHandler
Say = typing.Callable[[Handler], None]
VERSION = {"X-SkyPilot-API-Version": "62", "X-SkyPilot-Version": "0.14.1"}
HEALTH = {"status": "healthy", "version": "0.14.1", "api_version": "62", "commit": "0"}
PAGE = "<html><title>502 Bad Gateway</title></html>"
TOKEN = "sky_canary"


def says(status: int, body: object, headers: dict[str, str] | None = None) -> Say:
    def say(handler: Handler) -> None:
        handler.send_response(status)
        for name, value in (headers or {}).items():
            handler.send_header(name, value)
        handler.end_headers()
        text = body if isinstance(body, str) else json.dumps(body)
        handler.wfile.write(text.encode())

    return say


def hangs(handler: Handler) -> None:
    typing.cast(Server, handler.server).over.wait(60)


def healthy(then: Say, **changes: object) -> Say:
    """Answer as `then`, except for the health."""
    well = says(200, HEALTH | changes, VERSION)
    return lambda handler: (well if handler.path.startswith("/api/health") else then)(handler)


class Server(http.server.ThreadingHTTPServer):
    """A server that gives everybody the same answer."""

    daemon_threads = True

    def __init__(self, say: Say) -> None:
        self.asked: list[str] = []
        self.over = threading.Event()
        asked = self.asked

        class Answers(Handler):
            def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
                asked.append(self.path)
                say(self)

            do_POST = do_GET  # noqa: N815 - the name that http.server calls

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        super().__init__(("127.0.0.1", 0), Answers)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Case(typing.NamedTuple):
    """A server, the result of `serve status`, and the words that the user reads."""

    say: Say | None
    error: str
    cause: str
    next_step: str
    token: str | None = None
    call: str = "service"


START = "start it (sky api start) or set skypilot:apiServer"
RENEW = "set PULUMI_SKYPILOT_TOKEN to a service account's token"
LOOK = "check its requests (sky api status)"
CASES = {
    "away": Case(None, "Unreachable", "connection refused", START),
    "hangs": Case(hangs, "Unreachable", "timed out", START, call="server"),
    "fails": Case(says(500, "boom"), "Unreachable", "HTTP 500", START),
    "a proxy whose server is away": Case(says(502, PAGE), "Unreachable", "HTTP 502", START),
    "another kind of server": Case(says(200, PAGE), "Unreachable", "something else does", START),
    "JSON of another kind": Case(says(200, []), "Unreachable", "something else does", START),
    # SkyPilot's own SDK goes on for ten minutes.
    "busy": Case(says(503, PAGE), "TimedOut", "no answer in", LOOK),
    "asks for a token": Case(says(401, {}), "Denied", "it asks for a token", RENEW),
    "knows no such token": Case(says(401, {}), "Denied", "wrong, expired or revoked", RENEW, TOKEN),
    "hangs when it is asked": Case(healthy(hangs), "TimedOut", "no answer in", LOOK),
    "fails when it is asked": Case(
        healthy(says(500, "boom")), "Unreachable", "500 Server Error", START
    ),
    "has a page for all but its health": Case(
        healthy(says(200, PAGE)), "Unreachable", "502 Bad Gateway", START
    ),
    "the token was revoked since": Case(
        healthy(says(401, {"detail": "Service account token revoked or rotated"})),
        *("Denied", "refused (Service account token revoked or rotated)", RENEW, TOKEN),
    ),
    "the account may not": Case(
        healthy(says(403, {"detail": "Forbidden"})),
        *("Denied", "may not do that (Forbidden)", "the token of one that may", TOKEN),
    ),
    "the token has expired": Case(
        healthy(
            says(401, {"detail": "Service account token has expired"}), basic_auth_enabled=True
        ),
        *("Denied", "refused (Service account token has expired)", RENEW, TOKEN, "server"),
    ),
    "tells when its database was made": Case(
        healthy(says(200, [{"id": "root"}, {"id": "skypilot-system", "created_at": 1795605779}])),
        *("none", "since='c0e5154c'", "user=", None, "server"),
    ),
    "does not tell it": Case(
        healthy(says(200, PAGE)), *("none", "since=''", "user=", None, "server")
    ),
    "too old": Case(
        says(200, HEALTH | {"version": "0.9.0", "api_version": "9"}),
        *("Invalid", "0.9.0", "upgrade"),
    ),
}
Answer = tuple[str, str, float]


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, Server]]:
    made = {name: Server(case.say) for name, case in CASES.items() if case.say is not None}
    yield made
    for server in made.values():
        server.over.set()
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")
def answered(
    servers: dict[str, Server], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Answer]:
    """Return the answers of all servers, asked at once because most of the time is waiting."""
    home = pathlib.Path(tmp_path_factory.mktemp("home"))
    questions = {
        name: (
            servers[name].url if name in servers else "http://127.0.0.1:9",
            case.token,
            case.call,
            ["chat"] if case.call == "service" else [],
        )
        for name, case in CASES.items()
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.answers"],
        input=json.dumps(questions),
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "SKYPILOT_DISABLE_USAGE_COLLECTION": "1",
        },
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return {
        name: (kind, text, took)
        for name, (kind, text, took) in json.loads(done.stdout.splitlines()[-1]).items()
    }


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", CASES)
def test_a_server_that_is_no_use_is_one_line_with_cause_and_next_step(
    name: str, answered: dict[str, Answer], servers: dict[str, Server]
) -> None:
    case = CASES[name]
    kind, text, took = answered[name]
    assert kind == case.error, text
    assert case.cause in text
    assert case.next_step in text
    assert took < 2 * answers.SECONDS
    assert "\n" not in text
    assert "canary" not in text
    if name in servers:  # and nobody else was asked, or started, in its place
        assert servers[name].url in text
        assert servers[name].asked
