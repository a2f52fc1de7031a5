"""Reads the YAML files that subcommands work on."""

import dataclasses
import pathlib
import typing
from collections.abc import Mapping

import yaml

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


def read(path: pathlib.Path) -> dict[str, typing.Any]:
    """The table in a YAML file. Raises Wrong."""
    try:
        found = yaml.safe_load(path.read_text("utf-8"))
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
            found = read(path)
            stacks = folder / str(found.get("stackConfigDir") or ".")
            name = str(found.get("name"))
            return Project(name, stacks, _defaults(name, found.get("config") or {}))
    return None


def stack(found: Project, name: str) -> Mapping[str, typing.Any]:
    """The config of a stack, with the project's own. Raises Wrong."""
    path = found.stacks / f"Pulumi.{name}.yaml"
    if not path.is_file():
        known = sorted(one.name.split(".")[1] for one in found.stacks.glob("Pulumi.*.yaml"))
        there = f"stacks there are {', '.join(known)}" if known else "there are no stack files"
        raise Wrong(f"{path}: no such file; {there}")
    return {**found.defaults, **(read(path).get("config") or {})}


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
