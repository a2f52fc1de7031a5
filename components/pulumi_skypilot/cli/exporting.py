"""`pulumi-skypilot export`: the SkyPilot task of a deployment."""

import argparse
import dataclasses
import sys

from .. import spec
from ..plan import stack_plans, task
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
    source = stack_files.read(given, given.key)
    all_ = source.stack.deployments
    key = given.key or (next(iter(all_)) if len(all_) == 1 else None)
    if key is None or key not in all_:
        listed = ", ".join(all_) or "none"
        wrong = f"no deployment {key}" if key else "which deployment?"
        raise Wrong(f"{source.where}: {wrong}; there is {listed}")
    # A preview refuses all that is wrong in a stack; for its task one deployment must be readable.
    alone = dataclasses.replace(source.stack, deployments={key: all_[key]}, mistakes=())
    read = stack_plans.read(alone)
    if read.mistakes:
        raise Wrong(*source.lines(read.mistakes))
    for line in read.misfits:
        sys.stderr.write(f"a preview refuses it: {line}\n")
    for line in source.stack.mistakes:
        sys.stderr.write(f"a preview of all of it fails: {line}\n")
    content = to_task.content(read.plans[key])
    encrypted = [name for name, value in read.plans[key].spec.env.items() if value is spec.UNKNOWN]
    sys.stdout.write(task.text(content))
    secrets = [name for name, value in content.get("secrets", {}).items() if value is None]
    for option, names in (("--env", encrypted), ("--secret", secrets)):
        for name in names:
            sys.stderr.write(f"to do: to launch it by hand, pass {option} {name}\n")
