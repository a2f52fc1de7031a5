"""Real kills: the real Pulumi and SkyPilot, a process killed at one call, and how that ends.

Each case is a stack of its own on one embedded cloud. The provider is held before or after a call
to SkyPilot (`tests/e2e/hold.py`), something is killed there, and one of three commands ends it.
"""

import argparse
import dataclasses
import itertools
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import typing
from collections.abc import Iterator, Mapping, Sequence

from local import control
from local.system import processes
from tests.e2e import hold
from tests.e2e import stack as stacks

NAME, NET = os.environ.get("TEST_CLOUD", "faults/10.82.0").split("/")
SMALL: Mapping[str, object] = {
    "model": "openai/gpt-oss-20b",
    "cpus": 2,
    "memory": 8,
    "context": 2048,
}
SERVICE = {**SMALL, "replicas": {"min": 0, "max": 1, "targetQps": 1}}
"""No replica until somebody asks: what is killed here is the making, not the machine."""
CLUSTER = {**SMALL, "kind": "cluster"}

CALLS: Mapping[str, Mapping[str, Sequence[tuple[str, str]]]] = {
    "service": {
        "create": (("up", "before"), ("up", "after")),
        "change": (("update", "before"), ("update", "after")),
        "delete": (("down", "before"), ("down", "after")),
    },
    "cluster": {
        "create": (("launch", "before"), ("launch", "after")),
        "change": (("cancel_jobs", "before"), ("cancel_jobs", "after"), ("launch", "after")),
        "delete": (("machine_down", "before"), ("machine_down", "after")),
    },
}
"""Where the provider is held, by kind and operation."""
VICTIMS = ("the plugin", "the CLI", "the API server", "its own process")
"""The last: SkyServe's controller of the service, or the cluster's machine; where there is one."""
ENDINGS = ("up", "destroy", "removed")


@dataclasses.dataclass(frozen=True)
class Case:
    """One kill, and how it is ended."""

    kind: str
    operation: str
    call: str
    side: str
    victim: str
    ending: str

    def __str__(self) -> str:
        where = f"{self.operation} {self.kind} | {self.side} `{self.call}` | {self.victim}"
        return f"{where} | {self.ending}"


def cases(kinds: Sequence[str], *, every_ending: bool) -> Iterator[Case]:
    """Return each kill once with the endings in turn, or with every ending."""
    turn = itertools.cycle(ENDINGS)
    for kind in kinds:
        for operation, calls in CALLS[kind].items():
            for (call, side), victim in itertools.product(calls, VICTIMS):
                if victim == VICTIMS[3] and operation == "create" and side == "before":
                    continue  # there is none yet
                for ending in ENDINGS if every_ending else (next(turn),):
                    yield Case(kind, operation, call, side, victim, ending)


def spread(listed: Sequence[Case], number: int | None) -> Sequence[Case]:
    """Return so many of the cases, as far apart as they can be; None: all."""
    if number is None or number >= len(listed):
        return listed
    return [listed[i * len(listed) // number] for i in range(number)]


def main() -> int:
    """Run them and print a row for each; 1 when one did not end well."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--kind", choices=CALLS, help="default: all of them")
    options.add_argument("--cloud", choices=("aws", "k8s"), default="aws")
    options.add_argument("--all", action="store_true", help="end each kill in every way")
    options.add_argument("--cases", type=int, help="take so many of them; default: all")
    given = options.parse_args()
    kinds = [given.kind] if given.kind else list(CALLS)
    listed = list(cases(kinds, every_ending=given.all))
    print("| in | held | killed | ended by | typed | seconds | |\n|---|---|---|---|---|---|---|")
    failed = 0
    with (
        tempfile.TemporaryDirectory(prefix="kills-") as folder,
        control.Cloud(NAME, NET, engine="stub", cloud=given.cloud).running() as cloud,
    ):
        for number, case in enumerate(spread(listed, given.cases)):
            start = time.monotonic()
            folder_of_case = pathlib.Path(folder) / str(number)
            run = Run(cloud, folder_of_case, f"k{number}", case, infra=given.cloud)
            try:
                typed, verdict = run.end(), "whole"
            except (AssertionError, RuntimeError, subprocess.TimeoutExpired) as error:
                typed, verdict = run.typed, f"WRONG: {error}".replace("\n", " ")[:2000]
                failed += 1
                run.clear()
            commands = ", ".join(f"`{command}`" for command in typed)
            seconds = time.monotonic() - start
            print(f"| {case} | {commands} | {seconds:.0f} | {verdict} |", flush=True)
        print(f"\n{number + 1} cases, {failed} wrong", flush=True)
    return 1 if failed else 0


class Run:
    """A stack of one deployment, and what happens to it."""

    def __init__(
        self, cloud: control.Cloud, folder: pathlib.Path, name: str, case: Case, *, infra: str
    ) -> None:
        self.cloud, self.case = cloud, case
        self.rest = {**SERVICE, "infra": infra}
        """A deployment that stays: a stack cannot be without any."""
        self.deployment = {**(SERVICE if case.kind == "service" else CLUSTER), "infra": infra}
        config = {"skypilot:apiServer": cloud.api_server, "llm:deployments": {}}
        self.stack = stacks.Stack(folder / "stack", name, config)
        self.hold = hold.Hold(folder, case.call, typing.cast("typing.Any", case.side))
        self.typed: list[str] = []

    def end(self) -> list[str]:
        """Go through the case; what was typed to end it. Raises AssertionError."""
        self._kill()
        wanted = self.case.ending == "up"
        if self.case.ending == "removed":
            self.stack.deployments(rest=self.rest)
        self._type("destroy" if self.case.ending == "destroy" else "up")
        if wanted:
            self.stack.unchanged()
            self._comes_to((1, 0) if self.case.kind == "service" else (0, 1))
            self.stack.run("destroy", "--yes", "--skip-preview")
        elif self.case.ending == "removed" and "no state knows of" in self.stack.sweep().output:
            self.typed.append("sweep")
            self.stack.sweep("--yes")
        self._comes_to((0, 0))
        if self.case.ending != "destroy":
            self.stack.run("destroy", "--yes", "--skip-preview")
        if self.stack.resources() or self.cloud.instances():
            raise AssertionError("something is left")
        return self.typed

    def clear(self) -> None:
        """Leave nothing for the next case, whatever this one has come to."""
        self.stack.kill_all()
        self.stack.run("cancel", "--yes", check=False)
        self.stack.run("destroy", "--yes", "--skip-preview", "--refresh", check=False)
        self.stack.sweep("--yes")
        for instance in self.cloud.instances():
            self.cloud.kill(instance["id"])

    def _kill(self) -> None:
        """Come to the call and kill there."""
        rest = {"rest": self.rest} if self.case.ending == "removed" else {}
        if rest:
            self.stack.deployments(**rest)
            self.stack.up()
        self.stack.deployments(**rest, chat=self.deployment)
        if self.case.operation != "create":
            self.stack.up()
        if self.case.operation == "change":
            self.deployment = {**self.deployment, "context": 4096}
            self.stack.deployments(**rest, chat=self.deployment)
        command = "up"
        if self.case.operation == "delete":
            self.stack.deployments(**rest or {"chat": self.deployment})
            command = "up" if rest else "destroy"
        with self.stack.start(command, env=self.hold.environment) as process:
            stacks.until(lambda: self.hold.reached, 900, f"{command} comes to the call")
            match self.case.victim:
                case "the plugin":
                    kill(self._ours("pulumi.dynamic"))
                case "the CLI":
                    process.kill()
                    self.stack.kill_all()
                case "the API server":
                    self.cloud.kill_api()
                    self.hold.release()
                    time.sleep(5)
                    self.cloud.restart_api()
                case _:
                    self._kill_its_own()
                    self.hold.release()
            process.wait(900)
        self.stack.run("cancel", "--yes", check=False)

    def _kill_its_own(self) -> None:
        if self.case.kind == "cluster":
            for machine in self._machines():
                self.cloud.kill(machine)
        elif self.case.operation != "delete" or self.case.side == "before":
            kill(self._controllers())
        else:  # it may have ended by itself
            for controller in self._controllers():
                os.kill(controller, signal.SIGKILL)

    def _type(self, command: str) -> None:
        """Type what a user does: the plain command, then what the message says."""
        for options in ((), ("--refresh",), ("--target-replace",)):
            self.typed.append(" ".join([command, *options]))
            arguments: tuple[str, ...] = options
            if options == ("--target-replace",):
                services = [
                    resource
                    for resource in self.stack.resources()
                    if resource["type"] == stacks.SERVICE
                ]
                arguments = (
                    (*options, str(services[0]["urn"]), "--target-dependents") if services else ()
                )
            done = self.stack.run(command, "--yes", "--skip-preview", *arguments, check=False)
            if done.code == 0:
                if options == ("--target-replace",):
                    self._type(command)
                return
        raise AssertionError(done.output)

    def _comes_to(self, wanted: tuple[int, int]) -> None:
        """See that so many processes of SkyServe's there are, and so many machines.

        A process may take seconds to end.
        """
        stacks.until(
            lambda: (len(self._controllers()), len(self._machines())) == wanted,
            300,
            f"processes and machines: {wanted}",
        )

    def _machines(self) -> list[str]:
        name = f"{self.stack.name}-chat"
        return [
            str(instance["id"])
            for instance in self.cloud.instances()
            if any(name in tag for tag in instance["tags"].values())
        ]

    def _controllers(self) -> list[int]:
        return _running("sky.serve.service", f"{self.stack.name}-chat")

    def _ours(self, command: str) -> list[int]:
        home = f"PULUMI_HOME={self.stack.folder / 'pulumi'}"
        return [process for process in _running(command) if home in processes.environment(process)]


def kill(running: list[int]) -> None:
    """Kill these processes as `kill -9` does. Raises RuntimeError if there are none."""
    if not running:
        raise RuntimeError("nothing to kill")
    for process in running:
        os.kill(process, signal.SIGKILL)


def _running(*words: str) -> list[int]:
    """Return the processes whose command lines have all these words."""
    lines = processes.command_lines()
    return [process for process, line in lines if set(words) <= {*line}]


if __name__ == "__main__":
    sys.exit(main())
