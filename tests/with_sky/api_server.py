"""A small API server: it answers SkyPilot's own client in SkyPilot's own encoding."""

import contextlib
import http.server
import json
import threading
import typing
from collections.abc import Iterator, Mapping

import sky
from sky.server import constants
from sky.server.requests import payloads, requests

HEALTHY = {
    "status": "healthy",
    "api_version": str(constants.API_VERSION),
    "version": sky.__version__,
    "commit": sky.__commit__,
    "user": {"id": "sa-1", "name": "bot"},
}

_NAMES = {"/volumes": "sky.volume_list"}
"""The requests that are not named after their path (sky/server/requests/request_names.py)."""


class ApiServer(http.server.ThreadingHTTPServer):
    """A server that answers each path as a test says; it raises an answer that is an exception."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.health: Mapping[str, typing.Any] = HEALTHY
        self.health_status = 200
        self.answers: dict[str, object] = {}
        """By path, as `/serve/status`; a path that is not listed answers None."""
        self.log = ""
        """The log of every request."""
        self.streams: dict[str, str] = {}
        """By path, the text that a request is answered with itself: a log that is streamed."""
        self.asked: list[tuple[str, typing.Any]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def bodies(self, path: str) -> list[typing.Any]:
        return [body for asked, body in self.asked if asked == path]


class _Handler(http.server.BaseHTTPRequestHandler):
    server: ApiServer

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?request_id=")
        if path == "/api/health":
            self._reply(self.server.health_status, self.server.health)
        elif path == "/api/get":
            self._reply(*_finished(query, self.server.answers.get(query)))
        elif path == "/api/stream":
            self._send(200, self.server.log.encode(), {})
        else:
            self._take(None)

    def do_POST(self) -> None:
        self._take(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

    def log_message(self, *_: object) -> None:
        """Keep quiet."""

    def _take(self, body: object) -> None:
        path = self.path.partition("?")[0]
        self.server.asked.append((path, body))
        headers = {"X-Skypilot-Request-ID": path}
        if path in self.server.streams:
            self._send(200, self.server.streams[path].encode(), headers)
        else:
            self._reply(200, {}, headers)

    def _reply(self, status: int, body: object, headers: Mapping[str, str] | None = None) -> None:
        self._send(status, json.dumps(body).encode(), headers or {})

    def _send(self, status: int, text: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        versions = {
            constants.API_VERSION_HEADER: str(constants.API_VERSION),
            constants.VERSION_HEADER: sky.__version__,
        }
        for name, value in {**versions, **headers, "Content-Length": len(text)}.items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(text)


def _finished(path: str, answer: object) -> tuple[int, object]:
    """Return a request that has ended, as the server sends it."""
    failed = isinstance(answer, BaseException)
    status = requests.RequestStatus.FAILED if failed else requests.RequestStatus.SUCCEEDED
    done = requests.Request(
        request_id=path,
        name=_NAMES.get(path, "sky." + path.strip("/").replace("/", ".")),
        entrypoint=_finished,
        request_body=payloads.RequestBody(),
        status=status,
        created_at=0,
        user_id="sa-1",
    )
    if isinstance(answer, BaseException):
        done.set_error(answer)
        return 500, {"detail": done.encode().model_dump()}
    done.set_return_value(answer)
    return 200, done.encode().model_dump()


@contextlib.contextmanager
def serving() -> Iterator[ApiServer]:
    with ApiServer() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join(10)
