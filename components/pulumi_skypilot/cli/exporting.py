"""`pulumi-skypilot export`: the SkyPilot task of a deployment."""

import argparse
import dataclasses
import sys

from .. import spec
from ..plan import stack_plans, task
from . import stack_files
from .command import Wrong
from .convert import to_task
from .convert.from_task import own_export


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `export`."""
    stack_files.arguments(parser)
    parser.add_argument(
        "key", metavar="KEY", nargs="?", help="name of the deployment; needed if there are several"
    )


def run(given: argparse.Namespace) -> None:
    """Print the task of a deployment. Raises Wrong."""
    source = stack_files.read(given, given.key)
    deployments = source.stack.deployments
    key = given.key or (next(iter(deployments)) if len(deployments) == 1 else None)
    if key is None or key not in deployments:
        listed = ", ".join(deployments) or "none"
        problem = f"no deployment {key}" if key else "which deployment?"
        raise Wrong(f"{source.where}: {problem}; there is {listed}")
    # A preview refuses every mistake of a stack. To export, only this deployment must be readable.
    alone = dataclasses.replace(source.stack, deployments={key: deployments[key]}, mistakes=())
    read = stack_plans.read(alone)
    if read.mistakes:
        raise Wrong(*source.lines(read.mistakes))
    for line in read.misfits:
        sys.stderr.write(f"a preview refuses it: {line}\n")
    for line in source.stack.mistakes:
        sys.stderr.write(f"a preview of the whole stack fails: {line}\n")
    content = to_task.content(read.plans[key])
    encrypted = [name for name, value in read.plans[key].spec.env.items() if value is spec.UNKNOWN]
    volumes = {name: volume.name for name, volume in source.stack.volumes.items()}
    sys.stdout.write(own_export.comment(key, deployments[key], volumes) + task.text(content))
    secrets = [name for name, value in content.get("secrets", {}).items() if value is None]
    for option, names in (("--env", encrypted), ("--secret", secrets)):
        for name in names:
            sys.stderr.write(f"to do: to launch it by hand, pass {option} {name}\n")
