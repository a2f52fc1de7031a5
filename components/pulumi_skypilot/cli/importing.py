"""`pulumi-skypilot import FILE`: a SkyPilot task becomes a deployment."""

import argparse
import pathlib
import sys

from .. import errors
from . import files
from .command import Wrong
from .convert import from_task, to_task


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `import`."""
    parser.add_argument(
        "file", metavar="FILE", type=pathlib.Path, help="YAML file of a SkyPilot task"
    )
    parser.add_argument(
        "--name", metavar="KEY", help="name of the deployment; default: the task's name"
    )


def run(given: argparse.Namespace) -> None:
    """Print the deployment, and remarks on what it does not carry over. Raises Wrong."""
    content = files.read(given.file)
    try:
        imported = from_task.deployment(content)
    except errors.UnreadableTask as error:
        raise Wrong(f"{given.file}: {error}") from None
    key = given.name or from_task.key(content, given.file.name)
    project = files.project(pathlib.Path.cwd())
    sys.stdout.write(from_task.text(key, imported, project=project.name if project else "llm"))
    for remark in imported.remarks:
        sys.stderr.write(f"{remark}\n")
    try:
        to_task.export(imported.table, key, must_fit=True)
    except errors.SpecError as error:
        lines = [f"{key}.{problem.reason}" for problem in error.problems]
        raise Wrong("a preview refuses this deployment:", *lines) from None
