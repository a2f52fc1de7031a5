"""Starts and stops an embedded cloud, as root, on this machine.

The cloud is a program of its own (`supervisor`): what passes between it and this module is its
command line, "go" on its stdin, and the files of its `Location`.
"""

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
from collections.abc import Iterator, Sequence

from . import control, errors, locations
from .images import layers
from .system import cgroups, network, processes, requirements

_STOP_SECONDS = 30
_START_SECONDS = 1500


def start(
    location: locations.Location, cloud: str, engine: str, controller: str = "server"
) -> None:
    """Bring the cloud up, unless it runs; say each step with its seconds."""
    with _locked(location):
        if _is_healthy(location):
            print(f"embedded cloud {location.name}: already running, {location.api_server}")
            return
        _clean(location)
        started = time.monotonic()
        requirements.check(location, cloud, engine)
        host_layers = layers.for_engine(location.cache, engine)
        node_layers = layers.for_node(location.cache) if cloud == "k8s" else []
        _say("host image", time.monotonic() - started)
        location.logs.mkdir(parents=True)
        location.home.mkdir(mode=0o700)
        location.hosts.mkdir(mode=0o700)
        location.description.write_text(
            json.dumps(
                {
                    "name": location.name,
                    "net": location.net,
                    "cloud": cloud,
                    "layers": [str(layer) for layer in (*host_layers, *node_layers)],
                }
            )
        )
        try:
            options = ("--cloud", cloud, "--engine", engine, "--controller", controller)
            _wait_until_ready(location, _launch(location, host_layers, options))
        except BaseException:
            _end_processes(location)  # its logs stay, until the next start or stop
            raise
        print(f"embedded cloud {location.name}: up in {time.monotonic() - started:.1f} s")
        print(f"  SkyPilot's API server: {location.api_server}")


def stop(location: locations.Location) -> None:
    """Stop the cloud, whatever state it is in, and delete all that it wrote."""
    with _locked(location):
        _clean(location)
    print(f"embedded cloud {location.name}: nothing left")


def _launch(
    location: locations.Location, host_layers: Sequence[pathlib.Path], options: Sequence[str]
) -> subprocess.Popen[bytes]:
    """Start the process tree and link its network with this machine's."""
    with (
        location.running.open("w") as running,
        (location.logs / "supervisor.log").open("wb") as log,
    ):
        fcntl.flock(running, fcntl.LOCK_EX)  # held by the supervisor too, from here to its end
        process = subprocess.Popen(
            [
                *("unshare", "--mount", "--pid", "--net", "--fork", "--kill-child"),
                *("--mount-proc", "--propagation", "private"),
                *(sys.executable, "-m", "local.supervisor"),
                *("--name", location.name, "--net", location.net),
                *("--cache", str(location.cache), *options),
                *(option for layer in host_layers for option in ("--layer", str(layer))),
            ],
            cwd=locations.REPOSITORY,
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
    cgroups.remove_at_end(cgroups.of_this_process(location.device), location.running)
    _plug_in(location, process)
    return process


def _plug_in(location: locations.Location, process: subprocess.Popen[bytes]) -> None:
    """Link the cloud's network with this machine's, then let the cloud go on."""
    while not network.has_own_namespace(process.pid):
        if process.poll() is not None:
            raise errors.CloudError(_why_it_ended(location))
        time.sleep(0.01)
    network.link_to_machine(location, process.pid)
    assert process.stdin is not None  # noqa: S101 (told Popen so above)
    with process.stdin as stdin:
        stdin.write(b"go\n")


def _wait_until_ready(location: locations.Location, process: subprocess.Popen[bytes]) -> None:
    cloud = control.Cloud(location.name, location.net, cache=location.cache)
    steps_said = 0
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise errors.CloudError(_why_it_ended(location))
        with contextlib.suppress(errors.CloudError):  # it does not listen yet
            progress = cloud.progress()
            for name, seconds in progress["steps"][steps_said:]:
                _say(name, seconds)
                steps_said += 1
            if progress["ready"]:
                return
        time.sleep(0.2)
    raise errors.CloudError(f"it is not up after {_START_SECONDS} s; see {location.logs}")


def _why_it_ended(location: locations.Location) -> str:
    if location.failure.exists():
        return location.failure.read_text().strip()
    return f"its supervisor ended; see {location.logs / 'supervisor.log'}"


def _is_healthy(location: locations.Location) -> bool:
    if not _is_running(location):
        return False
    try:
        status = control.Cloud(location.name, location.net, cache=location.cache).status()
    except errors.CloudError:
        return False
    return bool(
        status["ready"]
        and status["api_server"]["state"] == "healthy"
        and status["cloud"]["state"] == "healthy"
    )


def _is_running(location: locations.Location) -> bool:
    """Tell whether anything of the process tree lives: it holds the lock for as long."""
    try:
        with location.running.open() as running:
            fcntl.flock(running, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def _clean(location: locations.Location) -> None:
    _end_processes(location)
    if location.state.exists():
        shutil.rmtree(location.state)


def _end_processes(location: locations.Location) -> None:
    """Kill the tree's root: the kernel does the rest (processes, mounts, network devices)."""
    deadline = time.monotonic() + _STOP_SECONDS
    if _is_running(location):
        # The lock is held, so the process id is the supervisor's and not a later process's.
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(location.running.read_text()), signal.SIGKILL)
    elif location.is_plugged_in and (theirs := _cache_of_another(location)):
        raise errors.CloudError(
            f"a cloud of that name runs already, started with the cache {theirs}; stop it there "
            "(make clean), or give this one another --name and --net"
        )
    if location.is_plugged_in:
        # It goes with the other end, in its own time; or this very moment, hence no check.
        subprocess.run(["ip", "link", "delete", location.device], capture_output=True, check=False)
    while _is_running(location) or location.is_plugged_in:
        if time.monotonic() > deadline:
            raise errors.CloudError(
                f"it did not end in {_STOP_SECONDS} s; see ps and ip link show {location.device}"
            )
        time.sleep(0.05)


def _cache_of_another(location: locations.Location) -> str | None:
    """Return the cache of a living cloud of this name that another user or HOME has started."""
    for _, words in processes.command_lines():
        if "local.supervisor" in words and words[words.index("--name") + 1] == location.name:
            cache = words[words.index("--cache") + 1]
            if cache != str(location.cache):
                return cache
    return None


def _say(step: str, seconds: float) -> None:
    print(f"  {step:<24}{seconds:6.1f} s", flush=True)


@contextlib.contextmanager
def _locked(location: locations.Location) -> Iterator[None]:
    """Run one start or stop of a cloud at a time."""
    location.lock.parent.mkdir(parents=True, exist_ok=True)
    with location.lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
