"""The command `pulumi-skypilot`.

Each subcommand is a module of this room, listed in commands.py. A subcommand reads a stack's file
or state, calls the rooms above it, and prints. To add one, write its module and add it to the list.
convert/ turns a SkyPilot task into a deployment, a deployment into a SkyPilot task, and a model's
files on Hugging Face into a facts file.
"""

import argparse
import sys
from collections.abc import Sequence

from .. import errors
from . import commands


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand and return its exit code; on a mistake, report it and return 2."""
    arguments = _parser().parse_args(argv)
    try:
        return arguments.run(arguments) or 0
    except commands.Wrong as error:
        for line in error.lines:
            sys.stderr.write(f"pulumi-skypilot: {line}\n")
    except errors.CatalogError as error:
        sys.stderr.write(f"pulumi-skypilot: {error}\n")
    return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pulumi-skypilot",
        description="Tools for stacks that serve open models with vLLM on SkyPilot.",
    )
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    for command in commands.ALL:
        subparser = subparsers.add_parser(command.name, help=command.help, description=command.help)
        command.arguments(subparser)
        subparser.set_defaults(run=command.run)
    return parser
