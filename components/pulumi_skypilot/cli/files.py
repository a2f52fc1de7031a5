"""The YAML files that subcommands read: stack files, project files, tasks."""

import dataclasses
import pathlib
import re
import typing
from collections.abc import Mapping

import yaml

from ..spec import UNKNOWN
from .command import Wrong


@dataclasses.dataclass(frozen=True)
class Project:
    """A Pulumi project on disk: its name, stack files and default config."""

    name: str
    """Also the namespace of its config."""
    stacks: pathlib.Path
    """The folder of its stack files."""
    defaults: Mapping[str, typing.Any]
    """The project's own config, which applies to every stack."""


class _PulumiLoader(yaml.SafeLoader):
    """Reads YAML as Pulumi does: only true and false are booleans, and dates are text."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - as PyYAML has it
        first: [
            (tag, pattern)
            for tag, pattern in resolvers
            if tag not in ("tag:yaml.org,2002:bool", "tag:yaml.org,2002:timestamp")
        ]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


_PulumiLoader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile("true|True|TRUE|false|False|FALSE"), list("tTfF")
)


def read(
    path: pathlib.Path, loader: type[yaml.SafeLoader] = yaml.SafeLoader
) -> dict[str, typing.Any]:
    """Return the table in a YAML file. Raises Wrong."""
    try:
        content = yaml.load(path.read_text("utf-8"), loader)  # noqa: S506 - both loaders are safe
    except OSError as error:
        raise Wrong(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Wrong(f"{path}: not a text file; write it as UTF-8") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f", line {mark.line + 1}" if mark else ""
        raise Wrong(
            f"{path}{place}: {getattr(error, 'problem', None) or 'not valid YAML'}"
        ) from None
    if not isinstance(content, dict):
        raise Wrong(f"{path}: expected a table")
    return content


def project(start: pathlib.Path) -> Project | None:
    """Return the project of a folder or its parents; None without one. Raises Wrong."""
    for folder in (start, *start.parents):
        path = folder / "Pulumi.yaml"
        if path.is_file():
            content = read(path, _PulumiLoader)
            stacks = folder / str(content.get("stackConfigDir") or ".")
            name = str(content.get("name"))
            return Project(name, stacks, _defaults(name, content.get("config") or {}))
    return None


@dataclasses.dataclass(frozen=True)
class Config:
    """The part of a stack's config that is in files."""

    settings: Mapping[str, typing.Any]
    """By full name, with the project's own; UNKNOWN for an encrypted value."""
    partial: bool
    """True if a Pulumi ESC environment adds values, which are in no file."""


def stack(project: Project, name: str) -> Config:
    """Return the config of a stack, with the project's own. Raises Wrong."""
    path = project.stacks / f"Pulumi.{name}.yaml"
    if not path.is_file():
        known = sorted(file.name.split(".")[1] for file in project.stacks.glob("Pulumi.*.yaml"))
        stacks = (
            f"the project has the stacks {', '.join(known)}"
            if known
            else ("the project has no stack files")
        )
        raise Wrong(f"{path}: no such file; {stacks}")
    content = read(path, _PulumiLoader)
    settings = {**project.defaults, **(content.get("config") or {})}
    return Config(opened(settings), partial="environment" in content)


def pulumi_config(path: pathlib.Path) -> dict[str, typing.Any]:
    """Return the table in a file that Pulumi reads, or a part of one. Raises Wrong."""
    return {str(key): opened(item) for key, item in read(path, _PulumiLoader).items()}


def opened(value: typing.Any) -> typing.Any:
    """Return a config value with UNKNOWN in place of each part that Pulumi has encrypted."""
    if isinstance(value, Mapping):
        if set(value) == {"secure"}:
            return UNKNOWN
        return {key: opened(item) for key, item in value.items()}
    return [opened(item) for item in value] if isinstance(value, list) else value


def _defaults(namespace: str, config: Mapping[str, typing.Any]) -> dict[str, typing.Any]:
    """Return a project's config by full keys; a value stands alone or under `value` or `default`.

    Pulumi 3.259 reads it so (sdk/go/common/workspace/config.go, mergeConfig).
    """
    defaults = {}
    for key, item in config.items():
        declared = item if isinstance(item, Mapping) else {"value": item}
        value = declared.get("value", declared.get("default"))
        if value is not None:
            defaults[key if ":" in key else f"{namespace}:{key}"] = value
    return defaults
