"""Where a subcommand has its prices from: the API server, a file, or nowhere."""

import argparse
import json
import os
import pathlib
import sys
from collections.abc import Sequence

from .. import providers, skypilot, spec
from ..lifecycle import server_query
from ..plan import cost
from ..spec import budget
from .command import Wrong


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the choice."""
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--offline", action="store_true", help="ask no server: cost is unknown")
    source.add_argument(
        "--prices", metavar="FILE", type=pathlib.Path, help="prices that --save-prices has kept"
    )
    parser.add_argument(
        "--save-prices", metavar="FILE", type=pathlib.Path, help="keep the server's answer"
    )


def prices(
    given: argparse.Namespace,
    specs: Sequence[spec.Spec],
    url: str | None,
    workspace: str | None,
    limits: budget.Budget = budget.NONE,
) -> cost.Prices:
    """The prices for these deployments. Raises Wrong for a file that holds none.

    A busy server is waited for longer where a budget depends on it.
    """
    if given.prices:
        return kept(given.prices)
    token = os.environ.get(providers.TOKEN_VARIABLE)
    connection = skypilot.Connection(url or skypilot.DEFAULT_URL, workspace, token)
    questions = {"prices": cost.question(specs)}
    offline = given.offline or server_query.offline() or not specs
    patience = server_query.THOROUGH if limits else server_query.QUICK
    answers = server_query.ask(
        connection, questions, offline=offline, patience=patience, tell=_tell
    )
    answer = answers["prices"]
    if given.save_prices:
        given.save_prices.write_text(f"{json.dumps(answer, indent=1)}\n", "utf-8")
    return cost.read(answer)


def _tell(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def kept(path: pathlib.Path) -> cost.Prices:
    """The prices in a file. Raises Wrong."""
    try:
        return cost.read(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise Wrong(f"{path}: it holds no prices ({error})") from None
