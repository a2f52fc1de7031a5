"""Reads the YAML files that subcommands work on."""

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
    """A Pulumi project on disk, as far as its stack files go."""

    name: str
    """Which is the namespace of its config."""
    stacks: pathlib.Path
    """The folder of its stack files."""
    defaults: Mapping[str, typing.Any]
    """The project's own config, which counts for every stack."""


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
        found = yaml.load(path.read_text("utf-8"), loader)  # noqa: S506 - both are safe ones
    except OSError as error:
        raise Wrong(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Wrong(f"{path}: it is not a text") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f", line {mark.line + 1}" if mark else ""
        raise Wrong(
            f"{path}{place}: {getattr(error, 'problem', None) or 'it is not YAML'}"
        ) from None
    if not isinstance(found, dict):
        raise Wrong(f"{path}: it holds no table")
    return found


def project(start: pathlib.Path) -> Project | None:
    """The project that a folder is in, if it is in one. Raises Wrong."""
    for folder in (start, *start.parents):
        path = folder / "Pulumi.yaml"
        if path.is_file():
            found = read(path, _PulumiLoader)
            stacks = folder / str(found.get("stackConfigDir") or ".")
            name = str(found.get("name"))
            return Project(name, stacks, _defaults(name, found.get("config") or {}))
    return None


@dataclasses.dataclass(frozen=True)
class Config:
    """The config of a stack, as far as it is in files."""

    settings: Mapping[str, typing.Any]
    """By full name, the project's own among them; UNKNOWN for what is encrypted."""
    partial: bool
    """Whether an environment of Pulumi ESC adds to it, which is not in a file."""


def stack(found: Project, name: str) -> Config:
    """Return the config of a stack, with the project's own. Raises Wrong."""
    path = found.stacks / f"Pulumi.{name}.yaml"
    if not path.is_file():
        known = sorted(one.name.split(".")[1] for one in found.stacks.glob("Pulumi.*.yaml"))
        there = f"stacks there are {', '.join(known)}" if known else "there are no stack files"
        raise Wrong(f"{path}: no such file; {there}")
    content = read(path, _PulumiLoader)
    settings = {**found.defaults, **(content.get("config") or {})}
    return Config(opened(settings), partial="environment" in content)


def pulumi_config(path: pathlib.Path) -> dict[str, typing.Any]:
    """Return the table in a file that Pulumi reads, or a part of one. Raises Wrong."""
    return {str(key): opened(item) for key, item in read(path, _PulumiLoader).items()}


def opened(value: typing.Any) -> typing.Any:
    """Return a value of a config with UNKNOWN for each part that Pulumi has encrypted."""
    if isinstance(value, Mapping):
        if set(value) == {"secure"}:
            return UNKNOWN
        return {key: opened(item) for key, item in value.items()}
    return [opened(item) for item in value] if isinstance(value, list) else value


def _defaults(namespace: str, config: Mapping[str, typing.Any]) -> dict[str, typing.Any]:
    """A project's config by full keys; a value is written out, or under `value` or `default`.

    As Pulumi 3.259 reads it (sdk/go/common/workspace/config.go, mergeConfig).
    """
    found = {}
    for key, item in config.items():
        declared = item if isinstance(item, Mapping) else {"value": item}
        value = declared.get("value", declared.get("default"))
        if value is not None:
            found[key if ":" in key else f"{namespace}:{key}"] = value
    return found
