"""The crash sweep: every fault at every call on the fake, and some of them on the real thing.

`python -m bench.faults` counts the cases on the fake by what had to be typed to end each;
`python -m bench.faults --real` kills processes of the real Pulumi and the real SkyPilot on an
embedded cloud of its own with the stub engine.
"""

import collections
import concurrent.futures
import os
import pathlib
import signal
import sys
import tempfile
import time
import typing
from collections.abc import Callable, Mapping

from local import control
from tests import sweep
from tests.e2e import stack as stacks

NAME, NET = os.environ.get("TEST_CLOUD", "faults/10.82.0").split("/")
WORKERS = 2
PLUGIN, CONTROLLER = "pulumi.dynamic", "sky.serve.service"


def main() -> int:
    """Print the table."""
    return real() if "--real" in sys.argv else fake()


def fake() -> int:
    """All cases on the fake."""
    cases = list(sweep.cases())
    with concurrent.futures.ProcessPoolExecutor(WORKERS) as pool:
        ended = list(pool.map(_ended, cases, chunksize=20))
    print(table(cases, ended))
    wrong = [(case, how) for case, how in zip(cases, ended, strict=True) if how.startswith("WRONG")]
    for case, how in wrong:
        print(f"{case}: {how}", file=sys.stderr)
    return 1 if wrong else 0


def table(cases: list[sweep.Case], ended: list[str]) -> str:
    """Cases by operation and fault, and what ended them, as Markdown."""
    rows: dict[tuple[str, str], collections.Counter[str]] = collections.defaultdict(
        collections.Counter
    )
    for case, how in zip(cases, ended, strict=True):
        rows[case.operation, case.fault][how.partition(":")[0]] += 1
    lines = [
        f"| {operation} | {fault} | {count.total()} | "
        + ", ".join(f"`{how}` {number}" for how, number in count.most_common())
        + " |"
        for (operation, fault), count in rows.items()
    ]
    head = "| operation | fault | cases | what was typed |\n|---|---|---|---|"
    return "\n".join([head, *lines, f"\n{len(cases)} cases"])


def _ended(case: sweep.Case) -> str:
    try:
        return sweep.outcome(case)
    except Exception as error:  # noqa: BLE001 - a row of the table
        return f"WRONG: {error}"


def real() -> int:
    """The real thing, one service's life: each row is one kill and what ended it."""
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as folder,
        control.Cloud(NAME, NET, engine="stub").running() as cloud,
    ):
        return Life(cloud, pathlib.Path(folder)).run()


class Life:
    """A stack of one service on the embedded cloud, and what happens to it."""

    def __init__(self, cloud: control.Cloud, folder: pathlib.Path) -> None:
        self.cloud = cloud
        self.failed = False
        config = {"skypilot:apiServer": cloud.api_server, "llm:deployments": {"chat": chat(2048)}}
        self.stack = stacks.Stack(folder / "stack", "faults", config)

    def run(self) -> int:
        """One kill after another; 1 when one of them did not end well."""
        print("| killed | then typed | seconds | left |\n|---|---|---|---|", flush=True)
        self._row("the plugin, in create", "up", lambda: self._kill("up", self._registered, PLUGIN))
        self._change(2560)
        self._row("the CLI, in update", "up", lambda: self._kill("up", self._soon(8), None))
        self._change(3072)
        self._row("the API server, in update", "up", self._server_in_update)
        self._row("the host", "up", lambda: self.cloud.kill(self.cloud.hosts()[0]["id"]))
        self._row("SkyServe's controller", "up", lambda: kill(self._controllers()))
        self._row("SkyServe's controller", "destroy", lambda: kill(self._controllers()))
        self._row("the CLI, in create", "destroy", lambda: self._kill("up", self._registered, None))
        self._row("nothing", "up", lambda: None)
        self._row("the plugin, in delete", "destroy", self._plugin_in_delete)
        self._row("nothing", "up", lambda: None)
        self._row("what ends the service, in delete", "destroy", self._ender_in_delete)
        return 1 if self.failed else 0

    def _row(self, what: str, command: str, deed: Callable[[], object]) -> None:
        deed()
        start = time.monotonic()
        self.stack.run("cancel", "--yes", check=False)
        done = self.stack.run(command, "--yes", "--skip-preview", check=False)
        if done.code:
            print(done.output, file=sys.stderr, flush=True)
            done = self.stack.run(command, "--yes", "--skip-preview", "--refresh", check=False)
            command += " --refresh"
        pending = "pending" in done.output
        left = [one["id"] for one in self.cloud.instances()]
        print(
            f"| {what} | `{command}`{', told of pending operations' if pending else ''} "
            f"{'FAILED' if done.code else ''} | {time.monotonic() - start:.0f} | "
            f"{len(left)} machines, {len(self._controllers())} controllers |",
            flush=True,
        )
        if done.code:
            self.failed = True
            print(done.output, file=sys.stderr, flush=True)

    def _change(self, context: int) -> None:
        self.stack.deployments(chat=chat(context))

    def _kill(self, command: str, when: Callable[[], bool], what: str | None) -> None:
        """Begin a command, and kill its plugin, or the CLI and all that it has started."""
        with self.stack.start(command) as process:
            stacks.until(when, 120, command)
            if what is None:
                process.kill()
                self.stack.kill_all()
            else:
                kill(self._ours(what))
            process.wait(300)

    def _registered(self) -> bool:
        return bool(self._controllers())

    def _soon(self, seconds: float) -> Callable[[], bool]:
        due = time.monotonic() + seconds
        return lambda: time.monotonic() > due

    def _server_in_update(self) -> None:
        with self.stack.start("up") as process:
            stacks.until(self._soon(8), 60, "up")
            self.cloud.kill_api()
            time.sleep(20)
            self.cloud.restart_api()
            process.wait(600)

    def _plugin_in_delete(self) -> None:
        self._kill("destroy", self._soon(10), PLUGIN)

    def _ender_in_delete(self) -> None:
        with self.stack.start("destroy") as process:
            log = self.cloud.place.home / ".sky/serve/faults_chat/controller.log"
            stacks.until(lambda: "_cleanup entered" in log.read_text(), 120, "it ends")
            kill(self._controllers())
            process.kill()
            self.stack.kill_all()

    def _controllers(self) -> list[int]:
        return [
            p for p, line in _processes().items() if CONTROLLER in line and "faults-chat" in line
        ]

    def _ours(self, what: str) -> list[int]:
        home = f"PULUMI_HOME={self.stack.folder / 'pulumi'}".encode()
        return [p for p, line in _processes().items() if what in line and home in _environ(p)]


def kill(processes: list[int]) -> None:
    """As `kill -9` of these. Raises RuntimeError when there are none: nothing was tried then."""
    if not processes:
        raise RuntimeError("nothing to kill")
    for one in processes:
        os.kill(one, signal.SIGKILL)


def _processes() -> Mapping[int, str]:
    found = {}
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            line = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        found[int(process.name)] = line
    return found


def _environ(process: int) -> bytes:
    try:
        return pathlib.Path(f"/proc/{process}/environ").read_bytes()
    except OSError:
        return b""


def chat(context: int) -> dict[str, typing.Any]:
    """A small service of one replica."""
    return {
        "model": "openai/gpt-oss-20b",
        "cpus": 2,
        "memory": 8,
        "infra": "aws",
        "context": context,
        "readinessProbe": {"initialDelay": 300},
    }


if __name__ == "__main__":
    sys.exit(main())
