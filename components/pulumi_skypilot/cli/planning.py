"""`pulumi-skypilot plan`: what a stack's deployments come to, without Pulumi."""

import argparse
import json
import sys
from collections.abc import Sequence

from rich import box, table

from ..plan import budget_check, cost, stack_plans
from ..report import summary, wording
from ..skypilot import credentials
from . import pricing, screens, stack_files
from .command import Wrong


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what it takes."""
    stack_files.arguments(parser)
    parser.add_argument("--json", action="store_true", help="for machines")
    pricing.arguments(parser)


def run(given: argparse.Namespace) -> None:
    """Print the table, and what to know of each deployment.

    Raises Wrong, after that too: for a budget that does not hold, or cannot be checked.
    """
    source = stack_files.read(given)
    stack = source.stack
    read = stack_plans.read(stack, service_account=credentials.has_token(source.settings))
    for line in source.lines(stack.warnings):
        sys.stderr.write(f"{line}\n")
    wrong = source.lines((*read.mistakes, *read.misfits))
    if wrong:
        raise Wrong(*wrong)
    specs = [one.spec for one in read.plans.values()]
    prices = pricing.prices(given, specs, stack.server, source.settings, stack.limits)
    found = summary.planned(read.plans, prices)
    if given.json:
        sys.stdout.write(f"{json.dumps(summary.data(found), indent=2)}\n")
    else:
        _show(found)
    verdict = budget_check.check({one.name: one.cost for one in found}, stack.limits)
    for line in verdict.warnings if given.json else (*verdict.warnings, *verdict.kept):
        sys.stderr.write(f"{line}\n")
    if verdict.errors:
        sys.stdout.flush()
        raise Wrong(*verdict.errors)


def rows(deployments: Sequence[summary.Planned]) -> table.Table:
    """Return the table of a terminal: a row for each deployment."""
    shown = table.Table(box=box.SIMPLE_HEAD)
    for column in ("deployment", "model", "machines", "replicas", "fit"):
        shown.add_column(column, overflow="fold")
    for column in ("USD/h, fewest", "USD/h, most"):
        shown.add_column(column, justify="right")
    for deployment in deployments:
        wanted = deployment.plan.spec
        shown.add_row(
            deployment.name,
            wanted.model,
            wording.machines(wanted),
            wording.replicas(wanted),
            summary.verdicts(deployment),
            cost.shown(deployment.cost.fewest),
            cost.shown(deployment.cost.most),
        )
    return shown


def _show(found: Sequence[summary.Planned]) -> None:
    screen = screens.screen()
    screen.print(rows(found))
    for one in found:
        notes = [
            *(f"not checked: {reason}" for reason in one.plan.unchecked),
            *one.plan.disk,
            *one.plan.notes,
            *one.cost.notes,
            *([one.cost.unknown] if one.cost.unknown else []),
        ]
        for note in dict.fromkeys(notes):
            screen.print(f"{one.name}: {note}", markup=False, highlight=False, soft_wrap=True)
