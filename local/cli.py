"""The command of the embedded cloud: start, stop, status, logs, and ways to hurt it."""

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

from . import control, image, lifecycle, place, requirements

# What building an image may need of the user's environment; sudo keeps none of it.
_KEPT_BY_SUDO = (
    *("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"),
    *("SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", "UV_CONFIG_FILE", "UV_INDEX", "UV_DEFAULT_INDEX"),
    *("UV_INDEX_URL", "npm_config_registry", "PATH"),
)


def main() -> int:
    """Run one command; what is wrong is said in one line."""
    options = _parser().parse_args()
    # Debian keeps these from ordinary users, and sudo passes on the PATH they have.
    os.environ["PATH"] = f"{os.environ.get('PATH', '')}:/usr/local/sbin:/usr/sbin:/sbin"
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # cleans up as Ctrl-C does
    try:
        where = place.find(options.name, options.cache)
        _COMMANDS[options.command](where, options)
    except place.CloudError as error:
        print(f"embedded cloud {options.name}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--name", default=place.DEFAULT_NAME, help="which cloud (default: demo)")
    common.add_argument(
        "--cache", type=pathlib.Path, default=place.default_cache(), help=argparse.SUPPRESS
    )
    parser = argparse.ArgumentParser(prog="python -m local", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, what: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, help=what, description=what, parents=[common])

    start = add("start", "start a cloud, or see that it runs")
    start.add_argument(
        "--net",
        default=place.DEFAULT_NET,
        help=f"its network, a /24 (default: {place.DEFAULT_NET})",
    )
    start.add_argument("--engine", choices=("stub", "vllm"), default="vllm")
    add("stop", "take a cloud away, with everything in it")
    add("status", "health, memory, instances").add_argument("--json", action="store_true")
    logs = add("logs", "print a log")
    logs.add_argument("log", nargs="?", default="supervisor", metavar="supervisor|api|INSTANCE")
    for name, what, argument in (
        ("kill", "preempt an instance: power off, terminated", "ID"),
        ("crash", "end an instance's processes; it stays 'running'", "ID"),
        ("refuse", "no capacity for an instance type ('*': for any)", "TYPE"),
        ("allow", "capacity again", "TYPE"),
    ):
        add(name, what).add_argument("target", metavar=argument)
    add("engine", "the engine of hosts made from now on").add_argument(
        "engine", choices=("stub", "vllm")
    )
    add("kill-api", "end SkyPilot's API server, as a crash would")
    restart = add("restart-api", "end SkyPilot's API server and start it again")
    restart.add_argument(
        "--accounts",
        action="store_true",
        help="it then asks for a service account's token, or for admin's password (admin)",
    )
    for command in (start, restart):
        command.add_argument(
            "--controller",
            choices=("server", "machine"),
            default="server",
            help="where SkyServe's controllers run: in the API server, or on a machine",
        )
    return parser


def _start(where: place.Place, options: argparse.Namespace) -> None:
    controller = ("--controller", options.controller)
    _as_root(where, "start", "--net", options.net, "--engine", options.engine, *controller)
    where = place.Place(options.name, options.net, options.cache)
    lifecycle.start(where, options.engine, options.controller)


def _stop(where: place.Place, _: argparse.Namespace) -> None:
    _as_root(where, "stop")
    lifecycle.stop(where)


def _status(where: place.Place, options: argparse.Namespace) -> None:
    status = _cloud(where).status()
    print(json.dumps(status, indent=2) if options.json else table(status))


def _logs(where: place.Place, options: argparse.Namespace) -> None:
    names = sorted(path.stem for path in where.logs.glob("*.log"))
    if options.log not in names:
        raise place.CloudError(f"no log {options.log}: there are {', '.join(names) or 'none'}")
    print((where.logs / f"{options.log}.log").read_text(errors="replace"), end="")


def _engine(where: place.Place, options: argparse.Namespace) -> None:
    _as_root(where, "engine", options.engine)
    layers = image.layers(where.cache, options.engine)
    _cloud(where).set_engine(options.engine, [str(layer) for layer in layers])


_COMMANDS: Mapping[str, Callable[[place.Place, argparse.Namespace], None]] = {
    "start": _start,
    "stop": _stop,
    "status": _status,
    "logs": _logs,
    "kill": lambda where, options: _cloud(where).kill(options.target),
    "crash": lambda where, options: _cloud(where).crash(options.target),
    "refuse": lambda where, options: _cloud(where).refuse(options.target),
    "allow": lambda where, options: _cloud(where).allow(options.target),
    "engine": _engine,
    "kill-api": lambda where, _: _cloud(where).kill_api(),
    "restart-api": lambda where, options: _cloud(where).restart_api(
        accounts=options.accounts, controller=options.controller
    ),
}


def table(status: dict[str, Any]) -> str:
    """A status as people read it."""
    api, aws = status["api_server"], status["aws"]
    lines = [
        f"{status['name']}: {'ready' if status['ready'] else 'starting'}, "
        f"engine {status['engine']}, {status['memory_mib']} MiB",
        f"  API server  {api['url']}  {api['state']}",
        f"  AWS         {aws['url']}  {aws['state']}"
        + (f", no capacity for {' '.join(aws['refused'])}" if aws["refused"] else ""),
    ]
    lines += [
        f"  {instance['id']}  {instance['ip']}  {instance['type']:<13}"
        f"{instance['gpu'] or '-':<9} {instance['region']}  {instance['state']:<10}"
        f"{'spot' if instance['spot'] else 'on-demand'}  host {instance['host']}  "
        f"{instance['memory_mib']} MiB  {instance['tags'].get('Name', '')}"
        for instance in status["instances"]
    ]
    return "\n".join(lines)


def _cloud(where: place.Place) -> control.Cloud:
    return control.Cloud(where.name, where.net, cache=where.cache)


def _as_root(where: place.Place, *arguments: str) -> None:
    """Return as root; as anyone else, run the same command again through sudo."""
    requirements.check_platform()
    if os.geteuid() == 0:
        return
    _through_sudo(
        [
            *(sys.executable, "-m", "local", *arguments),
            *("--name", where.name, "--cache", str(where.cache)),
        ]
    )


def _through_sudo(command: list[str]) -> NoReturn:
    if shutil.which("sudo") is None:
        raise place.CloudError("it needs root, and there is no sudo: run it as root")
    silent = subprocess.run(["sudo", "-n", "true"], capture_output=True, check=False)
    if silent.returncode and not sys.stdin.isatty():
        raise place.CloudError("it needs root, and sudo asks for a password: run sudo -v first")
    print("embedded cloud: namespaces and mounts need root, going on through sudo", flush=True)
    environment = {name: os.environ[name] for name in _KEPT_BY_SUDO if name in os.environ} | {
        "PYTHONDONTWRITEBYTECODE": "1"  # no files of root's in the user's folders
    }
    os.chdir(place.REPOSITORY)
    os.execvp(  # noqa: S606 (this process has no more to do)
        "sudo",
        ["sudo", "env", *(f"{name}={value}" for name, value in environment.items()), *command],
    )
