"""A Hugging Face hub on this machine: answers as the real one does, for the models it is given."""

import contextlib
import http.server
import json
import struct
import threading
import typing
from collections.abc import Iterator, Mapping

Files = Mapping[str, bytes]


class Hub:
    """What it has, and what it was asked."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.models: dict[str, Files] = {}
        self.gated: set[str] = set()
        """Only with a token."""
        self.redirected: dict[str, str] = {}
        """Model to another endpoint."""
        self.plain = False
        """Without the hub's own error codes, as a mirror of files."""
        self.requests: list[tuple[str, str | None]] = []
        """Paths, each with the Authorization that came along."""


@contextlib.contextmanager
def running() -> Iterator[Hub]:
    """The hub, while a test lasts."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        hub = server.hub = Hub(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield hub
        finally:
            server.shutdown()
            thread.join()


def index(size: int, *names: str) -> bytes:
    """An index of safetensors files."""
    table = {"metadata": {"total_size": size}, "weight_map": dict.fromkeys(names, "x.safetensors")}
    return json.dumps(table).encode()


def single(**tensors: int) -> bytes:
    """The start of a single safetensors file: its header, and the first of its many zeros."""
    header: dict[str, typing.Any] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, size in tensors.items():
        header[name] = {"dtype": "BF16", "shape": [size // 2], "data_offsets": [end, end + size]}
        end += size
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + bytes(1024)


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    hub: Hub


class _Handler(http.server.BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        hub = self.server.hub
        authorization = self.headers.get("Authorization")
        hub.requests.append((self.path, authorization))
        parts = self.path.strip("/").split("/")
        api = parts[:2] == ["api", "models"]
        name = "/".join(parts[2:4] if api else parts[:2])
        if name in hub.redirected:
            self._answer(307, {"Location": hub.redirected[name] + self.path})
        elif name not in hub.models:  # the real one says 401 to strangers
            self._answer(404 if hub.plain or authorization else 401, self._code("RepoNotFound"))
        elif api:
            self._answer(200, {}, b"{}")
        elif name in hub.gated and not authorization:
            self._answer(401, self._code("GatedRepo"))
        elif parts[3] == "none":
            self._answer(404, self._code("RevisionNotFound"))
        elif parts[4] not in hub.models[name]:
            self._answer(404, self._code("EntryNotFound"))
        else:
            self._answer(200, {"X-Repo-Commit": "c0ffee"}, hub.models[name][parts[4]])

    def _code(self, code: str) -> dict[str, str]:
        return {} if self.server.hub.plain else {"X-Error-Code": code}

    def _answer(self, status: int, headers: Mapping[str, str], body: bytes = b"") -> None:
        self.send_response(status)
        for key, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(key, value)
        self.end_headers()
        with contextlib.suppress(ConnectionError):
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""
