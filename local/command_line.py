"""The embedded cloud's command: start, stop, status, logs, and ways to hurt it."""

import argparse
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from . import control, errors, locations, start_stop
from .images import layers
from .system import requirements

# What building an image may need of the user's environment; sudo keeps none of it.
_KEPT_BY_SUDO = (
    *("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"),
    *("SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", "UV_CONFIG_FILE", "UV_INDEX", "UV_DEFAULT_INDEX"),
    *("UV_INDEX_URL", "npm_config_registry", "PATH"),
)

_ON_A_TARGET = {
    "kill": ("preempt an instance, a pod or a node: it is gone", "ID"),
    "crash": ("end the processes of an instance, a pod or a node; the cloud is not told", "ID"),
    "boot": ("switch a crashed node, or the control plane, on again (Kubernetes)", "ID"),
    "refuse": ("have no capacity for an instance type, or on a node ('*': for any)", "TYPE"),
    "allow": ("have capacity again ('*': for all)", "TYPE"),
    "add": ("add a node of a type (Kubernetes)", "TYPE"),
    "drain": ("let no more pods onto a node, and evict its pods (Kubernetes)", "NODE"),
}
"""What is done to something of the cloud: what it does, and what it is done to."""


def main() -> int:
    """Run one command; say in one line what went wrong."""
    options = _parser().parse_args()
    # Debian keeps these from ordinary users, and sudo passes on the PATH they have.
    os.environ["PATH"] = f"{os.environ.get('PATH', '')}:/usr/local/sbin:/usr/sbin:/sbin"
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # cleans up as Ctrl-C does
    try:
        location = locations.find(options.name, options.cache)
        _COMMANDS[options.command](location, options)
    except errors.CloudError as error:
        print(f"embedded cloud {options.name}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--name", default=locations.DEFAULT_NAME, help="which cloud (default: demo)"
    )
    common.add_argument(
        "--cache", type=pathlib.Path, default=locations.default_cache(), help=argparse.SUPPRESS
    )
    parser = argparse.ArgumentParser(prog="python -m local", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, summary: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, help=summary, description=summary, parents=[common])

    start = add("start", "start a cloud, unless it runs")
    start.add_argument(
        "--net",
        default=locations.DEFAULT_NET,
        help=f"its network, a /24 (default: {locations.DEFAULT_NET})",
    )
    start.add_argument(
        "--cloud",
        choices=("aws", "k8s"),
        default="aws",
        help="an emulated AWS, or a real Kubernetes (default: aws)",
    )
    start.add_argument(
        "--engine",
        choices=("stub", "vllm"),
        default="vllm",
        help="what answers on the hosts: a stub, or the real vLLM (default: vllm)",
    )
    add("stop", "stop a cloud and delete all that it wrote")
    add("status", "print health, memory and instances").add_argument("--json", action="store_true")
    logs = add("logs", "print a log")
    logs.add_argument("log", nargs="?", default="supervisor", metavar="supervisor|api|NAME")
    for name, (summary, argument) in _ON_A_TARGET.items():
        add(name, summary).add_argument("target", metavar=argument)
    add("engine", "set the engine of hosts made from now on").add_argument(
        "engine", choices=("stub", "vllm")
    )
    add("kill-api", "end SkyPilot's API server, as a crash does")
    restart = add("restart-api", "end SkyPilot's API server and start it again")
    restart.add_argument(
        "--accounts",
        action="store_true",
        help="ask callers for a service account's token, or for admin's password (admin)",
    )
    for command in (start, restart):
        command.add_argument(
            "--controller",
            choices=("server", "machine"),
            default="server",
            help="where SkyServe's controllers run: in the API server, or on a machine",
        )
    return parser


def _start(location: locations.Location, options: argparse.Namespace) -> None:
    controller = ("--controller", options.controller)
    kind = ("--cloud", options.cloud, "--engine", options.engine)
    _as_root(location, "start", "--net", options.net, *kind, *controller)
    location = locations.Location(options.name, options.net, options.cache)
    start_stop.start(location, options.cloud, options.engine, options.controller)


def _stop(location: locations.Location, _: argparse.Namespace) -> None:
    _as_root(location, "stop")
    start_stop.stop(location)


def _status(location: locations.Location, options: argparse.Namespace) -> None:
    status = _cloud(location).status()
    print(json.dumps(status, indent=2) if options.json else table(status))


def _logs(location: locations.Location, options: argparse.Namespace) -> None:
    names = sorted(path.stem for path in location.logs.glob("*.log"))
    if options.log not in names:
        raise errors.CloudError(
            f"it has no log {options.log}; its logs are {', '.join(names) or 'none yet'}"
        )
    print((location.logs / f"{options.log}.log").read_text(errors="replace"), end="")


def _engine(location: locations.Location, options: argparse.Namespace) -> None:
    _as_root(location, "engine", options.engine)
    host_layers = layers.for_engine(location.cache, options.engine)
    _cloud(location).set_engine(options.engine, [str(layer) for layer in host_layers])


def _act(location: locations.Location, options: argparse.Namespace) -> None:
    getattr(_cloud(location), options.command)(options.target)


_COMMANDS: Mapping[str, Callable[[locations.Location, argparse.Namespace], None]] = {
    "start": _start,
    "stop": _stop,
    "status": _status,
    "logs": _logs,
    **dict.fromkeys(_ON_A_TARGET, _act),
    "engine": _engine,
    "kill-api": lambda location, _: _cloud(location).kill_api(),
    "restart-api": lambda location, options: _cloud(location).restart_api(
        accounts=options.accounts, controller=options.controller
    ),
}


def table(status: dict[str, Any]) -> str:
    """Write a status as people read it."""
    api, cloud = status["api_server"], status["cloud"]
    lines = [
        f"{status['name']}: {'ready' if status['ready'] else 'starting'}, "
        f"engine {status['engine']}, {status['memory_mib']} MiB",
        f"  API server  {api['url']}  {api['state']}",
        f"  {cloud['name']:<12}{cloud['url']}  {cloud['state']}"
        + (f", no capacity for {' '.join(cloud['refused'])}" if cloud["refused"] else "")
        + (", cannot be asked for its machines" if status["instances"] is None else ""),
    ]
    lines += [
        f"  {node['id']}  {node['ip']}  {node['gpus']} GPUs  "
        f"{'ready' if node['ready'] else 'not ready'}  host {node['host']}"
        for node in cloud.get("nodes", ())
    ]
    lines += [
        f"  {instance['id']}  {instance['ip']}  {instance['type']:<13}"
        f"{instance['gpu'] or '-':<9} {instance['region']}  {instance['state']:<10}"
        f"{'spot' if instance['spot'] else 'on-demand'}  host {instance['host']}  "
        f"{instance['memory_mib']} MiB  {instance['tags'].get('Name', '')}"
        for instance in status["instances"] or ()
    ]
    return "\n".join(lines)


def _cloud(location: locations.Location) -> control.Cloud:
    return control.Cloud(location.name, location.net, cache=location.cache)


def _as_root(location: locations.Location, *arguments: str) -> None:
    """Return as root; as anyone else, run the same command again through sudo."""
    requirements.check_platform()
    if os.geteuid() == 0:
        return
    _through_sudo(
        [
            *(sys.executable, "-m", "local", *arguments),
            *("--name", location.name, "--cache", str(location.cache)),
        ]
    )


def _through_sudo(command: list[str]) -> NoReturn:
    if shutil.which("sudo") is None:
        raise errors.CloudError("it needs root, and there is no sudo; run it as root")
    silent = subprocess.run(["sudo", "-n", "true"], capture_output=True, check=False)
    if silent.returncode and not sys.stdin.isatty():
        raise errors.CloudError("it needs root, and sudo asks for a password; run sudo -v first")
    print("embedded cloud: namespaces and mounts need root; using sudo", flush=True)
    environment = {name: os.environ[name] for name in _KEPT_BY_SUDO if name in os.environ} | {
        "PYTHONDONTWRITEBYTECODE": "1"  # no files of root's in the user's folders
    }
    os.chdir(locations.REPOSITORY)
    os.execvp(  # noqa: S606 (this process has no more to do)
        "sudo",
        ["sudo", "env", *(f"{name}={value}" for name, value in environment.items()), *command],
    )
