"""The source of a subcommand's prices: the API server, a file, or none."""

import argparse
import json
import pathlib
import sys
import typing
from collections.abc import Mapping, Sequence

from .. import skypilot, spec
from ..lifecycle import server_query
from ..plan import cost
from ..skypilot import credentials
from ..spec import budget, own_prices, server_settings
from .command import Wrong


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments that choose the source."""
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--offline", action="store_true", help="ask no server; costs are unknown")
    source.add_argument(
        "--prices", metavar="FILE", type=pathlib.Path,
        help="use the prices that an earlier --save-prices wrote",
    )  # fmt: skip
    parser.add_argument(
        "--save-prices", metavar="FILE", type=pathlib.Path,
        help="write the API server's prices to a file",
    )  # fmt: skip


def prices(
    given: argparse.Namespace,
    specs: Sequence[spec.Spec],
    server: server_settings.Server,
    settings: Mapping[str, typing.Any],
    limits: budget.Budget = budget.NONE,
    *,
    own: own_prices.OwnPrices = own_prices.NONE,
) -> cost.Prices:
    """Return the prices for these deployments. Raises Wrong if the file holds none.

    Waits longer for a busy server if a budget depends on its answer. `settings` is the stack's
    config by full names, which may hold a token.
    """
    if given.prices:
        return kept(given.prices, own)
    connection = skypilot.Connection(
        server.api_server or skypilot.DEFAULT_URL, server.workspace, credentials.token(settings)
    )
    questions = {"prices": cost.question(specs)}
    offline = given.offline or server_query.offline() or not specs
    unread = credentials.unread(settings)
    if unread is not None and not offline:
        _tell(unread)
    patience = server_query.THOROUGH if limits else server_query.QUICK
    answers = server_query.ask(
        connection, questions, offline=offline, patience=patience, tell=_tell
    )
    answer = answers["prices"]
    if given.save_prices:
        given.save_prices.write_text(f"{json.dumps(answer, indent=1)}\n", "utf-8")
    return cost.read(answer, own)


def _tell(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def kept(path: pathlib.Path, own: own_prices.OwnPrices = own_prices.NONE) -> cost.Prices:
    """Return the prices in a file. Raises Wrong."""
    try:
        return cost.read(json.loads(path.read_text("utf-8")), own)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise Wrong(f"{path}: not a file of prices ({error})") from None
