import asyncio
import json
import typing

import pytest

from pulumi_skypilot.plan.remote import default_effort

CHAT, RESPONSES = "/v1/chat/completions", "/v1/responses"


def asked(path: str, *parts: bytes, kind: str = "http.request") -> tuple[dict[bytes, bytes], bytes]:
    """Return the headers and the body that vLLM gets for a request in these parts."""
    incoming = [
        {"type": kind, "body": part, "more_body": index < len(parts) - 1}
        for index, part in enumerate(parts)
    ]
    seen: dict[str, typing.Any] = {}

    async def app(scope: typing.Any, receive: typing.Any, _send: typing.Any) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        seen.update(headers=dict(scope["headers"]), body=body)

    async def receive() -> typing.Any:
        return incoming.pop(0)

    size = str(sum(map(len, parts))).encode()
    scope = {"type": "http", "path": path, "headers": [(b"Content-Length", size), (b"a", b"b")]}
    loop = asyncio.new_event_loop()  # asyncio.run would take the thread's own, which Pulumi's needs
    loop.run_until_complete(default_effort.DefaultEffort(app)(scope, receive, None))
    loop.close()
    return seen["headers"], seen["body"]


@pytest.fixture(autouse=True)
def _effort(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(default_effort.VARIABLE, "high")


@pytest.mark.parametrize(
    ("path", "request_", "expected"),
    [
        (CHAT, {"messages": []}, {"messages": [], "reasoning_effort": "high"}),
        (CHAT, {"reasoning_effort": None}, {"reasoning_effort": "high"}),
        (RESPONSES, {"input": "x"}, {"input": "x", "reasoning": {"effort": "high"}}),
        (
            RESPONSES,
            {"reasoning": {"summary": "auto"}},
            {"reasoning": {"summary": "auto", "effort": "high"}},
        ),
    ],
)
def test_a_request_that_names_none_gets_the_default(
    path: str, request_: object, expected: object
) -> None:
    headers, body = asked(path, json.dumps(request_).encode())
    assert json.loads(body) == expected
    assert headers == {b"a": b"b", b"content-length": str(len(body)).encode()}


@pytest.mark.parametrize(
    ("path", "request_"),
    [
        (CHAT, {"reasoning_effort": "low"}),
        (CHAT, {"chat_template_kwargs": {"reasoning_effort": "low"}}),
        (RESPONSES, {"reasoning": {"effort": "low"}}),
        (RESPONSES, {"reasoning": "odd"}),
        (CHAT, [1]),
        ("/v1/completions", {"prompt": "x"}),
    ],
)
def test_a_client_has_the_last_word(path: str, request_: object) -> None:
    assert json.loads(asked(path, json.dumps(request_).encode())[1]) == request_


def test_what_is_not_json_goes_on_as_it_came() -> None:
    assert asked(CHAT, b"{nonsense")[1] == b"{nonsense"


def test_a_body_in_parts_is_one() -> None:
    assert json.loads(asked(CHAT, b'{"a"', b": 1", b"}")[1]) == {"a": 1, "reasoning_effort": "high"}


def test_a_body_that_is_too_long_goes_on_as_it_came(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(default_effort, "LARGEST_BYTES", 4)
    assert asked(CHAT, b'{"a": ', b"1", b"}")[1] == b'{"a": 1}'


def test_a_client_that_leaves_is_told_to_vllm() -> None:
    assert asked(CHAT, b"", kind="http.disconnect")[1] == b""
