"""Measures what the guard of the API key adds to a request: the same server with it and without.

    python -m bench.guard

A uvicorn on loopback answers a short text, as vLLM's does, asked over one connection that stays
open. Rounds with and without the guard take turns, so that a slower moment hits both.
"""

import asyncio
import contextlib
import hashlib
import http.client
import socket
import statistics
import threading
import time
import typing
from collections.abc import Iterator

import uvicorn

from pulumi_skypilot.plan.remote import vllm_guard

ROUNDS, REQUESTS, CALLS = 15, 400, 20_000
KEYS = ("sk-" + "a" * 64, "sk-" + "b" * 64)
SETTINGS = vllm_guard.Settings(
    tuple(hashlib.sha256(key.encode()).digest() for key in KEYS), ("GET", "/health"), None
)
ASKED = (
    ("the probe, no key", "GET", "/health", None),
    ("inference, the first of two keys", "POST", "/v1/chat/completions", KEYS[0]),
    ("inference, the last path of the list", "POST", "/score", KEYS[1]),
)


async def answer(scope: typing.Any, _receive: typing.Any, send: typing.Any) -> None:
    """Answer 200 to everything."""
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"{}"})


@contextlib.contextmanager
def serving(app: typing.Any) -> Iterator[http.client.HTTPConnection]:
    """Run a server on loopback and yield a connection to it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        config = uvicorn.Config(
            app,
            log_level="error",
            lifespan="off",
            loop="asyncio",
            ws="none",
            access_log=False,
            timeout_keep_alive=300,
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        connection = http.client.HTTPConnection("127.0.0.1", listener.getsockname()[1], timeout=10)
        yield connection
        connection.close()
        server.should_exit = True
        thread.join(10)


def milliseconds(
    connection: http.client.HTTPConnection, method: str, path: str, key: str | None
) -> float:
    """Return the median time of a round's requests in milliseconds."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    took = []
    for _ in range(REQUESTS):
        begun = time.perf_counter()
        connection.request(method, path, headers=headers)
        connection.getresponse().read()
        took.append((time.perf_counter() - begun) * 1000)
    return statistics.median(took)


def called(app: typing.Any, method: str, path: str, key: str | None) -> float:
    """Return the milliseconds of a call of the ASGI application alone."""
    headers = [(b"host", b"x"), (b"accept", b"*/*"), (b"content-type", b"application/json")]
    headers += [(b"authorization", f"Bearer {key}".encode())] if key else []
    spelt = {"path": path, "raw_path": path.encode()}
    scope = {"type": "http", "method": method, "headers": headers, **spelt}

    async def send(_message: object) -> None:
        return

    async def many() -> float:
        begun = time.perf_counter()
        for _ in range(CALLS):
            await app(scope, None, send)
        return (time.perf_counter() - begun) * 1000 / CALLS

    return asyncio.run(many())


def main() -> None:
    """Print a table, in milliseconds a request."""
    guarded = vllm_guard.Guard(answer, SETTINGS)
    print("| request | without | with the guard | added, median of rounds | the guard's own call |")
    print("| --- | --- | --- | --- | --- |")
    with serving(answer) as bare, serving(guarded) as behind:
        for name, method, path, key in ASKED:
            rounds = [
                (milliseconds(bare, method, path, key), milliseconds(behind, method, path, key))
                for _ in range(ROUNDS)
            ]
            without, with_it = (statistics.median(side) for side in zip(*rounds, strict=True))
            added = statistics.median(after - before for before, after in rounds)
            own = called(guarded, method, path, key) - called(answer, method, path, key)
            print(f"| {name} | {without:.3f} | {with_it:.3f} | {added:.3f} | {own:.4f} |")


if __name__ == "__main__":
    main()
