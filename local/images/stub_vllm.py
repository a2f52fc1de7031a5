#!/usr/bin/python3
"""Stands in for the `vllm` command on the hosts of quick tests: vLLM's API without a model.

Laid down as /usr/local/bin/vllm, with stub_answers.py beside it. Both use nothing but the standard
library.
"""

import argparse
import asyncio
import http.server
import importlib
import json
import os
import pathlib
import re
import socket
import sys
import threading
import time
from typing import Any, ClassVar

VERSION = "0.32.0+stub"

_JOIN_SECONDS = 600

_OUT_OF_MEMORY = (
    "ERROR [core.py:842] EngineCore failed to start.\n"
    "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.37 GiB. GPU 0 has a total "
    "capacity of 22.03 GiB of which 1.11 GiB is free. Including non-PyTorch memory, this process "
    "has 20.91 GiB memory in use.\n"
    "RuntimeError: Engine core initialization failed. See root cause above."
)


def main() -> int:
    """Answer `vllm --version` and `vllm serve MODEL …`."""
    if sys.argv[1:] == ["--version"]:
        print(VERSION)
        return 0
    options = parse(sys.argv[1:])
    if "does-not-load" in options.model:
        print(_OUT_OF_MEMORY, file=sys.stderr)
        return 1
    layers = load_layers(options.middleware)
    if os.environ.get("HF_HOME"):
        print(fetch(options.model, pathlib.Path(os.environ["HF_HOME"])), flush=True)
    time.sleep(float(os.environ.get("STUB_START_SECONDS", "0")))
    if options.headless:
        return follow(options.master_addr, options.master_port)
    if options.nnodes > 1:
        gather(options.master_port, options.nnodes - 1)
    server = http.server.ThreadingHTTPServer((options.host, options.port), _Handler)
    _Handler.options, _Handler.layers = options, layers
    print(f"Started server process, http://{options.host}:{options.port}", flush=True)
    server.serve_forever()
    return 0


def parse(arguments: list[str]) -> argparse.Namespace:
    """Parse the command line, with --config's file under it as vLLM does; ignore other flags."""
    parser = argparse.ArgumentParser(prog="vllm", allow_abbrev=False)
    parser.add_argument("command", choices=["serve"])
    parser.add_argument("model")
    parser.add_argument("--config", type=pathlib.Path)
    parser.add_argument("--served-model-name", nargs="+")
    parser.add_argument("--host", default="0.0.0.0")  # noqa: S104 (what vLLM does)
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--max-model-len", default="131072")
    parser.add_argument("--api-key", nargs="+")
    parser.add_argument("--chat-template", type=pathlib.Path)
    parser.add_argument("--middleware", action="append", default=[])
    parser.add_argument("--runner", default="auto")
    parser.add_argument("--lora-modules", nargs="+", default=[])
    parser.add_argument("--nnodes", type=int, default=1)
    parser.add_argument("--headless", action="store_true")
    parser.add_argument("--master-addr", default="127.0.0.1")
    parser.add_argument("--master-port", type=int, default=29501)
    options, _ = parser.parse_known_args(arguments)
    config = read_config(options.config.read_text()) if options.config else {}
    one_key = [os.environ["VLLM_API_KEY"]] if os.environ.get("VLLM_API_KEY") else []
    options.keys = options.api_key or config.get("api-key") or one_key
    options.template = options.chat_template.read_text() if options.chat_template else ""
    options.names = options.served_model_name or config.get("served-model-name") or [options.model]
    options.adapters = dict(module.split("=", 1) for module in options.lora_modules)
    return options


def answers() -> Any:
    """Return the module with what a model answers, which is beside this file."""
    folder = str(pathlib.Path(__file__).resolve().parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    return importlib.import_module("stub_answers")


def fetch(model: str, home: pathlib.Path) -> str:
    """Put a model into Hugging Face's cache unless it is there; return what was done."""
    entry = home / "hub" / f"models--{model.replace('/', '--')}"
    if entry.exists():
        return f"{model} is in the cache"
    entry.mkdir(parents=True)
    (entry / "fetched-by").write_text(socket.gethostname())
    return f"{model} was downloaded"


def load_layers(names: list[str]) -> list[Any]:
    """Import the classes that --middleware names, as vLLM does before it listens."""
    parts = [name.rsplit(".", 1) for name in names]
    return [getattr(importlib.import_module(module), layer) for module, layer in parts]


def refusal(layers: list[Any], request: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the messages by which a layer answers in place of the server; [] when all pass it on.

    The last layer is the outermost. What a layer changes of a request is not seen here.
    """
    told: list[dict[str, Any]] = []
    reached: list[bool] = []

    async def server(*_: object) -> None:
        reached.append(True)

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        told.append(message)

    app: Any = server
    for layer in layers:
        app = layer(app)
    asyncio.run(app(request, receive, send))
    return [] if reached else told


def gather(port: int, others: int) -> None:
    """Wait for the other nodes, as the engine of the first does; end when one of them is lost."""
    listening = socket.create_server(("", port))
    joined = [listening.accept()[0] for _ in range(others)]

    def watch(other: socket.socket) -> None:
        other.recv(1)
        print("ERROR a node is lost: Engine core died.", file=sys.stderr, flush=True)
        os._exit(1)

    for other in joined:
        threading.Thread(target=watch, args=(other,), daemon=True).start()


def follow(address: str, port: int) -> int:
    """Be another node: serve nothing, and end with the first."""
    deadline = time.monotonic() + _JOIN_SECONDS
    while True:
        try:
            first = socket.create_connection((address, port), timeout=5)
            break
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
    print(f"Joined {address}:{port}, serving nothing.", flush=True)
    first.settimeout(None)
    first.recv(1)
    print("ERROR the first node is lost.", file=sys.stderr, flush=True)
    return 1


def read_config(text: str) -> dict[str, list[str]]:
    """Read the part of YAML that such a file needs: `key: value` and `key:` with a list.

    >>> read_config("api-key: one\\nport: 8000\\n")
    {'api-key': ['one'], 'port': ['8000']}
    >>> read_config("api-key:\\n  - 'one'\\n- two # the old one\\n")
    {'api-key': ['one', 'two']}
    >>> read_config('api-key: ["one", two]\\n')
    {'api-key': ['one', 'two']}
    """
    config: dict[str, list[str]] = {}
    values: list[str] = []
    for line in text.splitlines():
        if item := re.fullmatch(r"\s*-\s+(.+)", line):
            values.append(_scalar(item[1]))
        elif entry := re.fullmatch(r"([\w-]+):\s*(.*)", line):
            values = config[entry[1].replace("_", "-")] = []
            value = re.sub(r"(^|\s)#.*", "", entry[2]).strip()
            if value.startswith("["):
                values += [_scalar(part) for part in value.strip("[]").split(",") if part.strip()]
            elif value:
                values.append(_scalar(value))
    return config


def _scalar(text: str) -> str:
    text = text.strip()
    if text[:1] == '"':
        return str(json.JSONDecoder().raw_decode(text)[0])
    if text[:1] == "'":
        return text[1 : text.rindex("'")].replace("''", "'")
    return re.sub(r"\s#.*", "", text).strip()


_NEVER = ("num_requests_waiting", "kv_cache_usage_perc", "num_preemptions_total")
_EACH = ("prompt_tokens_total", "generation_tokens_total", "prefix_cache_queries_total",
         "prefix_cache_hits_total")  # fmt: skip
_TIMES = ("time_to_first_token_seconds", "inter_token_latency_seconds",
          "request_queue_time_seconds")  # fmt: skip


class _Counts:
    """The requests that run and those that are done."""

    def __init__(self) -> None:
        self.running = self.done = 0
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        with self._lock:
            self.running += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self.running -= 1
            self.done += 1

    def text(self, model: str) -> str:
        """Return those of vLLM's metrics that a watchdog or a board reads."""
        label, done = f'engine="0",model_name="{model}"', self.done
        rows = [
            ("num_requests_running", label, self.running),
            *((name, label, 0) for name in _NEVER),
        ]
        rows += [(name, label, done) for name in _EACH]
        rows += [("request_success_total", f'finished_reason="stop",{label}', done)]
        for name in _TIMES:
            rows += [(f"{name}_bucket", f'le="{le}",{label}', done) for le in ("0.1", "+Inf")]
            rows += [(f"{name}_count", label, done), (f"{name}_sum", label, 0)]
        return "".join(f"vllm:{name}{{{labels}}} {value}.0\n" for name, labels, value in rows)


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    options: argparse.Namespace
    layers: ClassVar[list[Any]] = []
    counts = _Counts()

    def do_GET(self) -> None:
        if self._is_refused():
            return
        path = self._path()
        if path == "/health":
            self._answer(200, None)
        elif path == "/version":
            self._answer(200, {"version": VERSION})
        elif path == "/metrics":
            self._answer(200, self.counts.text(self.options.names[0]))
        elif self._may_enter() and path == "/v1/models":
            models = [
                {
                    "id": name,
                    "object": "model",
                    "owned_by": "vllm",
                    "max_model_len": int(self.options.max_model_len),
                }
                for name in self.options.names
            ]
            models += [
                {"id": name, "object": "model", "root": root, "parent": self.options.names[0]}
                for name, root in self.options.adapters.items()
            ]
            self._answer(200, {"object": "list", "data": models})
        elif self._may_enter():
            self._error(404, "Not Found")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self._is_refused() or not self._may_enter():
            return
        path = self._path()
        asked = json.loads(body or b"{}")
        with self.counts:  # counted before it is answered, as an engine's are
            status, answer = answers().answer(self.options, path, asked)
        self._answer(status, answer)

    def do_other(self) -> None:
        if not self._is_refused():
            self._error(405, "Method Not Allowed")

    do_HEAD = do_OPTIONS = do_PUT = do_PATCH = do_DELETE = do_other  # noqa: N815

    def _is_refused(self) -> bool:
        """Send the answer of a layer that does not pass the request on."""
        target, _, query = self.path.partition("?")
        headers = [(name.lower().encode(), text.encode()) for name, text in self.headers.items()]
        path = {"path": target, "raw_path": target.encode(), "root_path": ""}
        scope = {"type": "http", "method": self.command, "headers": headers, **path}
        told = refusal(self.layers, {**scope, "query_string": query.encode()})
        if not told:
            return False
        start, *bodies = told
        self.send_response(start["status"])
        for name, text in start["headers"]:
            self.send_header(name.decode(), text.decode())
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(b"".join(message["body"] for message in bodies))
        return True

    def _path(self) -> str:
        return self.path.split("?")[0]

    def _may_enter(self) -> bool:
        """Check the key; without a right one everything under /v1 is a 401, known or not."""
        given = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if not self._path().startswith("/v1") or not self.options.keys:
            return True
        if given in self.options.keys:
            return True
        self._answer(401, {"error": "Unauthorized"})
        return False

    def _error(self, status: int, message: str) -> None:
        self._answer(status, {"error": {"message": message, "code": status}})

    def _answer(self, status: int, body: object) -> None:
        data = (
            body.encode()
            if isinstance(body, str)
            else b""
            if body is None
            else json.dumps(body).encode()
        )
        self.send_response(status)
        self.send_header(
            "Content-Type", "text/plain" if isinstance(body, str) else "application/json"
        )
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """Log as vLLM does: the request's line, and never a header."""
        print(f"INFO: {self.client_address[0]} - {format % args}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
