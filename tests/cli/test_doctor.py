import http.server
import importlib.metadata
import json
import threading
import typing
from collections.abc import Iterator

import pytest

from pulumi_skypilot import cli, errors, testing
from pulumi_skypilot.cli import doctor, live
from pulumi_skypilot.lifecycle import server_query
from tests import prices
from tests.cli import engine as engines
from tests.cli import recorded_stack

HEALTH = {"status": "healthy", "version": importlib.metadata.version("skypilot")}


class ApiServer(http.server.ThreadingHTTPServer):
    """An API server that reports its health, and nothing else."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.health: object = HEALTH
        self.status = 200

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(http.server.BaseHTTPRequestHandler):
    server: ApiServer

    def do_GET(self) -> None:
        body = json.dumps(self.server.health).encode()
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


def _ask(_connection: object, questions: server_query.Questions, **_: object) -> object:
    """Return a price of each machine that is asked for."""
    question = questions["prices"]
    rows = [
        {
            **prices.ROWS[0],
            "cloud": cloud,
            "accelerator": gpu,
            "count": count,
        }
        for cloud in question["clouds"]
        for gpu in question["accelerators"]
        for count in (1, 2, 4, 8)
    ]
    machines = [
        {"machine": size, "price": 0.1, "dearest": 0.1, "free": False}
        for size in question["machines"]
    ]
    answer = {"asked": question, "rows": rows, "machines": machines, "failed": {}}
    return {"prices": {**answer, "controller": False}}


@pytest.fixture
def api_server(
    stack: recorded_stack.Stack,
    sky: testing.SkyPilot,
    engine: engines.Engine,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[ApiServer]:
    """The API server of the stack, whose deployments answer, and which knows all machines."""
    sky.enabled = frozenset({"aws", "gcp", "kubernetes"})
    with ApiServer() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        for resource in stack.export["deployment"]["resources"]:
            scope = (resource.get("outputs") or {}).get("scope")
            if scope:
                scope["apiServer"] = server.url
        for key in ("chat", "inner", "lab", "open", "pair", "sealed", "turned"):
            stack.serve(key, engine.url)
        monkeypatch.setattr(server_query, "ask", _ask)
        yield server
        server.shutdown()
        thread.join(10)


def failed(capsys: pytest.CaptureFixture[str], *more: str) -> dict[str, dict[str, typing.Any]]:
    """Return the checks that have failed, by name."""
    code = cli.main(["doctor", "--json", *more])
    checks = json.loads(capsys.readouterr().out)
    bad = {check["name"]: check for check in checks if not check["well"]}
    assert code == (1 if bad else 0)
    return bad


def test_a_stack_that_serves_is_well(api_server, capsys) -> None:
    assert cli.main(["doctor"]) == 0
    told = capsys.readouterr().out
    for words in ("CLI 3.259.0", "chat, inner, lab", "is healthy", "user user0001", "GiB free"):
        assert words in told
    assert "FAILED" not in told


def test_a_server_that_does_not_answer_is_told_with_the_way_out(
    stack, sky, capsys, monkeypatch
) -> None:
    bad = failed(capsys)
    assert "connection refused" in bad["API server"]["detail"]
    assert "`sky api start`" in bad["API server"]["way_out"]


@pytest.mark.parametrize(
    ("health", "status", "words"),
    [
        ({"message": "hello"}, 200, "what answers there is no SkyPilot API server"),
        ({**HEALTH, "version": "0.9.0"}, 200, "SkyPilot 0.9.0"),
    ],
)
def test_another_server_is_told(api_server, capsys, health, status, words) -> None:
    api_server.health, api_server.status = health, status
    bad = failed(capsys)
    assert words in bad["API server"]["detail"]
    assert bad["API server"]["way_out"]


def test_a_refused_account_is_told(api_server, sky, capsys) -> None:
    sky.fail("server", *[errors.Denied("apiServer x: it asks for a token; set a token")] * 5)
    assert "it asks for a token" in failed(capsys)["account"]["detail"]


def test_missing_credentials_are_told_for_each_place(api_server, sky, capsys) -> None:
    sky.enabled = frozenset({"kubernetes"})
    bad = failed(capsys)["credentials for aws"]
    assert "lab" in bad["detail"]
    assert bad["way_out"] == "set them up on the API server and run `sky check aws` there"


def test_unknown_machines_are_told(api_server, capsys, monkeypatch) -> None:
    monkeypatch.setattr(server_query, "ask", lambda *_, **__: {"prices": {"away": "too slow"}})
    assert failed(capsys)["machines"]["detail"] == "too slow"


def test_endpoints_that_cannot_be_reached_are_told(api_server, stack, capsys) -> None:
    stack.serve("lab", "http://127.0.0.1:9")
    stack.serve("open", "http://no-such-host.invalid:30001")
    bad = failed(capsys)
    assert bad["endpoint of lab"]["detail"] == "http://127.0.0.1:9 takes no connection from here"
    assert "no-such-host.invalid has no address" in bad["endpoint of open"]["detail"]
    assert "make a DNS entry" in bad["endpoint of open"]["way_out"]


def test_a_full_disk_is_told(api_server, capsys, monkeypatch) -> None:
    monkeypatch.setattr(doctor, "_FREE_GIB", 10**9)
    assert "make room" in failed(capsys)["disk of the local API server"]["way_out"]


def test_without_pulumi_or_a_stack_the_rest_is_checked(
    api_server, stack, capsys, monkeypatch
) -> None:
    (stack.folder / "pulumi").unlink()
    bad = failed(capsys, "--api-server", api_server.url)
    assert set(bad) == {"Pulumi", "stack"}
    assert "pulumi.com/docs/install" in bad["Pulumi"]["way_out"]


def test_a_password_in_an_address_is_not_shown() -> None:
    assert live.shown("https://a:b@sky.test:1/x") == "https://sky.test:1/x"
