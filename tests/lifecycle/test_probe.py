"""The probe of an endpoint: what it does instead of answering for the model, in one line."""

import http.server
import json
import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from pulumi_skypilot import errors, skypilot, testing
from pulumi_skypilot.lifecycle import masking, probe

KEY = "sk-canary-0123456789"
MODEL = "openai/gpt-oss-20b"
ASKED = probe.Asked(MODEL, KEY, way_in="open the firewall")
Say = Callable[[http.server.BaseHTTPRequestHandler], tuple[int, str]]


@pytest.fixture
def sdk() -> skypilot.Sdk:
    return skypilot.Sdk(skypilot.Connection("http://127.0.0.1:9"))


@pytest.fixture
def serve() -> Iterator[Callable[[Say], str]]:
    """Yield a function that starts a server with these answers and returns its address."""
    made: list[http.server.HTTPServer] = []

    def start(say: Say) -> str:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, body = say(self)
                self.send_response(status)
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        made.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in made:
        server.shutdown()
        server.server_close()


def models(*names: str) -> str:
    return json.dumps({"data": [{"id": name} for name in names]})


def always(status: int, body: str = "") -> Say:
    return lambda _handler: (status, body)


def healthy(status: int, body: str) -> Say:
    return lambda handler: (200, "") if handler.path == "/health" else (status, body)


@pytest.mark.parametrize(
    ("say", "answer", "help_"),
    [
        (always(503, "No ready replicas."), "HTTP 503 Service Unavailable (No ready", "load balan"),
        (always(502, "<html><h1>502 Bad Gateway</h1>nginx"), "502 Bad Gateway nginx)", "proxy"),
        (always(404, '{"detail":"Not Found"}'), "/v1/models answers HTTP 404 Not Found", "path"),
        (always(403), "HTTP 403 Forbidden; ", "firewall"),
        (always(599), "HTTP 599; ", "check which program listens there"),
        (healthy(200, models("acme/other", "b")), "it serves acme/other, b, not", "servedName"),
        (healthy(200, models()), "it serves no model, not", "servedName"),
        (healthy(200, "<html>hello</html>"), "HTTP 200 OK (hello), which is no list", "listens"),
        (healthy(200, "[[[]]]"), "which is no list of models", "check which program listens there"),
    ],
)
def test_a_probe_says_what_came_back_and_what_would_help(sdk, serve, say, answer, help_) -> None:
    address = serve(say)
    said = probe.missing(sdk, address, ASKED)
    assert said is not None
    assert said.startswith(address)
    assert answer in said
    assert help_ in said.partition(answer)[2]


def test_a_probe_has_nothing_to_say_of_a_server_that_answers(sdk, serve) -> None:
    assert probe.missing(sdk, serve(healthy(200, models(MODEL))), ASKED) is None


def test_a_probe_shows_the_key_on_every_request(sdk, serve) -> None:
    seen: list[str | None] = []

    def guarded(handler: http.server.BaseHTTPRequestHandler) -> tuple[int, str]:
        seen.append(handler.headers.get("Authorization"))
        return (200, models(MODEL)) if seen[-1] == f"Bearer {KEY}" else (401, "")

    assert probe.missing(sdk, serve(guarded), ASKED) is None
    assert seen == [f"Bearer {KEY}"] * 2


@pytest.mark.parametrize("status", [403, 404])
def test_a_probe_needs_no_path_for_health(sdk, serve, status: int) -> None:
    address = serve(lambda h: (status, "") if h.path == "/health" else (200, models(MODEL)))
    assert probe.missing(sdk, address, ASKED) is None


@pytest.mark.parametrize("path", ["/health", "/v1/models"])
def test_a_probe_tells_a_key_that_is_refused(sdk, serve, path: str) -> None:
    address = serve(lambda handler: (401 if handler.path == path else 200, ""))
    with pytest.raises(probe.KeyRefused, match=f"{address}: .*refuses the API key of this stack"):
        probe.missing(sdk, address, ASKED)


def test_a_probe_tells_a_key_that_nobody_has(sdk, serve) -> None:
    with pytest.raises(probe.KeyRefused, match="requires a key, and this stack has none"):
        probe.missing(sdk, serve(always(401)), probe.Asked(MODEL, None))


class TestNobody:
    def test_where_nobody_listens_it_is_said(self, sdk) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            address = f"http://127.0.0.1:{server.getsockname()[1]}"
        said = probe.missing(sdk, address, ASKED)
        assert said == f"{address}/health: connection refused; open the firewall"

    def test_where_nobody_answers_in_time_it_is_said(self, sdk, monkeypatch) -> None:
        monkeypatch.setattr(skypilot.http_calls, "TIMEOUT_SECONDS", 0.2)
        with socket.create_server(("127.0.0.1", 0)) as server:
            address = f"http://127.0.0.1:{server.getsockname()[1]}"
            said = probe.missing(sdk, address, ASKED)
        assert said == f"{address}/health: no answer within 0 s; open the firewall"

    @pytest.mark.parametrize(
        ("raw", "reason"),
        [
            (b"", "it closes the connection without an answer"),
            (b"SSH-2.0-OpenSSH_9.2\r\n", "what it answers is no HTTP"),
            (
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz",
                "what it answers is no HTTP",
            ),
        ],
    )
    def test_where_nobody_speaks_http_it_is_said(self, sdk, raw: bytes, reason: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            address = f"http://127.0.0.1:{server.getsockname()[1]}"

            def answer() -> None:
                connection, _ = server.accept()
                with connection:
                    connection.recv(4096)
                    connection.sendall(raw)

            thread = threading.Thread(target=answer, daemon=True)
            thread.start()
            assert reason in str(probe.missing(sdk, address, ASKED))
            thread.join(5)

    def test_where_nobody_speaks_tls_it_is_said(self, sdk, serve) -> None:
        address = serve(always(200)).replace("http:", "https:")
        assert f"{address}/health: no TLS connection (" in str(probe.missing(sdk, address, ASKED))

    @pytest.mark.parametrize("address", ["http://host:None", "http://[::1", "http://x y", "a"])
    def test_where_nobody_is_there_it_is_said(self, sdk, address: str) -> None:
        assert address in str(probe.missing(sdk, address, ASKED))
        assert sdk.listens(address) is False


@pytest.mark.parametrize("error", [errors.Unreachable("x: refused"), ValueError("y"), OSError("z")])
def test_a_probe_bears_whatever_the_port_raises(error: Exception) -> None:
    sky = testing.SkyPilot()
    sky.fail("get", error)
    assert str(probe.missing(sky, "http://x", ASKED)).endswith("; open the firewall")


class TestFirstWords:
    @pytest.mark.parametrize(
        "body",
        [
            f"you sent {KEY}",
            json.dumps({"headers": {"Authorization": f"Bearer {KEY}"}}),
            json.dumps({"headers": {"authorization": "Bearer another-canary"}}),
            "api_key=another-canary",
            "bearer another-canary",
            "it was sk-another-canary",
            "<script>token = 'canary'</script>",
            f"<a href='{KEY}'>",
        ],
    )
    def test_the_first_words_of_an_answer_hold_no_key(self, sdk, serve, body: str) -> None:
        said = probe.missing(sdk, serve(always(500, body)), ASKED)
        assert said is not None
        assert "canary" not in said

    def test_the_first_words_of_an_answer_are_one_line_of_what_can_be_printed(self) -> None:
        words = masking.first_words("a\n\tb\x1b[31mc\u202e\u200bd\x00\u2028 e")
        assert words.isprintable()
        assert "\n" not in words
        assert words.startswith("a b")

    def test_the_first_words_of_an_answer_are_short(self) -> None:
        assert len(masking.first_words("word " * 9999)) == 100
        assert masking.first_words("<" * 99_999)

    def test_the_first_words_hold_no_key_of_a_served_name(self, sdk, serve) -> None:
        said = probe.missing(sdk, serve(always(200, models(f"x\n{KEY}" + "y" * 999))), ASKED)
        assert said is not None
        assert said.isprintable()
        assert "canary" not in said
        assert len(said) < 400


def test_adapters_must_be_listed_beside_the_model(
    sdk: skypilot.Sdk, serve: Callable[[Say], str]
) -> None:
    asked = probe.Asked(MODEL, KEY, adapters=("law", "sql"))
    assert probe.missing(sdk, serve(healthy(200, models(MODEL, "sql", "law"))), asked) is None
    address = serve(healthy(200, models(MODEL, "sql")))
    assert probe.missing(sdk, address, asked) == (
        f"{address}/v1/models: it serves {MODEL} without the adapter law; look into its log, or "
        "check lora.adapters"
    )
