"""The guard before a server that answers everything, over HTTP as clients send it."""

import asyncio
import hmac
import importlib.util
import json
import pathlib
import typing
from collections.abc import Iterator

import hypothesis
import pytest
from fastapi.middleware import cors
from hypothesis import strategies as st

from pulumi_skypilot.plan import routes
from pulumi_skypilot.plan.remote import vllm_guard
from tests.plan.remote.guarded import (
    KEY,
    KEYED,
    PROBE,
    SECOND,
    TOKEN,
    Server,
    everything,
    listening,
    serving,
)

ODD = {
    "/v1/models": ("//v1/models", "/v1//models", "/v1/./models", "/v1/x/../models", "/V1/models",
                   "/v1/%6dodels", "/v1%2Fmodels", "/v1/models/", "/v1/models%00", "/v1/models;a",
                   "/v1/models%20", "/x/v1/models"),
    "/invocations": ("//invocations", "/%69nvocations", "/invocations/", "/INVOCATIONS",
                     "/v1/../invocations", "/v1/models/../../invocations", "/health/../invocations",
                     "/health%2F..%2Finvocations", "/v1/models?/../invocations",
                     "http://localhost/invocations"),
}  # fmt: skip

OPEN = KEYED._replace(keys=None)


@pytest.fixture(scope="module", params=["h11", "httptools"])
def keyed(request: pytest.FixtureRequest) -> Iterator[Server]:
    with serving(KEYED, http=request.param) as server:
        yield server


@pytest.fixture(scope="module")
def open_to_all() -> Iterator[Server]:
    with serving(OPEN) as server:
        yield server


def bearer(key: str, scheme: str = "Bearer") -> str:
    return f"Authorization: {scheme} {key}"


def listed() -> list[tuple[str, str]]:
    return [
        (method, path.replace("{id}", "resp_a-1"))
        for path, methods in vllm_guard.INFERENCE.items()
        for method in methods
    ]


def refused() -> list[str]:
    return [path.replace("{adapter_name}", "a") for path in routes.REFUSED]


@pytest.mark.parametrize(("method", "path"), listed())
def test_inference_needs_a_right_key(keyed: Server, method: str, path: str) -> None:
    assert keyed.status(f"{method} {path}") == 401
    assert keyed.status(f"{method} {path}", bearer("wrong")) == 401
    assert keyed.status(f"{method} {path}?a=b", bearer(KEY)) == 200
    assert keyed.status(f"{method} {path}", bearer(SECOND, "bearer")) == 200


@pytest.mark.parametrize("path", refused())
def test_what_is_no_inference_is_refused_key_or_not(keyed: Server, path: str) -> None:
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE"):
        assert keyed.status(f"{method} {path}") == 401
        assert keyed.status(f"{method} {path}", bearer("wrong")) == 401
        assert keyed.status(f"{method} {path}", bearer(KEY)) == 403
        assert keyed.status(f"{method} {path}", bearer(TOKEN)) == 401


@pytest.mark.parametrize("path", ["/", "", "/v1", "/v1/", "/v1/whatever", "/v3/chat", "/admin"])
def test_what_nobody_has_decided_about_is_refused(keyed: Server, path: str) -> None:
    for method in ("GET", "POST"):
        assert keyed.status(f"{method} {path or '*'}") in (400, 401)
        assert keyed.status(f"{method} {path or '*'}", bearer(KEY)) in (400, 403)


def test_the_probe_alone_is_open(keyed: Server) -> None:
    assert keyed.status("GET /health") == 200
    assert keyed.status("GET /health", bearer("wrong")) == 200
    for method in ("POST", "HEAD", "OPTIONS", "PUT"):
        assert keyed.status(f"{method} /health") == 401
        assert keyed.status(f"{method} /health", bearer(KEY)) == 403


def test_another_probe_takes_the_place_of_health() -> None:
    given = KEYED._replace(probe=("POST", "/ready"))
    with serving(given) as server:
        assert server.status("POST /ready") == 200
        assert server.status("GET /ready") == 401
        assert server.status("GET /health") == 401
        assert server.status("GET /health", bearer(KEY)) == 200


@pytest.mark.parametrize(
    ("path", "spelling"), [(path, odd) for path, spellings in ODD.items() for odd in spellings]
)
def test_an_odd_spelling_never_gets_past(keyed: Server, path: str, spelling: str) -> None:
    method = "GET" if path == "/v1/models" else "POST"
    allowed = (200,) if spelling.startswith("/v1/models?") else (403, 404)
    assert keyed.status(f"{method} {spelling}") in (401, 404)
    right = "GET" if allowed == (200,) else method
    assert keyed.status(f"{right} {spelling}", bearer(KEY)) in allowed


@hypothesis.given(st.text("/.%2FfVv1amodelsinvcth;\\\t", min_size=1, max_size=24))
def test_no_spelling_reaches_the_server_without_a_key(tail: str) -> None:
    path = "/" + tail
    reached = asgi({"path": path, "raw_path": path.encode()})
    assert reached == (200 if path == "/health" else 401)


def asgi(
    scope: dict[str, typing.Any],
    given: vllm_guard.Settings = KEYED,
    headers: tuple[tuple[bytes, bytes], ...] = (),
) -> int:
    """Return the status of a request; 200 where it reached the server."""
    sent: list[dict[str, typing.Any]] = []

    async def server(_scope: typing.Any, _receive: typing.Any, _send: typing.Any) -> None:
        sent.append({"status": 200})

    async def receive() -> typing.NoReturn:
        raise AssertionError("the guard reads no body")

    async def send(message: dict[str, typing.Any]) -> None:
        sent.append(message)

    request = {"type": "http", "method": "GET", "headers": headers, **scope}
    loop = asyncio.new_event_loop()  # asyncio.run would take the thread's own, which Pulumi's needs
    loop.run_until_complete(vllm_guard.Guard(server, given)(request, receive, send))
    loop.close()
    return int(sent[0].get("status") or sent[0]["code"])


RIGHT = ((b"authorization", f"Bearer {KEY}".encode()),)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (RIGHT, 200),
        (((b"Authorization", f"BEARER {KEY}".encode()),), 200),
        (((b"authorization", KEY.encode()),), 401),
        (((b"authorization", f"Basic {KEY}".encode()),), 401),
        (((b"authorization", f"Bearer  {KEY}".encode()),), 401),
        (((b"authorization", f"Bearer {KEY} ".encode()),), 401),
        (((b"authorization", f"Bearer {KEY[:-1]}".encode()),), 401),
        (((b"authorization", b"Bearer "),), 401),
        (((b"authorization", b"Bearer \xff\xfe"),), 401),
        ((*RIGHT, (b"authorization", b"Bearer wrong")), 401),
        ((*RIGHT, *RIGHT), 401),
        (((b"x-api-key", KEY.encode()),), 401),
    ],
)
def test_a_key_is_right_to_the_letter(
    headers: tuple[tuple[bytes, bytes], ...], status: int
) -> None:
    assert asgi({"path": "/v1/models"}, headers=headers) == status


def test_every_key_is_compared_whichever_is_right(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[bytes] = []
    real = hmac.compare_digest

    def counting(left: bytes, right: bytes) -> bool:
        compared.append(right)
        return bool(real(left, right))

    monkeypatch.setattr(hmac, "compare_digest", counting)
    assert asgi({"path": "/v1/models"}, headers=RIGHT) == 200
    assert tuple(compared) == KEYED.keys


def test_a_server_behind_a_root_path_serves_nothing() -> None:
    for path in ("/v1/models", "/x/v1/models", "/health"):
        assert asgi({"path": path, "root_path": "/x"}, headers=RIGHT) == 403


def test_metrics_answer_a_key_and_the_watchdogs_token(keyed: Server) -> None:
    assert keyed.status("GET /metrics") == 401
    assert keyed.status("GET /metrics", bearer(TOKEN)) == 200
    assert keyed.status("GET /metrics", bearer(KEY)) == 200
    assert keyed.status("GET /metrics/", bearer(KEY)) == 403
    assert keyed.status("GET /v1/models", bearer(TOKEN)) == 401


@pytest.mark.parametrize(("method", "path"), listed())
def test_without_auth_inference_is_open(open_to_all: Server, method: str, path: str) -> None:
    assert open_to_all.status(f"{method} {path}") == 200
    assert open_to_all.status(f"{method} {path}", bearer("any")) == 200


@pytest.mark.parametrize("path", [*refused(), "/metrics", "/whatever"])
def test_without_auth_the_rest_stays_shut(open_to_all: Server, path: str) -> None:
    for method in ("GET", "POST", "PUT", "DELETE", "OPTIONS"):
        assert open_to_all.status(f"{method} {path}", bearer("any")) == 403
    assert open_to_all.status("GET /metrics", bearer(TOKEN)) == 200


def test_a_browsers_preflight_passes_for_inference_alone(keyed: Server) -> None:
    asks = ("Origin: https://a.example", "Access-Control-Request-Method: POST")
    assert keyed.status("OPTIONS /v1/chat/completions", *asks) == 200
    assert keyed.status("OPTIONS /v1/chat/completions") == 401
    assert keyed.status("OPTIONS /v1/chat/completions", asks[0]) == 401
    assert keyed.status("OPTIONS /invocations", *asks) == 401
    assert keyed.status("OPTIONS /metrics", *asks) == 401


@pytest.mark.parametrize("path", ["/v1/realtime", "/v1/models", "/health"])
def test_a_websocket_is_closed_before_it_is_open(path: str) -> None:
    for given in (KEYED, OPEN):
        assert asgi({"type": "websocket", "path": path}, given, RIGHT) == 1008
    assert asgi({"type": "later-kind", "path": path}, headers=RIGHT) == 1008


def test_an_answer_is_streamed_as_it_comes(keyed: Server) -> None:
    status, body = keyed.ask("POST /v1/completions", bearer(KEY), body=b"{}")
    assert status == 200
    assert body.split(b"\r\n")[1:4:2] == [b"first ", b"second"]  # a chunk each


def test_a_refusal_reads_no_body_and_tells_no_key(keyed: Server) -> None:
    assert asgi({"path": "/v1/completions", "method": "POST"}) == 401  # receive would fail
    _, unauthorized = keyed.ask("POST /v1/completions", bearer("wrong-key"), body=b"x" * 100_000)
    assert json.loads(unauthorized) == {"error": "Unauthorized"}
    _, forbidden = keyed.ask("POST /sleep", bearer(KEY))
    assert "Forbidden" in json.loads(forbidden)["error"]
    assert KEY.encode() not in forbidden


def test_the_start_ends_where_another_layer_stands_before_the_guard() -> None:
    app = everything()
    app.add_middleware(typing.cast(typing.Any, vllm_guard.Guard), given=KEYED)
    app.add_middleware(cors.CORSMiddleware, allow_origins=["*"])
    messages: list[dict[str, typing.Any]] = []

    async def receive() -> dict[str, str]:
        return {"type": "lifespan.startup"}

    async def send(message: dict[str, typing.Any]) -> None:
        messages.append(message)

    loop = asyncio.new_event_loop()
    asked: typing.Any = app(
        {"type": "lifespan", "state": {}}, receive, typing.cast(typing.Any, send)
    )
    loop.run_until_complete(asked)
    loop.close()
    assert [message["type"] for message in messages] == ["lifespan.startup.failed"]
    with listening(app, lifespan="off") as server:
        assert server.status("GET /v1/models", bearer(KEY)) == 500
        assert server.status("GET /health") == 500


def loaded(monkeypatch: pytest.MonkeyPatch, **environment: str) -> typing.Any:
    """Load the module as vLLM does, under the name that it has on a machine."""
    for name in (vllm_guard.KEYS, vllm_guard.PROBE, vllm_guard.METRICS):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    module_spec = importlib.util.spec_from_file_location("vllm_guard", vllm_guard.__file__)
    assert module_spec is not None
    assert module_spec.loader is not None
    module = importlib.util.module_from_spec(module_spec)
    module_spec.loader.exec_module(module)
    return module


def test_its_settings_come_from_the_machine(
    monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    file = tmp_path / "keys.yaml"
    file.write_text(f"api-key:\n- '{KEY.replace(chr(39), chr(39) * 2)}'\n- '{SECOND}'\n")
    environment = {"LLM_GUARD_KEYS": str(file), "LLM_GUARD_PROBE": "GET /health?a=b"}
    module = loaded(monkeypatch, **environment, LLM_GUARD_METRICS=TOKEN)
    assert tuple(module.settings(module.os.environ)) == tuple(KEYED)
    module = loaded(monkeypatch, LLM_GUARD_KEYS="none", LLM_GUARD_PROBE="GET /health")
    assert tuple(module.settings(module.os.environ)) == (None, PROBE, None)


@pytest.mark.parametrize(
    ("environment", "reason"),
    [
        ({}, "LLM_GUARD_KEYS is not set"),
        ({"LLM_GUARD_PROBE": "GET /health", "LLM_GUARD_KEYS": ""}, "LLM_GUARD_KEYS is not set"),
        ({"LLM_GUARD_KEYS": "none"}, "LLM_GUARD_PROBE must be a method and a path"),
        ({"LLM_GUARD_KEYS": "none", "LLM_GUARD_PROBE": "/health"}, "LLM_GUARD_PROBE must be"),
        ({"LLM_GUARD_KEYS": "/nowhere", "LLM_GUARD_PROBE": "GET /health"}, "/nowhere"),
        ({"LLM_GUARD_KEYS": "/dev/null", "LLM_GUARD_PROBE": "GET /health"}, "has no key"),
    ],
)
def test_without_certain_settings_it_cannot_be_loaded(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], reason: str
) -> None:
    with pytest.raises((RuntimeError, OSError), match=reason):
        loaded(monkeypatch, **environment)


def test_a_path_is_either_served_or_refused() -> None:
    assert not vllm_guard.INFERENCE.keys() & routes.REFUSED.keys()
    assert not {path for _, path in vllm_guard.WITH_KEY} & routes.REFUSED.keys()
