"""The main job, rehearsed on one machine: preview, up, ask, change, refresh, destroy.

Runs the real Pulumi, the real SkyPilot and the real vLLM on the embedded cloud. All it makes is
under the cache directory; with --keep it stays up and says how to look at it.
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
HOME = CACHE / "demo"
PROJECT = HOME / "project"
NEEDED_GIB = 15.0
"""Measured: two vLLM hosts of 4.3 GiB each during the rolling change, and the API server."""

WEATHER = {
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


class Failed(Exception):
    """A step of the demo did not do what it should."""


def main() -> int:
    """Run the demo; 0 when every step did what it says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave everything up at the end")
    keep = parser.parse_args().keep
    started = time.monotonic()
    try:
        check_memory()
        with step("clean up after an earlier run"):
            clean()
        with step("the embedded cloud: AWS, its hosts and the SkyPilot API server"):
            local("start", "--engine", "vllm")
        prepare()
        run(keep=keep)
    except (Failed, subprocess.CalledProcessError) as error:
        say(f"\nThe demo failed: {error}")
        clean()
        return 1
    except KeyboardInterrupt:
        say("\nInterrupted.")
        clean()
        return 130
    say(f"\nDone in {time.monotonic() - started:.0f} s.")
    return 0


def run(*, keep: bool) -> None:
    """The steps that a user takes, in their order."""
    with step("what `pulumi up` would do"):
        pulumi("preview", "--diff")
    with step("pulumi up: a service on the real vLLM"):
        pulumi("up", "--yes", "--skip-preview")
    outputs = json.loads(pulumi_output("stack", "output", "--show-secrets", "--json"))
    endpoint, key = outputs["endpoints"]["chat"], outputs["apiKeys"]["chat"]
    model = outputs["models"]["chat"]
    with step("ask it"):
        ask(endpoint, key, model)
    with step("change the autoscaling: in place, the same replica stays"):
        before = hosts()
        pulumi("config", "set", "--path", "llm:deployments.chat.replicas.max", "2")
        pulumi("config", "set", "--path", "llm:deployments.chat.replicas.targetQps", "5")
        pulumi("up", "--yes", "--diff")
        expect(hosts() == before, f"the replica should have stayed: {before} -> {hosts()}")
        say(f"the same machine as before: {', '.join(before)}")
    with step("change the context length: rolling, the earlier version answers meanwhile"):
        pulumi("config", "set", "--path", "llm:deployments.chat.context", "4096")
        with asking(endpoint, key) as count:
            pulumi("up", "--yes", "--diff")
        say(f"asked {count['asked']} times during the change, {count['failed']} not answered")
        expect(count["failed"] == 0, "the earlier version should have answered all the time")
    with step("nothing has changed since"):
        pulumi("refresh", "--yes")
        pulumi("preview", "--expect-no-changes")
    if keep:
        tell_how_to_look(endpoint)
        return
    with step("pulumi destroy"):
        pulumi("destroy", "--yes")
        expect(hosts() == (), f"machines are left: {hosts()}")
    with step("the embedded cloud goes"):
        clean()


def ask(endpoint: str, key: str, model: str) -> None:
    """A chat at two efforts, a tool call, and the refusal without the key."""
    client = openai.OpenAI(base_url=f"{endpoint}/v1", api_key=key, timeout=300, max_retries=0)
    thoughts = {}
    for effort in ("low", "high"):
        answer = (
            client.chat.completions.create(
                model=model,
                messages=[{"role": "user", "content": "What is the capital of France?"}],
                reasoning_effort=effort,
                temperature=0,
            )
            .choices[0]
            .message
        )
        thoughts[effort] = str(getattr(answer, "reasoning", None) or "")
        say(f"reasoning effort {effort}: thinks {thoughts[effort]!r}, says {answer.content!r}")
    expect(len(thoughts["high"]) > len(thoughts["low"]), "high effort should think longer")
    call = (
        client.chat.completions.create(
            model=model,
            messages=[{"role": "user", "content": "What is the weather in Paris?"}],
            tools=[WEATHER],
            temperature=0,
        )
        .choices[0]
        .message.tool_calls
    )
    expect(bool(call), "there should be a tool call")
    say(f"tool call: {call[0].function.name}({call[0].function.arguments})")
    try:
        openai.OpenAI(base_url=f"{endpoint}/v1", api_key="wrong", max_retries=0).models.list()
    except openai.AuthenticationError as error:
        say(f"without the key: {error.status_code} {error.body}")
    else:
        raise Failed("it answers without the key")


@contextlib.contextmanager
def asking(endpoint: str, key: str) -> Iterator[dict[str, int]]:
    """Ask all the time in the background, and count."""
    count = {"asked": 0, "failed": 0}
    done = threading.Event()
    request = urllib.request.Request(  # noqa: S310 - the endpoint of our own stack
        f"{endpoint}/v1/models", headers={"Authorization": f"Bearer {key}"}
    )

    def loop() -> None:
        while not done.wait(0.5):
            count["asked"] += 1
            try:
                urllib.request.urlopen(request, timeout=30).close()  # noqa: S310
            except (OSError, urllib.error.URLError):
                count["failed"] += 1

    thread = threading.Thread(target=loop, daemon=True)
    thread.start()
    try:
        yield count
    finally:
        done.set()
        thread.join(60)


def prepare() -> None:
    """A project and a home of the demo's own, so that the checkout stays clean."""
    for folder in ("home", "pulumi", "state"):
        (HOME / folder).mkdir(parents=True, exist_ok=True)
    PROJECT.mkdir(exist_ok=True)
    for name in ("Pulumi.yaml", "__main__.py"):
        shutil.copy(ROOT / name, PROJECT / name)
    shutil.copytree(ROOT / "stacks", PROJECT / "stacks", dirs_exist_ok=True)
    (PROJECT / ".venv").symlink_to(CACHE / "venv")
    pulumi("stack", "init", "local")


def environment() -> dict[str, str]:
    """What the demo's commands see: nothing of the user's clouds."""
    keep = {
        n: v for n, v in os.environ.items() if not n.startswith(("AWS_", "SKYPILOT_", "PULUMI"))
    }
    return keep | {
        "HOME": str(HOME / "home"),
        "PULUMI_HOME": str(HOME / "pulumi"),
        "PULUMI_BACKEND_URL": f"file://{HOME / 'state'}",
        "PULUMI_CONFIG_PASSPHRASE": "rehearsal",
        "PULUMI_SKIP_UPDATE_CHECK": "1",
        "SKYPILOT_DISABLE_USAGE_COLLECTION": "1",
        "PATH": f"{CACHE / 'bin'}:{CACHE / 'venv' / 'bin'}:{os.environ['PATH']}",
    }


def pulumi(*args: str) -> None:
    """Run a command of Pulumi's and show it."""
    say(f"$ pulumi {' '.join(args)}")
    extra = ("--non-interactive",)
    if args[0] in ("preview", "up", "refresh", "destroy"):
        extra += ("--color", "never", "--suppress-permalink=true")
    stack = () if args[0] == "stack" else ("--stack", "local")
    command = ["pulumi", *args, *stack, *extra]
    subprocess.run(command, cwd=PROJECT, env=environment(), check=True)


def pulumi_output(*args: str) -> str:
    """What a command of Pulumi's prints."""
    command = ["pulumi", *args, "--stack", "local", "--non-interactive"]
    run = subprocess.run(
        command, cwd=PROJECT, env=environment(), check=True, stdout=subprocess.PIPE, text=True
    )
    return run.stdout


def local(*args: str) -> None:
    """Run a command of the embedded cloud."""
    command = [sys.executable, "-m", "local", args[0], "--name", "demo", *args[1:]]
    subprocess.run(command, cwd=ROOT, check=True)


def hosts() -> tuple[str, ...]:
    """The ids of the emulated machines that are there now."""
    command = [sys.executable, "-m", "local", "status", "--name", "demo", "--json"]
    run = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    return tuple(sorted(host["id"] for host in json.loads(run.stdout)["hosts"]))


def clean() -> None:
    """Take away all that this demo, or a killed one before it, has started and made."""
    mark = f"PULUMI_HOME={HOME / 'pulumi'}".encode()
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it ended, or is another user's
            if mark in (process / "environ").read_bytes().split(b"\0"):
                os.kill(int(process.name), signal.SIGKILL)
    local("stop")
    shutil.rmtree(HOME, ignore_errors=True)


def check_memory() -> None:
    """Say so before anything is started when there is too little memory."""
    lines = pathlib.Path("/proc/meminfo").read_text(encoding="utf-8").splitlines()
    table = {line.split(":")[0]: int(line.split()[1]) for line in lines}
    free = table["MemAvailable"] / 1024**2
    if free < NEEDED_GIB:
        raise Failed(f"it needs {NEEDED_GIB:.0f} GiB of free memory and finds {free:.1f} GiB")


def tell_how_to_look(endpoint: str) -> None:
    """What to type next."""
    shown = ("HOME", "PULUMI_HOME", "PULUMI_BACKEND_URL", "PULUMI_CONFIG_PASSPHRASE", "PATH")
    settings = " ".join(f"{name}={environment()[name]}" for name in shown)
    say(
        f"\nIt is up at {endpoint}. To look at it:\n"
        f"  cd {PROJECT}\n"
        f"  export {settings}\n"
        "  pulumi stack output --show-secrets\n"
        f"  cd {ROOT} && .venv/bin/python -m local status --name demo\n"
        "To take it down: pulumi destroy --yes --stack local there, then\n"
        f"  cd {ROOT} && .venv/bin/python -m local stop --name demo"
    )


@contextlib.contextmanager
def step(title: str) -> Iterator[None]:
    """A heading, and the seconds that the step took."""
    say(f"\n=== {title}")
    start = time.monotonic()
    yield
    say(f"--- {time.monotonic() - start:.0f} s")


def expect(condition: bool, what: str) -> typing.Any:
    """End the demo when it is not so."""
    if not condition:
        raise Failed(what)


def say(text: str) -> None:
    """Print at once, between the output of other programs."""
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
