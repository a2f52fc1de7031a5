"""Let a request through to vLLM only when it is on the allow-list below and has a right key.

vLLM's own guard looks at paths that begin with /v1, /v2, /inference or /cohere and lets all others
pass (AuthenticationMiddleware in vllm/entrypoints/serve/middleware/authenticate.py). This one
stands before it and before all else that vLLM runs. What is not listed here is refused, key or
not, so that a path which a later vLLM adds is shut until somebody decides about it.

The run script writes this file to the machine and names it to vLLM as the last --middleware, which
is the outermost. There it is a module of its own, so it uses nothing but the standard library. It
logs nothing. Its settings are three environment variables:

- LLM_GUARD_KEYS: the file with the keys, as the run script writes it for vLLM; or "none" when the
  inference paths are open to everybody.
- LLM_GUARD_PROBE: the method and the path that the readiness probe asks, e.g. "GET /health".
- LLM_GUARD_METRICS: a token that opens GET /metrics alone; the watchdog's. May be missing.
"""

import hashlib
import hmac
import json
import os
import pathlib
import re
import typing
from collections.abc import Iterable, Mapping

KEYS, PROBE, METRICS = "LLM_GUARD_KEYS", "LLM_GUARD_PROBE", "LLM_GUARD_METRICS"
NO_KEYS = "none"

INFERENCE: Mapping[str, tuple[str, ...]] = {
    "/v1/models": ("GET",),
    "/v1/chat/completions": ("POST",),
    "/v1/chat/completions/batch": ("POST",),
    "/v1/chat/completions/render": ("POST",),
    "/v1/chat/completions/derender": ("POST",),
    "/v1/completions": ("POST",),
    "/v1/completions/render": ("POST",),
    "/v1/completions/derender": ("POST",),
    "/v1/responses": ("POST",),
    "/v1/responses/render": ("POST",),
    "/v1/responses/{id}": ("GET",),
    "/v1/responses/{id}/cancel": ("POST",),
    "/v1/messages": ("POST",),
    "/v1/messages/count_tokens": ("POST",),
    "/v1/messages/render": ("POST",),
    "/v1/audio/transcriptions": ("POST",),
    "/v1/audio/translations": ("POST",),
    "/v1/systemone": ("POST",),
    "/v1/embeddings": ("POST",),
    "/v1/score": ("POST",),
    "/v1/rerank": ("POST",),
    "/v2/embed": ("POST",),
    "/v2/rerank": ("POST",),
    "/classify": ("POST",),
    "/pooling": ("POST",),
    "/rerank": ("POST",),
    "/score": ("POST",),
}
"""What clients of a model ask: the paths of vLLM 0.32 below /v1, but for those that load LoRA
adapters, and what its pooling models answer. {id} is one word."""

_PATTERNS = [
    (re.compile(path.replace("{id}", "[A-Za-z0-9_-]+")), methods)
    for path, methods in INFERENCE.items()
]

WITH_KEY = (("GET", "/health"), ("GET", "/metrics"))
"""What else a holder of a key may ask."""

Message = dict[str, typing.Any]
App = typing.Callable[[Message, typing.Any, typing.Any], typing.Awaitable[None]]


class Settings(typing.NamedTuple):
    """Which keys are right and what is open without one."""

    keys: tuple[bytes, ...] | None
    """The SHA-256 of each right key; None when the inference paths are open to everybody."""
    probe: tuple[str, str]
    """The method and the path that the readiness probe asks."""
    metrics: bytes | None
    """The SHA-256 of the token that opens /metrics alone."""


def settings(environment: Mapping[str, str]) -> Settings:
    """Return the settings. Raise RuntimeError when they say nothing certain: nothing is served."""
    where = environment.get(KEYS)
    if not where:
        raise RuntimeError(f"{KEYS} is not set: nothing is served without a guard that knows keys")
    method, _, path = environment.get(PROBE, "").partition(" ")
    if not path.startswith("/"):
        raise RuntimeError(f"{PROBE} must be a method and a path, such as 'GET /health'")
    token = environment.get(METRICS)
    return Settings(
        None if where == NO_KEYS else _keys(pathlib.Path(where)),
        (method, path.partition("?")[0]),
        _hashed(token.encode()) if token else None,
    )


class Guard:
    """ASGI middleware around all of vLLM's server."""

    def __init__(self, app: App, given: Settings | None = None) -> None:
        self._app = app
        self._settings = given or settings(os.environ)
        self._outermost: bool | None = None

    async def __call__(self, scope: Message, receive: typing.Any, send: typing.Any) -> None:
        """Pass the request on as it came, or answer it with a refusal."""
        if self._outermost is None:
            self._outermost = _is_outermost(scope.get("app"))
        if not self._outermost:
            await _stop(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
        else:
            status = self._status(scope)
            if status == 200:
                await self._app(scope, receive, send)
            else:
                await _refuse(send, status)

    def _status(self, scope: Message) -> int:
        """Return 200 when the request may pass, 401 when it needs a key, 403 when it may not."""
        keys, method = self._settings.keys, scope["method"]
        path = _plain_path(scope)
        if path is not None and (method, path) == self._settings.probe:
            return 200
        given = _bearer(scope["headers"])
        known = keys is not None and _is_among(given, keys)
        inference = () if path is None else _methods(path)
        if inference and method == "OPTIONS" and _is_preflight(scope["headers"]):
            return 200  # vLLM's CORS layer answers it: a browser sends no key with it
        if method in inference and (known or keys is None):
            return 200
        if (method, path) in WITH_KEY and (known or self._is_watchdog(path, given)):
            return 200
        return 403 if known or keys is None else 401

    def _is_watchdog(self, path: str | None, given: bytes | None) -> bool:
        token = self._settings.metrics
        return path == "/metrics" and token is not None and _is_among(given, (token,))


def _keys(file: pathlib.Path) -> tuple[bytes, ...]:
    """Return the hashes of the keys in the file that the run script writes for vLLM."""
    quoted = re.findall(r"^- '(.+)'$", file.read_text(encoding="utf-8"), re.MULTILINE)
    if not quoted:
        raise RuntimeError(f"{file} has no key: nothing is served without one")
    return tuple(_hashed(text.replace("''", "'").encode()) for text in quoted)


def _hashed(text: bytes) -> bytes:
    return hashlib.sha256(text).digest()


def _is_among(given: bytes | None, hashes: Iterable[bytes]) -> bool:
    """Return whether the key is one of these, in a time that does not tell which or how nearly."""
    hashed = _hashed(given or b"")
    matches = [hmac.compare_digest(hashed, right) for right in hashes]
    return given is not None and any(matches)


def _bearer(headers: Iterable[tuple[bytes, bytes]]) -> bytes | None:
    """Return the key of the request; None without one, or with two headers that may differ."""
    values = [value for name, value in headers if name.lower() == b"authorization"]
    if len(values) != 1:
        return None
    scheme, _, key = values[0].partition(b" ")
    return key if scheme.lower() == b"bearer" else None


def _plain_path(scope: Message) -> str | None:
    """Return the path when it is spelt as the client sent it; None when it is not.

    A server takes /%76%31 for /v1, and one behind a root path cuts that off before it looks for a
    route: only what needs no such reading is compared with the list.
    """
    path: str = scope["path"]
    raw: bytes | None = scope.get("raw_path")
    if scope.get("root_path") or (raw is not None and raw != path.encode()):
        return None
    return path


def _methods(path: str) -> tuple[str, ...]:
    """Return the methods of an inference path; () for any other."""
    return next((methods for known, methods in _PATTERNS if known.fullmatch(path)), ())


def _is_preflight(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    names = {name.lower() for name, _ in headers}
    return {b"origin", b"access-control-request-method"} <= names


def _is_outermost(server: typing.Any) -> bool:
    """Return whether nothing of the server runs before this; a server that cannot tell is let be.

    The first of Starlette's user_middleware is the outermost.
    """
    layers = getattr(server, "user_middleware", None)
    return not layers or layers[0].cls is Guard


async def _stop(scope: Message, receive: typing.Any, send: typing.Any) -> None:
    """End the start of a server whose outermost layer is another one, and answer nothing."""
    reason = "another middleware stands before the guard of the API key: nothing is served"
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.failed", "message": reason})
    elif scope["type"] == "http":
        await _refuse(send, 500)
    else:
        await send({"type": "websocket.close", "code": 1011})


_REASONS = {
    401: "Unauthorized",
    403: "Forbidden: this endpoint serves inference, and this path or method is not part of it",
    500: "the guard of the API key is not the outermost layer",
}


async def _refuse(send: typing.Any, status: int) -> None:
    body = json.dumps({"error": _REASONS[status]}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    if status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


if "." not in __name__:
    # On a machine: wrong settings end vLLM's start here, and not at the first request.
    settings(os.environ)
