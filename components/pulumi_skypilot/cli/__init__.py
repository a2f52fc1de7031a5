"""The command `pulumi-skypilot`.

Each subcommand is a module of this room, listed in commands.py. A subcommand reads a stack's file
or state, calls the rooms above it, and prints. To add one, write its module and add it to the list.
convert/ turns a SkyPilot task into a deployment, a deployment into a SkyPilot task, and a model's
files on Hugging Face into a facts file.
"""

import argparse
import importlib.metadata
import shutil
import sys
import textwrap
from collections.abc import Sequence

from .. import errors
from . import commands

INTERRUPTED = 130
"""The exit code of a command that Ctrl-C has stopped, as shells have it."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand and return its exit code; on a mistake, report it and return 2.

    A command may also return 1: it was asked well, and the answer is no.
    """
    given = parser().parse_args(argv)
    try:
        return given.run(given) or 0
    except commands.Wrong as error:
        for line in error.lines:
            sys.stderr.write(f"pulumi-skypilot: {line}\n")
        return error.code
    except errors.CatalogError as error:
        sys.stderr.write(f"pulumi-skypilot: {error}\n")
    except KeyboardInterrupt:
        return INTERRUPTED
    return 2


def parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    whole = argparse.ArgumentParser(
        prog="pulumi-skypilot",
        description="Tools for stacks that serve open models with vLLM on SkyPilot.",
    )
    whole.add_argument(
        "--version", action=_Version, nargs=0, help="print the versions that matter, and end"
    )
    subparsers = whole.add_subparsers(metavar="COMMAND", required=True)
    for command in commands.ALL:
        subparser = subparsers.add_parser(
            command.name,
            help=command.help,
            description=_filled(command.help),
            epilog=_examples(command),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.arguments(subparser)
        subparser.set_defaults(run=command.run, parser=whole)
    return whole


class _Version(argparse.Action):
    """Prints versions, which it reads only then."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        names = {"pulumi-skypilot": "", "skypilot": "SkyPilot ", "pulumi": "Pulumi SDK "}
        told = [f"{label}{importlib.metadata.version(name)}" for name, label in names.items()]
        python = ".".join(map(str, sys.version_info[:3]))
        sys.stdout.write(f"{parser.prog} {', '.join(told)}, Python {python}\n")
        parser.exit()


def _filled(text: str) -> str:
    """Return a description in lines as long as those of argparse, which leaves examples alone."""
    return textwrap.fill(text, shutil.get_terminal_size().columns - 2)


def _examples(command: commands.Command) -> str:
    """Return the end of a command's help."""
    wide = max((len(line) for line in command.examples), default=0)
    lines = [f"  {line:<{wide}}   {meaning}" for line, meaning in command.examples.items()]
    parts = ["\n".join(["examples:", *lines])] * bool(lines)
    return "\n\n".join([*parts, *([_filled(command.codes)] * bool(command.codes))])
