"""`pulumi-skypilot export`: the SkyPilot task of a deployment."""

import argparse
import sys

from .. import errors
from ..plan import task
from . import stack_files
from .command import Wrong
from .convert import to_task


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what it takes."""
    stack_files.arguments(parser)
    parser.add_argument(
        "key", metavar="KEY", nargs="?", help="of the deployment, where there are several"
    )


def run(given: argparse.Namespace) -> None:
    """Print the task. Raises Wrong."""
    found = stack_files.read(given, given.key)
    all_ = found.deployments
    key = given.key or (next(iter(all_)) if len(all_) == 1 else None)
    if key is None or key not in all_:
        listed = ", ".join(all_) or "none"
        wrong = f"no deployment {key}" if key else "which deployment?"
        raise Wrong(f"{found.where}: {wrong}; there is {listed}")
    table, encrypted = stack_files.readable(all_[key])
    try:
        content = to_task.export(table, f"{found.prefix}{key}")
    except errors.SpecError as error:
        raise Wrong(*(f"{found.where}: {key}.{one.reason}" for one in error.problems)) from None
    try:
        to_task.export(table, f"{found.prefix}{key}", must_fit=True)
    except errors.SpecError as error:
        for one in error.problems:
            sys.stderr.write(f"a preview refuses it: {key}.{one.reason}\n")
    content.get("envs", {}).update(dict.fromkeys(encrypted))
    sys.stdout.write(task.text(content))
    secrets = [name for name, value in content.get("secrets", {}).items() if value is None]
    for option, names in (("--env", encrypted), ("--secret", secrets)):
        for name in names:
            sys.stderr.write(f"to do: to launch it by hand, pass {option} {name}\n")
