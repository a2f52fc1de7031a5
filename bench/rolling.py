"""One rolling change, by `pulumi up` and by `sky serve update`: what a client meanwhile sees.

The same service, with the same task text, on an embedded cloud of its own with the stub engine.
A client asks twice a second through the load balancer until the old replica is gone.
"""

import contextlib
import dataclasses
import http.client
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator

from local import control
from tests.e2e import stack as stacks

NAME, NET = "bench", "10.81.0"
CONTEXTS = (2048, 4096)
INTERVAL_SECONDS = 0.5
OLD_GONE_SECONDS = 600.0


@dataclasses.dataclass
class Count:
    """A client's view: its requests, and those that were not answered with 200."""

    asked: int = 0
    failed: int = 0


@dataclasses.dataclass(frozen=True)
class Row:
    """One way to make the change, and what it came to."""

    way: str
    count: Count
    seconds: float


def main() -> int:
    """Make the change both ways and print the table."""
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as folder,
        control.Cloud(NAME, NET, engine="stub").running() as cloud,
    ):
        rows = measure(cloud, pathlib.Path(folder))
    print(table(rows))
    return 0


def measure(cloud: control.Cloud, folder: pathlib.Path) -> list[Row]:
    """Measure the service with the one context, then with the other, in each way."""
    before, after = CONTEXTS
    config = {"skypilot:apiServer": cloud.api_server, "llm:deployments": {"chat": chat(before)}}
    stack = stacks.Stack(folder / "stack", "bench", config)
    text = {}

    def put(context: int) -> None:
        stack.deployments(chat=chat(context))
        stack.up()
        text[context] = str(stack.service()["outputs"]["task"])

    put(before)
    outputs = stack.outputs()
    url, key = f"{outputs['endpoints']['chat']}/v1/models", str(outputs["apiKeys"]["chat"])

    def change(way: str, how: Callable[[int], None], context: int) -> Row:
        return Row(way, *watch(cloud, url, key, lambda: how(context), context))

    def by_hand(context: int) -> None:
        file = folder / "task.yaml"
        file.write_text(text[context])
        secret = f"SERVE_API_KEYS={key}"
        sky(cloud, folder, "serve", "update", "bench-chat", str(file), "--secret", secret, "--yes")

    rows = [change("pulumi up", put, after), change("sky serve update", by_hand, before)]
    stack.run("refresh", "--yes")  # what was changed by hand is drift
    stack.run("destroy", "--yes", "--skip-preview")
    return rows


def watch(
    cloud: control.Cloud, url: str, key: str, change: Callable[[], None], context: int
) -> tuple[Count, float]:
    """Make a change while a client asks, until the old replica's machine is gone."""
    old = {host["id"] for host in cloud.hosts()}
    start = time.monotonic()
    with asking(url, key) as count:
        change()
        stacks.until(
            lambda: old.isdisjoint({host["id"] for host in cloud.hosts()}),
            OLD_GONE_SECONDS - (time.monotonic() - start),
            "the old replica goes",
        )
    seconds = time.monotonic() - start
    answer = json.loads(ask(url, key))
    if answer["data"][0]["max_model_len"] != context:
        raise RuntimeError(f"the new version should serve, and this does: {answer}")
    return count, seconds


@contextlib.contextmanager
def asking(url: str, key: str) -> Iterator[Count]:
    """Ask in the background, and count what was not answered."""
    count, done = Count(), threading.Event()

    def loop() -> None:
        while not done.wait(INTERVAL_SECONDS):
            count.asked += 1
            try:
                ask(url, key)
            except (OSError, http.client.HTTPException) as error:  # OSError: HTTP errors too
                count.failed += 1
                print(f"not answered: {error!r}", file=sys.stderr)

    thread = threading.Thread(target=loop)
    thread.start()
    try:
        yield count
    finally:
        done.set()
        thread.join()


def ask(url: str, key: str) -> bytes:
    """Return the answer. Raises OSError if there is none or its status is not 200."""
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {key}"})  # noqa: S310
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - our own endpoint
        return bytes(answer.read())


def sky(cloud: control.Cloud, home: pathlib.Path, *args: str) -> None:
    """Run SkyPilot's own command, as a user of the server types it."""
    environment = {
        "HOME": str(home),
        "PATH": f"{stacks.CACHE / 'venv' / 'bin'}:{os.environ['PATH']}",
        "SKYPILOT_API_SERVER_ENDPOINT": cloud.api_server,
        "SKYPILOT_DISABLE_USAGE_COLLECTION": "1",
    }
    subprocess.run(["sky", *args], env=environment, check=True)


def chat(context: int) -> dict[str, object]:
    """Return a small service of one replica."""
    return {
        "model": "openai/gpt-oss-20b",
        "cpus": 2,
        "memory": 8,
        "infra": "aws",
        "context": context,
        "readinessProbe": {"initialDelay": 300},
    }


def table(rows: list[Row]) -> str:
    """Return the rows as Markdown."""
    lines = [
        f"| `{row.way}` | {row.count.asked} | {row.count.failed} | {row.seconds:.0f} |"
        for row in rows
    ]
    head = "| way | requests | failed | seconds until the new version was the only one |"
    return "\n".join([head, "|---|---|---|---|", *lines])


if __name__ == "__main__":
    sys.exit(main())
