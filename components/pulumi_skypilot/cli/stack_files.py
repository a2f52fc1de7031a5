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
    """Deployments as written, and the config beside them."""

    where: str
    """The stack or file, as messages name it."""
    stack: stack.Stack
    settings: Mapping[str, typing.Any]
    """All of the config, by full names."""

    def lines(self, lines: Iterable[str]) -> tuple[str, ...]:
        """Return a preview's lines; prefix those of a plain file, which has no setting to name."""
        if self.stack.namespace:
            return tuple(lines)
        return tuple(f"{self.where}: {line}" for line in lines)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments that choose the source."""
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "--stack", metavar="STACK", help="stack of the Pulumi project in this folder"
    )
    source.add_argument(
        "--file", metavar="FILE", type=pathlib.Path,
        help="file of one deployment or of a table of them, such as `import` prints",
    )  # fmt: skip


def read(given: argparse.Namespace, key: str | None = None) -> Source:
    """Return the deployments; a single one in a file gets the name `key`. Raises Wrong."""
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
    read_stack = stack.read(config.settings, project.name, name, partial=config.partial)
    return Source(f"stack {name}", read_stack, config.settings)


def _of_file(path: pathlib.Path, key: str | None) -> Source:
    content = files.pulumi_config(path)
    if "model" in content:
        return Source(str(path), stack.of_tables({key or "model": content}), {})
    config = content.get("config", content)
    if not isinstance(config, Mapping) or not config:
        raise Wrong(f"{path}: it holds neither a deployment nor a table of them")
    namespace = next((name[: -len(_TABLE)] for name in config if name.endswith(_TABLE)), None)
    if namespace is not None:
        read_stack = dataclasses.replace(stack.read(config, namespace, partial=True), prefix="")
        return Source(str(path), read_stack, config)
    if not all(table is None or isinstance(table, Mapping) for table in config.values()):
        raise Wrong(f"{path}: it holds neither a deployment nor a table of them")
    return Source(str(path), stack.of_tables(config), {})


_TABLE = ":deployments"
