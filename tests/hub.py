"""A Hugging Face hub on this machine, which answers as the real one for the given models."""

import contextlib
import http.server
import json
import struct
import threading
import typing
from collections.abc import Iterator, Mapping

Files = Mapping[str, bytes]
COMMIT = "c0ffee" + "0" * 34
"""The commit of each model."""


class Hub:
    """The models of a hub, and the requests that it got."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.models: dict[str, Files] = {}
        self.gated: set[str] = set()
        """Models that need a token."""
        self.plain = False
        """Whether it lacks the hub's own error codes, as a mirror of files does."""
        self.requests: list[tuple[str, str | None]] = []
        """Paths, each with its Authorization header."""


@contextlib.contextmanager
def running() -> Iterator[Hub]:
    """Yield the hub, which runs while a test lasts."""
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
    """Return an index of safetensors files."""
    table = {"metadata": {"total_size": size}, "weight_map": dict.fromkeys(names, "x.safetensors")}
    return json.dumps(table).encode()


def single(**tensors: int) -> bytes:
    """Return the start of a single safetensors file: its header, and the first of its zeros."""
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
        owner, model, _, revision, *file = parts[2:] if api else parts
        name = f"{owner}/{model}"
        if name not in hub.models:  # the real one says 401 to strangers
            self._answer(404 if hub.plain or authorization else 401, self._code("RepoNotFound"))
        elif revision == "none":
            self._answer(404, self._code("RevisionNotFound"))
        elif api:
            self._answer(200, {}, self._info(name))
        elif name in hub.gated and not authorization:
            self._answer(401, self._code("GatedRepo"))
        elif file[0] not in hub.models[name]:
            self._answer(404, self._code("EntryNotFound"))
        else:
            headers = {"X-Repo-Commit": COMMIT, "ETag": f'"{file[0]}"'}
            self._answer(200, headers, hub.models[name][file[0]])

    def do_HEAD(self) -> None:
        self.do_GET()

    def _info(self, name: str) -> bytes:
        hub = self.server.hub
        siblings = [{"rfilename": file} for file in hub.models[name]]
        gated = "manual" if name in hub.gated else False
        table = {"id": name, "sha": COMMIT, "siblings": siblings, "gated": gated}
        return json.dumps(table).encode()

    def _code(self, code: str) -> dict[str, str]:
        return {} if self.server.hub.plain else {"X-Error-Code": code}

    def _answer(self, status: int, headers: Mapping[str, str], body: bytes = b"") -> None:
        self.send_response(status)
        for key, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            with contextlib.suppress(ConnectionError):
                self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""
