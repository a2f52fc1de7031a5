"""A Pulumi stack on disk and the real CLI that works on it."""

import dataclasses
import json
import os
import pathlib
import shutil
import signal
import subprocess
import time
import typing

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
CACHE = (
    pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
    / "pulumi-skypilot"
)
SERVICE = "pulumi-python:dynamic/skypilot:Service"
CLUSTER = "pulumi-python:dynamic/skypilot:Cluster"


@dataclasses.dataclass(frozen=True)
class Result:
    code: int
    output: str

    def errors(self) -> list[str]:
        """The lines by which the CLI sums up what went wrong."""
        summary = self.output.partition("Diagnostics:")[2]
        lines = [line.strip() for line in summary.splitlines()]
        return [line for line in lines if line.startswith("error:") and "update failed" not in line]


class Stack:
    """One stack in a folder of its own, with a home and, unless told another, a backend."""

    def __init__(
        self,
        folder: pathlib.Path,
        name: str,
        config: dict[str, typing.Any],
        *,
        program: pathlib.Path = ROOT,
        backend: pathlib.Path | None = None,
    ) -> None:
        self.folder, self.name = folder, name
        self.backend = backend or folder / "state"
        self.project = folder / "project"
        for part in ("home", "pulumi", "state", "project/stacks"):
            (folder / part).mkdir(parents=True)
        shutil.copy(program / "__main__.py", self.project / "__main__.py")
        project = yaml.safe_load((program / "Pulumi.yaml").read_text())
        project.pop("config", None)  # a test's stack says all of it itself
        project["stackConfigDir"] = "stacks"
        project["runtime"]["options"]["virtualenv"] = ".venv"
        (self.project / "Pulumi.yaml").write_text(yaml.safe_dump(project))
        (self.project / ".venv").symlink_to((ROOT / ".venv").resolve())
        self.write(config)
        self.run("stack", "init", name)

    def environment(self, **extra: str) -> dict[str, str]:
        kept = ("PATH", "SSL_CERT_FILE", "LANG", "TMPDIR")
        return {name: os.environ[name] for name in kept if name in os.environ} | {
            "PATH": f"{CACHE / 'bin'}:{ROOT / '.venv' / 'bin'}:{os.environ['PATH']}",
            "HOME": str(self.folder / "home"),
            "PULUMI_HOME": str(self.folder / "pulumi"),
            "PULUMI_BACKEND_URL": f"file://{self.backend}",
            "PULUMI_CONFIG_PASSPHRASE": "test",
            "PULUMI_SKIP_UPDATE_CHECK": "1",
            "SKYPILOT_DISABLE_USAGE_COLLECTION": "1",
            **extra,
        }

    @property
    def file(self) -> pathlib.Path:
        return self.project / "stacks" / f"Pulumi.{self.name}.yaml"

    def write(self, config: dict[str, typing.Any]) -> None:
        """Write the stack's config, keeping what the CLI has added (its salt)."""
        old = yaml.safe_load(self.file.read_text()) if self.file.exists() else {}
        self.file.write_text(yaml.safe_dump({**old, "config": config}))

    def deployments(self, **deployments: dict[str, typing.Any]) -> None:
        """Change the stack's deployments, keeping the rest of its config."""
        config = yaml.safe_load(self.file.read_text())["config"]
        self.write({**config, "llm:deployments": deployments})

    def secret(self, key: str, value: str) -> None:
        self.run("config", "set", "--secret", key, stdin=value)

    def run(
        self,
        *args: str,
        check: bool = True,
        env: dict[str, str] | None = None,
        stdin: str | None = None,
        within: typing.Sequence[str] = (),
    ) -> Result:
        stack = () if args[:2] == ("stack", "init") else ("--stack", self.name)
        command = [*within, "pulumi", *args, *stack, "--non-interactive"]
        return self._run(command, check=check, env=env, stdin=stdin)

    def tool(self, command: str, *args: str, stdin: str | None = None) -> Result:
        """What a command of this package says of this stack."""
        line = ["pulumi-skypilot", command, *args, "--stack", self.name]
        return self._run(line, check=False, stdin=stdin)

    def sweep(self, *args: str) -> Result:
        """What a sweep of this stack says."""
        return self._run(["pulumi-skypilot", "sweep", "--stack", self.name, *args], check=False)

    def _run(
        self,
        command: list[str],
        *,
        check: bool,
        env: dict[str, str] | None = None,
        stdin: str | None = None,
    ) -> Result:
        done = subprocess.run(
            command,
            cwd=self.project,
            env=self.environment(**(env or {})),
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=2700,
            check=False,
        )
        assert not check or done.returncode == 0, done.stdout
        return Result(done.returncode, done.stdout)

    def up(self, *args: str, check: bool = True, env: dict[str, str] | None = None) -> Result:
        return self.run("up", "--yes", "--skip-preview", *args, check=check, env=env)

    def refresh(self) -> None:
        """Look at what is there, once: without a preview of what there is to see."""
        self.run("refresh", "--yes", "--skip-preview")

    def unchanged(self) -> str:
        """Fail when a preview shows any change."""
        return self.run("preview", "--diff", "--expect-no-changes").output

    def still_unchanged(self) -> None:
        """The same of a stack of which the server has been asked before: it is not asked again."""
        self.run("preview", "--expect-no-changes", env={"PULUMI_SKYPILOT_OFFLINE": "1"})

    def outputs(self) -> dict[str, typing.Any]:
        shown = self.run("stack", "output", "--show-secrets", "--json").output
        return typing.cast(dict[str, typing.Any], json.loads(shown))

    def resources(self) -> list[dict[str, typing.Any]]:
        export = json.loads(self.run("stack", "export").output)
        return list(export["deployment"].get("resources") or [])

    def service(self) -> dict[str, typing.Any]:
        """The one service in the stack's state."""
        return next(one for one in self.resources() if one["type"] == SERVICE)

    def start(self, *args: str, env: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
        """Begin a command that the test will kill."""
        return subprocess.Popen(
            ["pulumi", *args, "--yes", "--skip-preview", "--non-interactive", "-s", self.name],
            cwd=self.project,
            env=self.environment(**(env or {})),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def kill_all(self) -> None:
        """Kill what Pulumi has left running: only processes that know this stack's folder."""
        for process in self.processes():
            os.kill(int(process.name), signal.SIGKILL)

    def left_running(self) -> str:
        """The command lines of what Pulumi has left running."""
        return "\n".join(
            (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            for process in self.processes()
        )

    def processes(self) -> typing.Iterator[pathlib.Path]:
        """Yield the folder in /proc of each process that knows this stack's home of Pulumi."""
        mark = f"PULUMI_HOME={self.folder / 'pulumi'}".encode()
        for process in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                environ = (process / "environ").read_bytes().split(b"\0")
            except OSError:
                continue
            if mark in environ and int(process.name) != os.getpid():
                yield process


def command_lines() -> str:
    """The command line of every process on this machine, the emulated hosts' among them."""
    lines = []
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            lines.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return "\n".join(lines)


def until(condition: typing.Callable[[], bool], seconds: float, what: str) -> None:
    """Poll the real world, bounded."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not in {seconds:.0f} s"
        time.sleep(1)
