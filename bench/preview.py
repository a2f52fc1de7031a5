"""The cost of a preview of twenty deployments: CPU of check and diff, rounds of calls, seconds.

The API server is a stand-in that only says that it is healthy and counts: each round begins with
one question after its health.
"""

import dataclasses
import http.server
import json
import pathlib
import statistics
import sys
import tempfile
import threading
import time
import typing
from collections.abc import Callable, Iterator, Mapping

from pulumi_skypilot import plan, spec
from pulumi_skypilot.lifecycle import server_query
from pulumi_skypilot.plan import cost
from pulumi_skypilot.providers import dynamic_door
from tests.e2e import stack as stacks

DEPLOYMENTS = 20
CALLS = 200
LIMIT_MS = 10.0
SCOPE = {"apiServer": "http://127.0.0.1:46580", "mark": "0123456789ab", "user": "user0001"}


@dataclasses.dataclass(frozen=True)
class Row:
    """CPU of one call, in milliseconds."""

    call: str
    median: float
    slowest: float


def main() -> int:
    """Print the two tables; 1 when a call takes more CPU than it may."""
    rows = [measure("check", check), measure("diff", diff)]
    print("| call | CPU, median | CPU, slowest of 200 |\n|---|---:|---:|")
    for row in rows:
        print(f"| {row.call} | {row.median:.1f} ms | {row.slowest:.1f} ms |")
    print(
        f"\n| preview of {DEPLOYMENTS} deployments | rounds of calls | seconds |\n|---|---:|---:|"
    )
    for name, rounds, seconds in previews():
        print(f"| {name} | {rounds} | {seconds:.1f} |")
    return int(max(row.median for row in rows) > LIMIT_MS)


def deployment(number: int = 0) -> dict[str, object]:
    """Return a deployment with nearly every key set."""
    return {
        "model": "openai/gpt-oss-120b",
        "accelerators": ["H100:1", "H200:1"],
        "infra": ["k8s", "aws", "nebius"],
        "context": 32768 + number,
        "replicas": {"min": 1, "max": 4, "targetQps": 2.5},
        "spot": {"fallback": "on-demand"},
        "tools": True,
        "maxSequences": 64,
        "vllmArgs": {"seed": 1},
        "env": {"A": "b"},
        "labels": {"team": "search"},
        "disk": 512,
    }


def measure(name: str, prepared: Callable[[int], Callable[[], object]]) -> Row:
    """CPU of a call for a deployment like none before it; that of imports is not counted."""
    prepared(CALLS)()
    taken = []
    for number in range(CALLS):
        call = prepared(number)
        before = time.process_time()
        call()
        taken.append((time.process_time() - before) * 1000)
    return Row(name, statistics.median(taken), max(taken))


def check(number: int) -> Callable[[], object]:
    """Return the provider's check of a deployment, as a call."""
    props = _props(deployment(number))
    return lambda: dynamic_door.ServiceProvider().check({}, props)


def diff(number: int) -> Callable[[], object]:
    """Return the provider's diff of a deployment whose context has changed, as a call."""
    earlier = deployment(number + 50_000)
    old = {**_props(earlier), "task": plan.plan(spec.parse(earlier), "prod-chat").task_text}
    props = _props(deployment(number))
    return lambda: dynamic_door.ServiceProvider().diff("prod-chat", old, props)


def _props(data: Mapping[str, object]) -> dict[str, typing.Any]:
    return {**data, "name": "prod-chat", "scope": SCOPE, "apiKey": "sk-0123456789"}


def previews() -> Iterator[tuple[str, int, float]]:
    """Run the real CLI on twenty deployments: with a server, offline, and without a server."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, Counter() as server:
        wanted = {f"chat{'abcdefghijklmnopqrst'[n]}": deployment(n) for n in range(DEPLOYMENTS)}
        config = {"skypilot:apiServer": server.url, "llm:deployments": wanted}
        stack = stacks.Stack(pathlib.Path(folder), "bench", config)
        for name, url, extra in (
            ("with an API server", server.url, {}),
            ("offline", server.url, {server_query.OFFLINE_VARIABLE: "1"}),
            ("server away", "http://127.0.0.1:9", {}),
        ):
            stack.write({**config, "skypilot:apiServer": url})
            server.health = 0
            started = time.monotonic()
            stack.run("preview", env=extra)
            yield name, server.health, time.monotonic() - started
    calls = cost.question([spec.parse(table) for table in wanted.values()])
    asked = len(calls["clouds"]) + len(calls["machines"]) + 1
    print(f"\nOne round for them is {asked} calls, all sent before any is waited for.")


HEADERS = {"X-SkyPilot-API-Version": "62", "X-SkyPilot-Version": "0.14.1"}
HEALTH = {"status": "healthy", "version": "0.14.1", "api_version": "62", "commit": "0"}
"""As SkyPilot 0.14.1 says it: what is no use is asked once more why (skypilot/errors.py)."""


class Counter:
    """An API server that is healthy and knows nothing else."""

    def __init__(self) -> None:
        self.health = 0
        counter = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                counter.health += self.headers["User-Agent"].startswith("Python-urllib")
                self._answer(200 if self.path.startswith("/api/health") else 404)

            def do_POST(self) -> None:
                self._answer(404)

            def _answer(self, status: int) -> None:
                self.send_response(status)
                for name, value in HEADERS.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(json.dumps(HEALTH).encode())

            def log_message(self, format: str, *args: typing.Any) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> "Counter":
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


if __name__ == "__main__":
    sys.exit(main())
