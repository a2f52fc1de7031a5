"""Start and stop of an embedded cloud, as root, on this machine."""

import contextlib
import fcntl
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

from . import control, image, place, processes, requirements

_STOP_SECONDS = 30
_START_SECONDS = 900


def start(where: place.Place, engine: str, controller: str = "server") -> None:
    """Bring the cloud up, or see that it is; says each step with its seconds."""
    with _locked(where):
        if _is_healthy(where):
            print(f"embedded cloud {where.name}: already running, {where.api_server}")
            return
        _clean(where)
        started = time.monotonic()
        requirements.check(where, engine)
        layers = image.layers(where.cache, engine)
        _say("host image", time.monotonic() - started)
        where.logs.mkdir(parents=True)
        where.home.mkdir(mode=0o700)
        where.hosts.mkdir(mode=0o700)
        where.description.write_text(
            json.dumps(
                {"name": where.name, "net": where.net, "layers": [str(layer) for layer in layers]}
            )
        )
        try:
            _wait_until_ready(where, _launch(where, engine, layers, controller))
        except BaseException:
            _end_processes(where)  # its logs stay, until the next start or stop
            raise
        print(f"embedded cloud {where.name}: up in {time.monotonic() - started:.1f} s")
        print(f"  SkyPilot's API server: {where.api_server}")


def stop(where: place.Place) -> None:
    """Take the cloud away, whatever state it is in."""
    with _locked(where):
        _clean(where)
    print(f"embedded cloud {where.name}: nothing left")


def _launch(
    where: place.Place, engine: str, layers: list[pathlib.Path], controller: str
) -> subprocess.Popen[bytes]:
    """Start the process tree and plug its network into this machine's."""
    with where.running.open("w") as running, (where.logs / "supervisor.log").open("wb") as log:
        fcntl.flock(running, fcntl.LOCK_EX)  # held by the supervisor too, from here to its end
        process = subprocess.Popen(
            [
                *("unshare", "--mount", "--pid", "--net", "--fork", "--kill-child"),
                *("--mount-proc", "--propagation", "private"),
                *(sys.executable, "-m", "local.supervisor"),
                *("--name", where.name, "--net", where.net),
                *("--cache", str(where.cache), "--engine", engine),
                *("--controller", controller),
                *(option for layer in layers for option in ("--layer", str(layer))),
            ],
            cwd=place.REPOSITORY,
            env={
                "HOME": str(pathlib.Path.home()),
                "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                "LANG": "C.UTF-8",
                "PYTHONDONTWRITEBYTECODE": "1",
                # Read when moto is imported (moto/settings.py): the AMI of the catalogue.
                "MOTO_EC2_LOAD_DEFAULT_AMIS": "true",
            },
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=(running.fileno(),),
        )
        running.write(str(process.pid))
    _plug_in(where, process)
    return process


def _plug_in(where: place.Place, process: subprocess.Popen[bytes]) -> None:
    own = os.readlink("/proc/self/ns/net")  # noqa: PTH115 (not a path)
    while os.readlink(f"/proc/{process.pid}/ns/net") == own:  # noqa: PTH115
        if process.poll() is not None:
            raise place.CloudError(_why_it_ended(where))
        time.sleep(0.01)
    processes.run(
        "ip", "link", "add", where.device, "type", "veth", "peer", "name", "uplink",
        "netns", str(process.pid),
    )  # fmt: skip
    processes.run("ip", "address", "add", f"{where.machine_address}/24", "dev", where.device)
    processes.run("ip", "link", "set", where.device, "up")
    assert process.stdin is not None  # noqa: S101 (told Popen so above)
    with process.stdin as stdin:
        stdin.write(b"go\n")


def _wait_until_ready(where: place.Place, process: subprocess.Popen[bytes]) -> None:
    cloud = control.Cloud(where.name, where.net, cache=where.cache)
    said = 0
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise place.CloudError(_why_it_ended(where))
        with contextlib.suppress(place.CloudError):  # it does not listen yet
            progress = cloud.progress()
            for name, seconds in progress["steps"][said:]:
                _say(name, seconds)
                said += 1
            if progress["ready"]:
                return
        time.sleep(0.2)
    raise place.CloudError(f"not up after {_START_SECONDS} s: see {where.logs}")


def _why_it_ended(where: place.Place) -> str:
    if where.failure.exists():
        return where.failure.read_text().strip()
    return f"the supervisor ended, see {where.logs / 'supervisor.log'}"


def _is_healthy(where: place.Place) -> bool:
    if not _is_running(where):
        return False
    try:
        status = control.Cloud(where.name, where.net, cache=where.cache).status()
    except place.CloudError:
        return False
    return bool(
        status["ready"]
        and status["api_server"]["state"] == "healthy"
        and status["aws"]["state"] == "healthy"
    )


def _is_running(where: place.Place) -> bool:
    """Whether anything of the process tree lives: it holds the lock for as long."""
    try:
        with where.running.open() as running:
            fcntl.flock(running, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def _clean(where: place.Place) -> None:
    _end_processes(where)
    if where.state.exists():
        shutil.rmtree(where.state)


def _end_processes(where: place.Place) -> None:
    """Kill the tree's root: the kernel does the rest (processes, mounts, network devices)."""
    deadline = time.monotonic() + _STOP_SECONDS
    if _is_running(where):
        # The lock is held, so the process id is the supervisor's and not a later process's.
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(where.running.read_text()), signal.SIGKILL)
    elif where.is_plugged_in and (theirs := _cache_of_another(where)):
        raise place.CloudError(
            f"one of that name runs already, started with the cache {theirs}: stop it there "
            "(make clean), or give this one another --name and --net"
        )
    if where.is_plugged_in:
        # It goes with the other end, in its own time; or this very moment, hence no check.
        subprocess.run(["ip", "link", "delete", where.device], capture_output=True, check=False)
    while _is_running(where) or where.is_plugged_in:
        if time.monotonic() > deadline:
            raise place.CloudError(
                f"it did not end in {_STOP_SECONDS} s: look at ps and ip link show {where.device}"
            )
        time.sleep(0.05)


def _cache_of_another(where: place.Place) -> str | None:
    """The cache of a living cloud of this name that another user, or another HOME, has started."""
    for _, words in processes.command_lines():
        if "local.supervisor" in words and words[words.index("--name") + 1] == where.name:
            cache = words[words.index("--cache") + 1]
            if cache != str(where.cache):
                return cache
    return None


def _say(step: str, seconds: float) -> None:
    print(f"  {step:<24}{seconds:6.1f} s", flush=True)


@contextlib.contextmanager
def _locked(where: place.Place) -> Iterator[None]:
    """One start or stop of a cloud at a time."""
    where.lock.parent.mkdir(parents=True, exist_ok=True)
    with where.lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
