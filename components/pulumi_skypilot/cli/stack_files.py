"""The deployments that a subcommand works on: of a stack of this project, or in a file."""

import argparse
import dataclasses
import pathlib
import typing
from collections.abc import Iterable, Mapping

from ..spec import UNKNOWN, stack
from . import files
from .command import Wrong


@dataclasses.dataclass(frozen=True)
class Source:
    """Deployments as written, and what stands beside them."""

    where: str
    """How a user calls the place."""
    stack: stack.Stack
    settings: Mapping[str, typing.Any]
    """All of the config, by full names."""

    def lines(self, lines: Iterable[str]) -> tuple[str, ...]:
        """Return the lines of a preview, which name a setting; those of a plain file name that."""
        if self.stack.namespace:
            return tuple(lines)
        return tuple(f"{self.where}: {line}" for line in lines)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare where they are."""
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--stack", metavar="STACK", help="of the Pulumi project in this folder")
    source.add_argument(
        "--file", metavar="FILE", type=pathlib.Path, help="a deployment, or what import printed"
    )


def read(given: argparse.Namespace, key: str | None = None) -> Source:
    """Return the deployments; a lone one in a file is called `key`. Raises Wrong."""
    return _of_stack(given.stack) if given.stack else _of_file(given.file, key)


def _of_stack(name: str) -> Source:
    project = files.project(pathlib.Path.cwd())
    if project is None:
        raise Wrong(
            "there is no Pulumi.yaml in this folder or above it; go to the project's folder"
        )
    config = files.stack(project, name)
    full = f"{project.name}:deployments"
    if config.settings.get(full) is UNKNOWN:
        raise Wrong(
            f"{full}: the whole table is encrypted in stack {name}; write it to a file with "
            "`pulumi config get` and use --file"
        )
    found = stack.read(config.settings, project.name, name, partial=config.partial)
    return Source(f"stack {name}", found, config.settings)


def _of_file(path: pathlib.Path, key: str | None) -> Source:
    content = files.pulumi_config(path)
    if "model" in content:
        return Source(str(path), stack.of_tables({key or "model": content}), {})
    config = content.get("config", content)
    if not isinstance(config, Mapping) or not config:
        raise Wrong(f"{path}: it holds neither a deployment nor a table of them")
    namespace = next((name[: -len(_TABLE)] for name in config if name.endswith(_TABLE)), None)
    if namespace is not None:
        found = dataclasses.replace(stack.read(config, namespace, partial=True), prefix="")
        return Source(str(path), found, config)
    if not all(table is None or isinstance(table, Mapping) for table in config.values()):
        raise Wrong(f"{path}: it holds neither a deployment nor a table of them")
    return Source(str(path), stack.of_tables(config), {})


_TABLE = ":deployments"
