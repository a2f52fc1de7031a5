"""Fills in the reasoning effort of requests that say nothing of it.

Written to the machine by the run script and named to vLLM as --middleware: for gpt-oss vLLM 0.32
reads the effort from the request alone (vllm/renderers/online_renderer.py:564), and
--default-chat-template-kwargs reaches only models with a chat template of their own.
"""

import json
import os
import typing

VARIABLE = "VLLM_DEFAULT_REASONING_EFFORT"
LARGEST_BYTES = 64 * 2**20
"""A longer body goes on as it came. The guard of the API key stands before this."""

Message = dict[str, typing.Any]


class DefaultEffort:
    """ASGI middleware around vLLM's server."""

    def __init__(self, app: typing.Any) -> None:
        self.app = app

    async def __call__(self, scope: Message, receive: typing.Any, send: typing.Any) -> None:
        """Pass a request on, with an effort if it is one that may have it."""
        path = scope.get("path", "")
        if scope["type"] != "http" or not path.endswith(("/chat/completions", "/responses")):
            await self.app(scope, receive, send)
            return
        messages: list[Message] = []
        size = 0
        while size <= LARGEST_BYTES:
            message = await receive()
            messages.append(message)
            size += len(message.get("body", b""))
            if not message.get("more_body"):
                body = b"".join(message.get("body", b"") for message in messages)
                if message["type"] == "http.request":
                    body = filled(path, body, os.environ[VARIABLE])
                    messages = [{"type": "http.request", "body": body, "more_body": False}]
                    scope = {**scope, "headers": _sized(scope["headers"], len(body))}
                break

        async def replay() -> Message:
            return messages.pop(0) if messages else typing.cast("Message", await receive())

        await self.app(scope, replay, send)


def filled(path: str, body: bytes, effort: str) -> bytes:
    """The body with the effort, unless it names one; what is no JSON object stays as it is."""
    try:
        request = json.loads(body)
    except ValueError:
        return body
    if not isinstance(request, dict):
        return body
    if path.endswith("/responses"):
        reasoning = request.get("reasoning") or {}
        if not isinstance(reasoning, dict) or reasoning.get("effort") is not None:
            return body
        request["reasoning"] = {**reasoning, "effort": effort}
    else:
        own = request.get("chat_template_kwargs") or {}
        if request.get("reasoning_effort") is not None or "reasoning_effort" in own:
            return body
        request["reasoning_effort"] = effort
    return json.dumps(request).encode()


def _sized(headers: typing.Iterable[tuple[bytes, bytes]], size: int) -> list[tuple[bytes, bytes]]:
    kept = [(name, value) for name, value in headers if name.lower() != b"content-length"]
    return [*kept, (b"content-length", str(size).encode())]
