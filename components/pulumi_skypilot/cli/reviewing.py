"""`pulumi-skypilot review`: the report of a preview for a pull request."""

import argparse
import json
import pathlib
import sys

from ..report import markdown, preview_json
from ..spec import server_settings
from . import pricing
from .command import Wrong


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what it takes."""
    parser.add_argument(
        "file", metavar="FILE", help="what `pulumi preview --json --show-sames` wrote; - is stdin"
    )
    pricing.arguments(parser)


def run(given: argparse.Namespace) -> None:
    """Print the report as Markdown. Raises Wrong."""
    try:
        text = (
            sys.stdin.read() if given.file == "-" else pathlib.Path(given.file).read_text("utf-8")
        )
        seen = preview_json.read(json.loads(text))
    except OSError as error:
        raise Wrong(f"{given.file}: {error.strerror}") from None
    except json.JSONDecodeError as error:
        raise Wrong(
            f"{given.file}, line {error.lineno}: it is not JSON; write it with "
            "`pulumi preview --json`"
        ) from None
    except preview_json.Unreadable as error:
        raise Wrong(f"{given.file}: {error}") from None
    sides = [side for one in seen.deployments for side in (one.before, one.after) if side]
    specs = [side.spec for side in sides]
    prices = pricing.prices(
        given, specs, server_settings.Server(seen.api_server, seen.workspace), {}
    )
    sys.stdout.write(markdown.markdown(seen, prices))
