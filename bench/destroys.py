"""Services destroyed again and again on the real SkyPilot: how many destroys fail, and what stays.

    python -m bench.destroys [ROUNDS]

Each round makes services of one and of two replicas, on an embedded cloud of its own with the stub
engine, waits until they are ready, and destroys them all at once. What is asked while a
service goes may meet it half gone: such a look must not end the destroy.
"""

import dataclasses
import pathlib
import sys
import tempfile
import time

from local import control
from tests.e2e import stack as stacks

NAME, NET = "destroys", "10.88.0"
REPLICAS = {"ant": 1, "bee": 1, "cow": 2}


@dataclasses.dataclass(frozen=True)
class Row:
    """One round."""

    number: int
    up_seconds: float
    destroy_seconds: float
    error: str
    """The error of a destroy that failed."""
    left: int
    """Machines that are still there."""


def main() -> int:
    """Print a row a round; 1 when a destroy failed or left something."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    rows = []
    print("| round | up, s | destroy, s | destroyed | machines left | error |")
    print("|---|---|---|---|---|---|")
    with (
        tempfile.TemporaryDirectory(prefix="destroys-") as folder,
        control.Cloud(NAME, NET, engine="stub").running() as cloud,
    ):
        config = {
            "skypilot:apiServer": cloud.api_server,
            "llm:deployments": {name: deployment(count) for name, count in REPLICAS.items()},
        }
        stack = stacks.Stack(pathlib.Path(folder) / "stack", "destroys", config)
        for number in range(1, rounds + 1):
            row = measure(cloud, stack, number)
            rows.append(row)
            print(
                f"| {row.number} | {row.up_seconds:.0f} | {row.destroy_seconds:.0f} | "
                f"{0 if row.error else len(REPLICAS)} | {row.left} | {row.error} |",
                flush=True,
            )
    return int(any(row.error or row.left for row in rows))


def measure(cloud: control.Cloud, stack: stacks.Stack, number: int) -> Row:
    """Make all of the stack, and destroy it; once more where that failed, for the next round."""
    begun = time.monotonic()
    stack.up()
    ready = time.monotonic()
    done = stack.run("destroy", "--yes", "--skip-preview", check=False)
    gone = time.monotonic()
    error = "; ".join(done.errors()) or f"exit {done.code}" if done.code else ""
    left = len(cloud.instances())
    if done.code:
        stack.run("destroy", "--yes", "--skip-preview")
    return Row(number, ready - begun, gone - ready, error, left)


def deployment(replicas: int) -> dict[str, object]:
    """Return a small service with that number of replicas."""
    return {
        "model": "openai/gpt-oss-20b",
        "cpus": 2,
        "memory": 8,
        "infra": "aws",
        "context": 2048,
        "replicas": replicas,
        "readinessProbe": {"initialDelay": 600},
    }


if __name__ == "__main__":
    sys.exit(main())
