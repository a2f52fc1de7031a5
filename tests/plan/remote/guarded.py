"""A server that answers everything, and the guard before it, on a port of this machine."""

import asyncio
import contextlib
import hashlib
import socket
import threading
import typing
from collections.abc import Iterator

import fastapi
import uvicorn
from fastapi.middleware import cors

from pulumi_skypilot.plan.remote import vllm_guard

KEY, SECOND, TOKEN = "sk-it's:right", "sk-the-next-one", "metrics-token"
PROBE = ("GET", "/health")


def hashed(*keys: str) -> tuple[bytes, ...]:
    return tuple(hashlib.sha256(key.encode()).digest() for key in keys)


KEYED = vllm_guard.Settings(hashed(KEY, SECOND), PROBE, hashed(TOKEN)[0])


class Server:
    """A server that answers every path and method with 200, and the guard before it."""

    def __init__(self, port: int) -> None:
        self.port = port

    def ask(self, line: str, *headers: str, body: bytes = b"") -> tuple[int, bytes]:
        """Send a request line and headers as they stand; return the status and the body."""
        size = [f"Content-Length: {len(body)}"] if body else []
        lines = [f"{line} HTTP/1.1", "Host: x", "Connection: close", *size, *headers]
        with socket.create_connection(("127.0.0.1", self.port), 10) as connection:
            connection.sendall("\r\n".join([*lines, "", ""]).encode() + body)
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
        head, _, rest = answer.partition(b"\r\n\r\n")
        return int(head.split()[1]), rest

    def status(self, line: str, *headers: str) -> int:
        return self.ask(line, *headers)[0]


def everything() -> fastapi.FastAPI:
    app = fastapi.FastAPI()

    async def reached(request: fastapi.Request) -> dict[str, str]:
        return {"reached": request.url.path}

    async def streamed() -> fastapi.responses.StreamingResponse:
        async def parts() -> typing.AsyncIterator[bytes]:
            yield b"first "
            await asyncio.sleep(0)
            yield b"second"

        return fastapi.responses.StreamingResponse(parts())

    async def spoken(websocket: fastapi.WebSocket, path: str) -> None:
        await websocket.accept()
        await websocket.send_text(path)

    app.add_api_route("/v1/completions", streamed, methods=["POST"])
    methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
    app.add_api_route("/{path:path}", reached, methods=methods)
    app.add_api_websocket_route("/{path:path}", spoken)
    app.add_middleware(cors.CORSMiddleware, allow_origins=["*"], allow_methods=["*"])
    return app


@contextlib.contextmanager
def serving(given: vllm_guard.Settings, **options: typing.Any) -> Iterator[Server]:
    app = everything()
    app.add_middleware(typing.cast(typing.Any, vllm_guard.Guard), given=given)
    with listening(app, **options) as server:
        yield server


@contextlib.contextmanager
def listening(app: fastapi.FastAPI, **options: typing.Any) -> Iterator[Server]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(app, log_level="critical", ws="none", loop="asyncio", **options)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        try:
            while not server.started and thread.is_alive():
                thread.join(0.01)
            yield Server(listener.getsockname()[1])
        finally:
            server.should_exit = True
            thread.join(10)
