"""A small client of an endpoint's OpenAI API, for the commands that ask a model.

It uses nothing but the standard library, follows no redirect (the key would go along), and shows
the key in no message.
"""

import contextlib
import dataclasses
import http.client
import json
import ssl
import time
import typing
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from http import HTTPStatus

from ..lifecycle import masking
from ..skypilot import http_calls
from . import live
from .command import Wrong

SECONDS = 300.0
"""The longest wait for the next part of an answer: a long prompt takes minutes to read."""
EFFORTS = ("low", "medium", "high")

_AWAY = "no replica is ready; see `pulumi-skypilot status`"
_HELP = {
    HTTPStatus.UNAUTHORIZED: "it refuses the stack's key: another server has that address, or the "
    "stack has a key that `pulumi up` has not brought there yet",
    HTTPStatus.NOT_FOUND: "its guard or vLLM does not serve that",
    HTTPStatus.BAD_GATEWAY: _AWAY,
    HTTPStatus.SERVICE_UNAVAILABLE: _AWAY,
    HTTPStatus.GATEWAY_TIMEOUT: _AWAY,
}
_Data = dict[str, typing.Any]


@dataclasses.dataclass(frozen=True)
class Answer:
    """An answer with its HTTP status."""

    status: int
    body: str = dataclasses.field(repr=False)

    @property
    def data(self) -> _Data:
        """Return the table in the body; an empty one if there is none."""
        with contextlib.suppress(ValueError, RecursionError):
            content = json.loads(self.body)
            if isinstance(content, dict):
                return content
        return {}


@dataclasses.dataclass(frozen=True)
class Piece:
    """A part of a streamed answer."""

    content: str = ""
    thoughts: str = ""
    tokens: int | None = None
    """The number of all tokens, which the last part has."""


@dataclasses.dataclass(frozen=True)
class Reply:
    """A whole answer of a model, and how fast it came."""

    content: str
    thoughts: str
    tokens: int | None
    first_seconds: float
    """From the request to the first token."""
    seconds: float

    @property
    def tokens_per_second(self) -> float | None:
        """Return the speed after the first token; None if it cannot be told."""
        after = self.seconds - self.first_seconds
        return (self.tokens - 1) / after if self.tokens and self.tokens > 1 and after > 0 else None


class Api:
    """The API of one deployment's endpoint."""

    def __init__(self, deployment: live.Deployment) -> None:
        """Keep where it is; nothing is asked yet. Raises Wrong if it has no endpoint."""
        self.url, self.model = deployment.endpoint, deployment.model
        self.key = deployment.state.api_key
        self._name = deployment.key
        certificate = deployment.state.certificate
        secure = http_calls.context(certificate, check_host=True)
        self._opener = urllib.request.build_opener(
            _NoRedirect(), urllib.request.HTTPSHandler(context=secure)
        )

    def get(self, path: str, *, keyed: bool = True) -> Answer:
        """Return the answer to a GET. Raises Wrong if there is none."""
        with self._open(path, None, keyed=keyed) as answer:
            return self._read(answer)

    def post(self, path: str, body: Mapping[str, object], *, keyed: bool = True) -> Answer:
        """Return the answer to a POST. Raises Wrong if there is none."""
        with self._open(path, body, keyed=keyed) as answer:
            return self._read(answer)

    def chat(self, messages: Sequence[Mapping[str, str]], **options: object) -> Iterator[Piece]:
        """Yield an answer as it comes. Raises Wrong.

        A server in between may have collected the whole answer: then it is one part.
        """
        body = {
            "model": self.model,
            "messages": list(messages),
            "stream": True,
            "stream_options": {"include_usage": True},
            **options,
        }
        with self._open(CHAT, body, keyed=True) as answer:
            if answer.status != HTTPStatus.OK:
                raise self.wrong(CHAT, self._read(answer))
            if "text/event-stream" not in answer.headers.get("Content-Type", ""):
                yield _whole(self._read(answer).data)
                return
            try:
                yield from self._events(answer)
            except (OSError, http.client.HTTPException) as error:
                raise Wrong(f"{self._name}: the answer broke off ({_words(error)})") from None

    def wrong(self, path: str, answer: Answer) -> Wrong:
        """Return the error for an answer that is not the expected one."""
        return Wrong(f"{self._name}: {self.url}{path} {self.told(answer)}")

    def told(self, answer: Answer) -> str:
        """Return the HTTP status of an answer, its first words, and what to do."""
        with contextlib.suppress(ValueError):
            status = HTTPStatus(answer.status)
            name = f" {status.phrase}"
            error = answer.data.get("error")
            message = error.get("message") if isinstance(error, dict) else error
            words = masking.first_words(str(message or answer.body), self.key, most=200)
            said = f" ({words})" if words and words != status.phrase else ""
            help_ = f"; {_HELP[status]}" if status in _HELP else ""
            return f"answers HTTP {answer.status}{name}{said}{help_}"
        return f"answers HTTP {answer.status}"

    @contextlib.contextmanager
    def _open(
        self, path: str, body: Mapping[str, object] | None, *, keyed: bool
    ) -> Iterator[http.client.HTTPResponse]:
        headers = {"Content-Type": "application/json"}
        if keyed and self.key:
            headers["Authorization"] = f"Bearer {self.key}"
        data = None if body is None else json.dumps(body).encode()
        try:
            request = urllib.request.Request(f"{self.url}{path}", data, headers)  # noqa: S310
            answer = self._opener.open(request, timeout=SECONDS)
        except urllib.error.HTTPError as error:
            answer = typing.cast(http.client.HTTPResponse, error)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise Wrong(
                f"{self._name}: {self.url} cannot be reached ({_words(error)}); "
                "`pulumi-skypilot doctor` looks for the cause"
            ) from None
        with answer:
            yield answer

    def _read(self, answer: http.client.HTTPResponse) -> Answer:
        try:
            return Answer(answer.status, answer.read().decode(errors="replace"))
        except (OSError, http.client.HTTPException) as error:
            raise Wrong(f"{self._name}: the answer broke off ({_words(error)})") from None

    def _events(self, lines: Iterable[bytes]) -> Iterator[Piece]:
        """Yield the parts of a stream of server-sent events. Raises Wrong for an error in it."""
        for line in lines:
            name, _, text = line.decode(errors="replace").strip().partition(":")
            if name != "data" or text.strip() == "[DONE]":
                continue
            data = Answer(HTTPStatus.OK, text).data
            if "error" in data:
                words = masking.first_words(json.dumps(data["error"]), self.key, most=200)
                raise Wrong(f"{self._name}: the model stopped with an error: {words}")
            yield _part(data, "delta")


CHAT = "/v1/chat/completions"


def collect(pieces: Iterable[Piece], show: Callable[[Piece], object] = lambda _: None) -> Reply:
    """Return the whole of an answer, after showing each part of it."""
    began = time.monotonic()
    first: float | None = None
    content, thoughts, tokens = "", "", None
    for piece in pieces:
        if first is None and (piece.content or piece.thoughts):
            first = time.monotonic() - began
        content, thoughts = content + piece.content, thoughts + piece.thoughts
        tokens = piece.tokens if piece.tokens is not None else tokens
        show(piece)
    seconds = time.monotonic() - began
    return Reply(content, thoughts, tokens, seconds if first is None else first, seconds)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: it would send the key to another server."""

    def redirect_request(self, *_: object, **__: object) -> None:
        """Return no request."""


def _whole(data: _Data) -> Piece:
    return _part(data, "message")


def _part(data: _Data, key: str) -> Piece:
    """Return a part of an answer. vLLM calls the thoughts `reasoning`."""
    choices = data.get("choices") or [{}]
    message = choices[0].get(key) or {}
    thoughts = message.get("reasoning") or message.get("reasoning_content") or ""
    usage = data.get("usage") or {}
    return Piece(message.get("content") or "", thoughts, usage.get("completion_tokens"))


def _words(error: Exception) -> str:
    """Return why a connection failed, in a few words."""
    reason = getattr(error, "reason", error)
    if isinstance(reason, ssl.SSLCertVerificationError):
        return str(reason.verify_message)
    return str(getattr(reason, "strerror", None) or reason or type(reason).__name__).lower()
