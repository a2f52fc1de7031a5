"""The command `pulumi-skypilot`.

Each subcommand is a module of this room, listed in commands.py. A subcommand reads a stack's file
or state, calls the rooms below, and prints. To add one, write its module and add it to the list.
convert/ turns what others write (a SkyPilot task, a Hugging Face config) into a deployment or a
facts file, and a deployment into a SkyPilot task.
"""

import argparse
import sys
from collections.abc import Sequence

from .. import errors
from . import commands


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand and return its exit code: 2 after a line on stderr for each mistake."""
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
        description="Open models on vLLM, through SkyPilot, as Pulumi has it.",
    )
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    for command in commands.ALL:
        one = subparsers.add_parser(command.name, help=command.help, description=command.help)
        command.arguments(one)
        one.set_defaults(run=command.run)
    return parser
