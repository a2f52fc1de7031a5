"""The deployments that a subcommand works on: of a stack of this project, or in a file."""

import argparse
import dataclasses
import pathlib
import typing
from collections.abc import Mapping

from .. import errors
from ..spec import budget, stack
from . import files
from .command import Wrong


@dataclasses.dataclass(frozen=True)
class Tables:
    """Deployments as written, and what stands beside them."""

    where: str
    """How a user calls the place."""
    deployments: Mapping[str, Mapping[str, typing.Any]]
    prefix: str
    """What their names on the server begin with."""
    api_server: str | None = None
    workspace: str | None = None
    limits: budget.Budget = budget.NONE


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare where they are."""
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--stack", metavar="STACK", help="of the Pulumi project in this folder")
    source.add_argument(
        "--file", metavar="FILE", type=pathlib.Path, help="a deployment, or what import printed"
    )


def read(given: argparse.Namespace, key: str | None = None) -> Tables:
    """The deployments; a lone one in a file is called `key`. Raises Wrong."""
    return _of_stack(given.stack) if given.stack else _of_file(given.file, key)


def readable(table: Mapping[str, typing.Any]) -> tuple[dict[str, typing.Any], list[str]]:
    """The table without the env that is encrypted in the stack file, and the names of that."""
    env = table.get("env") or {}
    encrypted = [name for name, value in env.items() if isinstance(value, Mapping)]
    return {**table, "env": env | dict.fromkeys(encrypted, "")}, encrypted


def _of_stack(name: str) -> Tables:
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
    return Tables(
        where=f"stack {name}",
        deployments=stack.merged(shared, own),
        prefix=f"{config.get(f'{project.name}:prefix') or name}-",
        api_server=config.get("skypilot:apiServer"),
        workspace=config.get("skypilot:workspace"),
        limits=_limits(config, f"{project.name}:budget"),
    )


def _of_file(path: pathlib.Path, key: str | None) -> Tables:
    content = files.read(path)
    if "model" in content:
        return Tables(str(path), {key or "model": content}, "")
    config = content.get("config", content)
    found = next((value for name, value in config.items() if name.endswith(":deployments")), config)
    if not isinstance(found, Mapping) or not all(isinstance(v, Mapping) for v in found.values()):
        raise Wrong(f"{path}: it holds neither a deployment nor a table of them")
    budgets = [name for name in config if name.endswith(":budget")]
    return Tables(
        where=str(path),
        deployments=found,
        prefix="",
        api_server=config.get("skypilot:apiServer"),
        workspace=config.get("skypilot:workspace"),
        limits=_limits(config, budgets[0]) if budgets else budget.NONE,
    )


def _limits(config: Mapping[str, typing.Any], name: str) -> budget.Budget:
    """The budget under that full key. Raises Wrong."""
    try:
        return budget.read(config.get(name), name)
    except errors.BudgetError as error:
        raise Wrong(*error.lines) from None
