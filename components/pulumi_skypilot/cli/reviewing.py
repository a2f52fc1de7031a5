"""`pulumi-skypilot review`: a report of a preview for a pull request."""

import argparse
import json
import pathlib
import sys

from ..report import markdown, preview_json
from ..spec import server_settings
from . import pricing
from .command import Wrong


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `review`."""
    parser.add_argument(
        "file", metavar="FILE",
        help="output of `pulumi preview --json --show-sames`; - reads stdin",
    )  # fmt: skip
    pricing.arguments(parser)


def run(given: argparse.Namespace) -> None:
    """Print the report as Markdown. Raises Wrong."""
    try:
        text = (
            sys.stdin.read() if given.file == "-" else pathlib.Path(given.file).read_text("utf-8")
        )
        preview = preview_json.read(json.loads(text))
    except OSError as error:
        raise Wrong(f"{given.file}: {error.strerror}") from None
    except json.JSONDecodeError as error:
        raise Wrong(
            f"{given.file}, line {error.lineno}: not JSON; write it with `pulumi preview --json`"
        ) from None
    except preview_json.Unreadable as error:
        raise Wrong(f"{given.file}: {error}") from None
    sides = [
        side
        for deployment in preview.deployments
        for side in (deployment.before, deployment.after)
        if side
    ]
    specs = [side.spec for side in sides]
    prices = pricing.prices(
        given,
        specs,
        server_settings.Server(preview.api_server, preview.workspace),
        {},
        own=preview.own,
    )
    sys.stdout.write(markdown.markdown(preview, prices))
