"""`pulumi-skypilot export`: the SkyPilot task of a deployment."""

import argparse
import pathlib
import sys
import typing
from collections.abc import Mapping

from .. import exporting, spec, stack, task
from . import files
from .command import Wrong


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what it takes."""
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--stack", metavar="STACK", help="of the Pulumi project in this folder")
    source.add_argument(
        "--file", metavar="FILE", type=pathlib.Path, help="a deployment, or what import printed"
    )
    parser.add_argument(
        "key", metavar="KEY", nargs="?", help="of the deployment, where there are several"
    )


def run(given: argparse.Namespace) -> None:
    """Print the task. Raises Wrong."""
    if given.stack:
        where, tables, prefix = _of_stack(given.stack)
    else:
        where, tables, prefix = _of_file(given.file, given.key)
    key = given.key or (next(iter(tables)) if len(tables) == 1 else None)
    if key not in tables:
        listed = ", ".join(tables) or "none"
        raise Wrong(
            f"{where}: {f'no deployment {key}' if key else 'which deployment?'}; there is {listed}"
        )
    table, encrypted = _readable(tables[key])
    try:
        content = exporting.export(table, f"{prefix}{key}")
    except spec.SpecError as error:
        raise Wrong(*(f"{where}: {key}.{one.reason}" for one in error.problems)) from None
    content.get("envs", {}).update(dict.fromkeys(encrypted))
    sys.stdout.write(task.text(content))
    for option, names in (("--env", encrypted), ("--secret", content.get("secrets", {}))):
        for name in names:
            sys.stderr.write(f"to do: to launch it by hand, pass {option} {name}\n")


def _readable(table: Mapping[str, typing.Any]) -> tuple[dict[str, typing.Any], list[str]]:
    """The table without the env that is encrypted in the stack file, and the names of that."""
    env = table.get("env") or {}
    encrypted = [name for name, value in env.items() if isinstance(value, Mapping)]
    return {**table, "env": env | dict.fromkeys(encrypted, "")}, encrypted


def _of_stack(name: str) -> tuple[str, dict[str, typing.Any], str]:
    project = files.project(pathlib.Path.cwd())
    if project is None:
        raise Wrong(
            "there is no Pulumi.yaml in this folder or above it; go to the project's folder"
        )
    config = files.stack(project, name)
    shared, own = (config.get(f"{project.name}:{key}") or {} for key in ("shared", "deployments"))
    if not isinstance(own, dict) or not isinstance(shared, dict) or not (own or shared):
        raise Wrong(f"{project.name}:deployments: stack {name} has no table of deployments")
    if "secure" in own:
        raise Wrong(
            f"{project.name}:deployments: the whole table is encrypted in stack {name}; write it "
            "to a file with `pulumi config get` and use --file"
        )
    prefix = config.get(f"{project.name}:prefix") or name
    return f"stack {name}", stack.merged(shared, own), f"{prefix}-"


def _of_file(path: pathlib.Path, key: str | None) -> tuple[str, dict[str, typing.Any], str]:
    content = files.read(path)
    if "model" in content:
        return str(path), {key or "model": content}, ""
    config = content.get("config", content)
    tables = next(
        (value for name, value in config.items() if name.endswith(":deployments")), config
    )
    if not isinstance(tables, Mapping) or not all(isinstance(v, Mapping) for v in tables.values()):
        raise Wrong(f"{path}: it holds neither a deployment nor a table of them")
    return str(path), dict(tables), ""
