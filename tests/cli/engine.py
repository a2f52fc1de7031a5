"""A small model server on loopback: vLLM's answers to what the commands and clients ask."""

import http.server
import json
import re
import threading
import typing
from collections.abc import Iterator

KEY = "sk-0123456789abcdef"
MODEL = "openai/gpt-oss-20b"
THOUGHTS, ANSWER = ["The user ", "asks."], ["Paris ", "is ", "the capital."]
TOKENS = len(THOUGHTS) + len(ANSWER)
CALL = {
    "id": "call-1",
    "type": "function",
    "function": {"name": "get_weather", "arguments": '{"city": "Paris"}'},
}

Table = dict[str, typing.Any]


class Engine(http.server.ThreadingHTTPServer):
    """A server of one model, which tests can change."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.key: str | None = KEY
        self.models = [MODEL]
        self.chats, self.embeds, self.streams, self.calls = True, False, True, True
        self.ranks = False
        self.fails: tuple[int, str] | None = None
        """The status and the body of every answer, in place of its own."""
        self.breaks = False
        """Whether a stream ends with an error."""
        self.asked: list[tuple[str, Table | None]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def bodies(self, path: str) -> list[Table]:
        return [body for asked, body in self.asked if asked == path and body]


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Engine

    def log_message(self, *_: object) -> None:
        """Keep quiet."""

    def do_GET(self) -> None:
        self.server.asked.append((self.path, None))
        if self._refused():
            return
        if self.path == "/v1/models":
            models = [{"id": name, "object": "model"} for name in self.server.models]
            self._reply(200, {"object": "list", "data": models})
        else:
            self._reply(404, {"detail": "Not Found"})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append((self.path, body))
        if self._refused():
            return
        if body["model"] not in self.server.models:
            self._reply(404, {"error": {"message": f"The model `{body['model']}` does not exist."}})
        elif self.path == "/v1/embeddings" and self.server.embeds:
            data = [{"object": "embedding", "index": 0, "embedding": [0.25] * 8}]
            usage = {"prompt_tokens": 3, "total_tokens": 3}
            self._reply(
                200, {"object": "list", "data": data, "model": body["model"], "usage": usage}
            )
        elif self.path == "/v1/rerank" and self.server.ranks:
            scores = enumerate((0.97, 0.015)[: len(body["documents"])])
            results = [{"index": i, "relevance_score": score} for i, score in scores]
            self._reply(200, {"model": body["model"], "results": results})
        elif self.path == "/v1/chat/completions" and self.server.chats:
            self._chat(body)
        else:
            self._reply(404, {"detail": "Not Found"})

    def _chat(self, body: Table) -> None:
        called = any(message["role"] == "tool" for message in body["messages"])
        calls = [CALL] if body.get("tools") and self.server.calls and not called else []
        if body.get("stream") and self.server.streams and not calls:
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream; charset=utf-8")
            self.end_headers()
            for event in self._events(body):
                text = event if isinstance(event, str) else json.dumps(event)
                self.wfile.write(f"data: {text}\n\n".encode())
                self.wfile.flush()
            return
        message = {
            "role": "assistant",
            "content": None if calls else "".join(ANSWER),
            "reasoning": "".join(THOUGHTS),
            "tool_calls": calls,
        }
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        self._reply(200, {**_about(body), "choices": [choice], "usage": _USAGE})

    def _events(self, body: Table) -> Iterator[Table | str]:
        about = {**_about(body), "object": "chat.completion.chunk"}
        for key, parts in (("reasoning", THOUGHTS), ("content", ANSWER)):
            for part in parts:
                yield {**about, "choices": [{"index": 0, "delta": {key: part}}]}
        if self.server.breaks:
            yield {"error": {"message": f"engine died; key {KEY}", "code": 500}}
            return
        end = {"index": 0, "delta": {}, "finish_reason": "stop"}
        yield {**about, "choices": [end]}
        if (body.get("stream_options") or {}).get("include_usage"):
            yield {**about, "choices": [], "usage": _USAGE}
        yield "[DONE]"

    def _refused(self) -> bool:
        given = re.sub("^Bearer ", "", self.headers.get("Authorization", ""))
        if self.server.fails:
            status, text = self.server.fails
            self._send(status, text)
            return True
        if self.server.key is not None and given != self.server.key:
            self._reply(401, {"error": "Unauthorized"})
            return True
        return False

    def _reply(self, status: int, body: Table) -> None:
        self._send(status, json.dumps(body))

    def _send(self, status: int, text: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())


_USAGE = {"prompt_tokens": 7, "completion_tokens": TOKENS, "total_tokens": TOKENS + 7}


def _about(body: Table) -> Table:
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": body["model"],
    }


def serving() -> Iterator[Engine]:
    """Serve until the test has ended."""
    with Engine() as engine:
        thread = threading.Thread(target=engine.serve_forever, daemon=True)
        thread.start()
        yield engine
        engine.shutdown()
        thread.join(10)
