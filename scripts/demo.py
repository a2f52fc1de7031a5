"""The main job, rehearsed on one machine: preview, up, ask, change, refresh, destroy.

Runs the real Pulumi, the real SkyPilot and the real vLLM on the embedded cloud: an emulated AWS or
a real Kubernetes. All it makes is under the cache directory; with --keep it stays up and says how
to look at it.
"""

import argparse
import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import threading
import time
import typing
import urllib.error
import urllib.request
from collections.abc import Iterator

import openai

ROOT = pathlib.Path(__file__).resolve().parent.parent
CACHE = (
    pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
    / "pulumi-skypilot"
)
NEEDED_GIB = 12.0
"""Free memory to begin with: two vLLM hosts of 4 GiB during the rolling change, the API server."""

CLOUDS = {"aws": "AWS, its hosts", "k8s": "Kubernetes, its nodes"}
"""What the embedded cloud is made of, by the name that `infra` has for it in a stack."""

WEATHER: typing.Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    },
}


class FailedError(Exception):
    """A step of the demo did not do what it should."""


def main() -> int:
    """Run the demo; 0 when every step did what it says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cloud", choices=CLOUDS, default="aws", help="where (default: aws)")
    parser.add_argument("--keep", action="store_true", help="leave everything up at the end")
    parser.add_argument("--name", default="demo", help="of its embedded cloud (default: demo)")
    parser.add_argument("--net", default="10.77.0", help="of its embedded cloud, a /24")
    arguments = parser.parse_args()
    demo = Demo(arguments.name, arguments.net, arguments.cloud)
    started = time.monotonic()
    try:
        demo.run(keep=arguments.keep)
    except (FailedError, OSError, subprocess.CalledProcessError, openai.OpenAIError) as error:
        say(f"\nThe demo failed: {error}")
        demo.clean()
        return 1
    except KeyboardInterrupt:
        say("\nInterrupted: cleaning up.")
        demo.clean()
        return 130
    say(f"\nDone in {time.monotonic() - started:.0f} s.")
    return 0


class Demo:
    """The steps, on an embedded cloud of that name, net and kind."""

    def __init__(self, name: str, net: str, cloud: str) -> None:
        self.name, self.net, self.cloud = name, net, cloud
        self.home = CACHE / name
        self.project = self.home / "project"

    def run(self, *, keep: bool) -> None:
        """Do what a user does, in order."""
        with step("clean up after an earlier run"):
            self.clean()
        check_memory()
        with step(f"the embedded cloud: {CLOUDS[self.cloud]} and the SkyPilot API server"):
            self.local("start", "--net", self.net, "--cloud", self.cloud, "--engine", "vllm")
        self.prepare()
        with step("what `pulumi up` would do"):
            self.pulumi("preview", "--diff")
        with step("pulumi up: a service on the real vLLM"):
            self.pulumi("up", "--yes", "--skip-preview")
        outputs = json.loads(self.output("stack", "output", "--show-secrets", "--json"))
        endpoint, key = outputs["endpoints"]["chat"], outputs["apiKeys"]["chat"]
        with step("ask it"):
            ask(endpoint, key, outputs["models"]["chat"])
        self.change(endpoint, key)
        with step("nothing has changed since"):
            self.pulumi("refresh", "--yes")
            self.pulumi("preview", "--expect-no-changes")
        if keep:
            self.tell_how_to_look(endpoint)
            return
        with step("pulumi destroy"):
            self.pulumi("destroy", "--yes", "--skip-preview")
            left = self.status()["holds"]
            expect(left == [], f"this is left: {', '.join(left)}")
        with step("the embedded cloud goes"):
            self.clean()

    def change(self, endpoint: str, key: str) -> None:
        """Make a change in place, then one that rolls."""
        with step("change the autoscaling: in place, the same replica stays"):
            before = self.machines()
            self.pulumi("config", "set", "--path", "llm:deployments.chat.replicas.max", "2")
            self.pulumi("config", "set", "--path", "llm:deployments.chat.replicas.targetQps", "5")
            self.pulumi("preview")
            self.pulumi("up", "--yes", "--skip-preview")
            now = self.machines()
            expect(now == before, f"the replica should have stayed: {before} -> {now}")
            say(f"the same machine as before: {', '.join(before)}")
        with step("change the context: rolling, the earlier version answers meanwhile"):
            self.pulumi("config", "set", "--path", "llm:deployments.chat.context", "4096")
            self.pulumi("preview")
            with asking(endpoint, key) as count:
                self.pulumi("up", "--yes", "--skip-preview")
            say(f"asked {count['asked']} times during the change, {count['failed']} not answered")
            expect(count["failed"] == 0, "the earlier version should have answered all the time")

    def prepare(self) -> None:
        """Make a project and a home for the demo, so that the checkout stays clean."""
        for folder in ("home", "pulumi", "state", "project"):
            (self.home / folder).mkdir(parents=True)
        for name in ("Pulumi.yaml", "__main__.py"):
            shutil.copy(ROOT / name, self.project / name)
        shutil.copytree(ROOT / "stacks", self.project / "stacks")
        (self.project / ".venv").symlink_to((ROOT / ".venv").resolve())
        self.pulumi("stack", "init", "local")
        server = f"http://{self.net}.1:46580"
        self.pulumi("config", "set", "skypilot:apiServer", server)
        self.pulumi("config", "set", "--path", "llm:deployments.chat.infra", self.cloud)

    def clean(self) -> None:
        """Take away all that this demo, or a killed one before it, has started and made."""
        mark = f"PULUMI_HOME={self.home / 'pulumi'}".encode()
        for process in pathlib.Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):  # it ended, or is another user's
                if mark in (process / "environ").read_bytes().split(b"\0"):
                    os.kill(int(process.name), signal.SIGKILL)
        self.local("stop")
        shutil.rmtree(self.home, ignore_errors=True)

    def machines(self) -> tuple[str, ...]:
        """Return the names of the machines, or of the pods, that exist now."""
        return tuple(sorted(machine["id"] for machine in self.status()["instances"]))

    def status(self) -> dict[str, typing.Any]:
        """Return what the embedded cloud says of itself."""
        return dict(json.loads(self.local("status", "--json", capture=True)))

    def local(self, command: str, *args: str, capture: bool = False) -> str:
        """Run a command of the embedded cloud."""
        line = [sys.executable, "-m", "local", command, "--name", self.name, *args]
        out = subprocess.PIPE if capture else None
        return subprocess.run(line, cwd=ROOT, check=True, stdout=out, text=True).stdout or ""

    def pulumi(self, *args: str) -> None:
        """Run a command of Pulumi's and show both."""
        say(f"$ pulumi {' '.join(args)}")
        self._pulumi(*args)

    def output(self, *args: str) -> str:
        """Return the output of a Pulumi command."""
        return self._pulumi(*args, capture=True)

    def _pulumi(self, *args: str, capture: bool = False) -> str:
        stack = () if args[:2] == ("stack", "init") else ("--stack", "local")
        line = ["pulumi", *args, *stack, "--non-interactive", "--color", "never"]
        out = subprocess.PIPE if capture else None
        done = subprocess.run(
            line, cwd=self.project, env=self.environment(), check=True, stdout=out, text=True
        )
        return done.stdout or ""

    def environment(self) -> dict[str, str]:
        """Return the environment of the demo's commands, without the user's clouds and stacks."""
        hidden = ("AWS_", "SKYPILOT_", "PULUMI")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
        return kept | {
            "HOME": str(self.home / "home"),
            "PULUMI_HOME": str(self.home / "pulumi"),
            "PULUMI_BACKEND_URL": f"file://{self.home / 'state'}",
            "PULUMI_CONFIG_PASSPHRASE": "rehearsal",
            "PULUMI_SKIP_UPDATE_CHECK": "1",
            "SKYPILOT_DISABLE_USAGE_COLLECTION": "1",
            "PATH": f"{CACHE / 'bin'}:{ROOT / '.venv' / 'bin'}:{os.environ['PATH']}",
        }

    def tell_how_to_look(self, endpoint: str) -> None:
        """Print the commands to type next."""
        names = ("HOME", "PULUMI_HOME", "PULUMI_BACKEND_URL", "PULUMI_CONFIG_PASSPHRASE", "PATH")
        settings = "\n  ".join(f"export {name}={self.environment()[name]}" for name in names)
        # HOME says where the embedded cloud is: here the user's own, above the demo's.
        cloud = f"cd {ROOT} && HOME={os.environ['HOME']} .venv/bin/python -m local"
        say(
            f"\nIt is up at {endpoint}. To look at it:\n"
            f"  {cloud} status --name {self.name}\n"
            f"  cd {self.project}\n"
            f"  {settings}\n"
            "  pulumi stack output --show-secrets --stack local\n"
            "To take it down:\n"
            "  pulumi destroy --yes --stack local\n"
            f"  {cloud} stop --name {self.name}"
        )


def ask(endpoint: str, key: str, model: str) -> None:
    """Send a chat at two efforts, a tool call, and a request without the key."""
    client = openai.OpenAI(base_url=f"{endpoint}/v1", api_key=key, timeout=300, max_retries=0)
    thoughts = {}
    for effort in ("low", "high"):
        answer = client.chat.completions.create(
            model=model,
            messages=[{"role": "user", "content": "What is the capital of France?"}],
            reasoning_effort=effort,
            temperature=0,
        )
        message = answer.choices[0].message
        thoughts[effort] = str(getattr(message, "reasoning", None) or "")
        say(f"reasoning effort {effort}: thinks {thoughts[effort]!r}, says {message.content!r}")
    expect(len(thoughts["high"]) > len(thoughts["low"]), "high effort should think longer")
    answer = client.chat.completions.create(
        model=model,
        messages=[{"role": "user", "content": "What is the weather in Paris?"}],
        tools=[WEATHER],
        temperature=0,
    )
    calls: typing.Any = answer.choices[0].message.tool_calls or []
    expect(len(calls) == 1, "there should be one tool call")
    say(f"tool call: {calls[0].function.name}({calls[0].function.arguments})")
    try:
        openai.OpenAI(base_url=f"{endpoint}/v1", api_key="wrong", max_retries=0).models.list()
    except openai.AuthenticationError as error:
        say(f"without the key: {error.status_code} {error.body}")
    else:
        raise FailedError("it answers without the key")
    # vLLM's own guard lets this path pass.
    request = urllib.request.Request(f"{endpoint}/invocations", data=b"{}")  # noqa: S310
    try:
        urllib.request.urlopen(request, timeout=60).close()  # noqa: S310 - our own stack's
    except urllib.error.HTTPError as error:
        with error:
            say(f"/invocations without the key: {error.code}")
            expect(error.code == 401, "it should ask for the key on every path")
    else:
        raise FailedError("it answers /invocations without the key")


@contextlib.contextmanager
def asking(endpoint: str, key: str) -> Iterator[dict[str, int]]:
    """Ask twice a second in the background, and count what was not answered."""
    count = {"asked": 0, "failed": 0}
    done = threading.Event()
    request = urllib.request.Request(  # noqa: S310 - the endpoint of our own stack
        f"{endpoint}/v1/models", headers={"Authorization": f"Bearer {key}"}
    )

    def loop() -> None:
        while not done.wait(0.5):
            count["asked"] += 1
            try:
                urllib.request.urlopen(request, timeout=60).close()  # noqa: S310
            except OSError:  # HTTP errors are among them
                count["failed"] += 1

    thread = threading.Thread(target=loop, daemon=True)
    thread.start()
    try:
        yield count
    finally:
        done.set()
        thread.join(90)


def check_memory() -> None:
    """Say so before anything is started when there is too little memory."""
    lines = pathlib.Path("/proc/meminfo").read_text(encoding="utf-8").splitlines()
    table = {line.split(":")[0]: int(line.split()[1]) for line in lines}
    free = table["MemAvailable"] / 1024**2
    if free < NEEDED_GIB:
        raise FailedError(f"it needs {NEEDED_GIB:.0f} GiB of free memory and finds {free:.1f} GiB")


@contextlib.contextmanager
def step(title: str) -> Iterator[None]:
    """Print a heading, and afterwards the seconds that the step took."""
    say(f"\n=== {title}")
    start = time.monotonic()
    yield
    say(f"--- {time.monotonic() - start:.0f} s")


def expect(condition: bool, expected: str) -> None:
    """End the demo when it is not so."""
    if not condition:
        raise FailedError(expected)


def say(text: str) -> None:
    """Print at once, between the output of other programs."""
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
