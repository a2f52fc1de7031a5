"""The command `pulumi-skypilot`; its subcommands are in commands/."""

import argparse
import sys
from collections.abc import Sequence

from .. import catalog
from . import commands


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand and return its exit code: 2 after a line on stderr for each mistake."""
    arguments = _parser().parse_args(argv)
    try:
        return arguments.run(arguments) or 0
    except commands.Wrong as error:
        for line in error.lines:
            sys.stderr.write(f"pulumi-skypilot: {line}\n")
    except catalog.WrongFile as error:
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
