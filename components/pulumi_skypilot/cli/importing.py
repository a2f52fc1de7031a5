"""`pulumi-skypilot import FILE`: a SkyPilot task becomes a deployment."""

import argparse
import pathlib
import sys

from .. import errors
from . import files
from .command import Wrong
from .convert import from_task, to_task


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what it takes."""
    parser.add_argument("file", metavar="FILE", type=pathlib.Path, help="a SkyPilot task's YAML")
    parser.add_argument("--name", metavar="KEY", help="of the deployment; default: the task's name")


def run(given: argparse.Namespace) -> None:
    """Print the deployment, and what of the task it does not say. Raises Wrong."""
    content = files.read(given.file)
    try:
        found = from_task.deployment(content)
    except errors.UnreadableTask as error:
        raise Wrong(f"{given.file}: {error}") from None
    key = given.name or from_task.key(content, given.file.name)
    project = files.project(pathlib.Path.cwd())
    sys.stdout.write(from_task.text(key, found, project=project.name if project else "llm"))
    for remark in found.remarks:
        sys.stderr.write(f"{remark}\n")
    try:
        to_task.export(found.table, key, must_fit=True)
    except errors.SpecError as error:
        lines = [f"{key}.{problem.reason}" for problem in error.problems]
        raise Wrong("as it stands a preview refuses it:", *lines) from None
