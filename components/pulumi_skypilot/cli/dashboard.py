"""`pulumi-skypilot open`: SkyPilot's dashboard of the stack's API server."""

import argparse
import sys
import webbrowser

from .. import skypilot
from . import live

_PATH = "/dashboard"
"""Where an API server has its dashboard (sky/server/common.py, get_dashboard_url)."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `open`."""
    live.arguments(parser, one=False)
    parser.add_argument(
        "--print", dest="only_print", action="store_true", help="print the address and open nothing"
    )


def run(given: argparse.Namespace) -> None:
    """Print the address of each API server's dashboard, and open it in a browser if there is one.

    Raises Wrong.
    """
    scopes = (deployment.kept.scope for deployment in live.deployments(given.stack))
    servers = dict.fromkeys(scope["apiServer"] for scope in scopes if scope)
    for server in servers or [skypilot.DEFAULT_URL]:
        url = f"{server.rstrip('/')}{_PATH}"
        sys.stdout.write(f"{live.shown(url)}\n")
        sys.stdout.flush()
        if not given.only_print:
            webbrowser.open(url)
