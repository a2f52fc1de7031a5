"""`pulumi-skypilot plan`: the machines, replicas and cost of a stack, without Pulumi."""

import argparse
import json
import sys
from collections.abc import Sequence

from rich import box, table

from ..plan import budget_check, stack_plans
from ..report import summary, wording
from ..skypilot import credentials
from . import pricing, screens, stack_files
from .command import Wrong


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `plan`."""
    stack_files.arguments(parser)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    pricing.arguments(parser)


def run(given: argparse.Namespace) -> None:
    """Print the table, and the notes of each deployment.

    Raises Wrong; after printing too, for a budget that is exceeded or cannot be checked.
    """
    source = stack_files.read(given)
    stack = source.stack
    read = stack_plans.read(stack, service_account=credentials.has_token(source.settings))
    for line in source.lines(stack.warnings):
        sys.stderr.write(f"{line}\n")
    mistakes = source.lines((*read.mistakes, *read.misfits))
    if mistakes:
        raise Wrong(*mistakes)
    for line in (*read.cautions, *read.notes):
        sys.stderr.write(f"{line}\n")
    specs = [plan.spec for plan in read.plans.values()]
    prices = pricing.prices(
        given, specs, stack.server, source.settings, stack.limits, own=stack.own_rates
    )
    planned = summary.planned(read.plans, prices)
    if given.json:
        sys.stdout.write(f"{json.dumps(summary.data(planned), indent=2)}\n")
    else:
        _show(planned)
    verdict = budget_check.check({plan.name: plan.cost for plan in planned}, stack.limits)
    for line in verdict.warnings if given.json else (*verdict.warnings, *verdict.kept):
        sys.stderr.write(f"{line}\n")
    if verdict.errors:
        sys.stdout.flush()
        raise Wrong(*verdict.errors)


def rows(deployments: Sequence[summary.Planned]) -> table.Table:
    """Return the table to print, with a row for each deployment."""
    grid = table.Table(box=box.SIMPLE_HEAD)
    for column in ("deployment", "model", "machines", "replicas", "fit"):
        grid.add_column(column, overflow="fold")
    for column in ("USD/h, fewest", "USD/h, most"):
        grid.add_column(column, justify="right")
    for deployment in deployments:
        deployed_spec = deployment.plan.spec
        grid.add_row(
            deployment.name,
            deployed_spec.model,
            wording.machines(deployed_spec),
            wording.replicas(deployed_spec),
            summary.verdicts(deployment),
            wording.amount(deployment.cost, deployment.cost.fewest),
            wording.amount(deployment.cost, deployment.cost.most),
        )
    return grid


def _show(deployments: Sequence[summary.Planned]) -> None:
    screen = screens.screen()
    screen.print(rows(deployments))
    for deployment in deployments:
        notes = [
            *(f"not checked: {reason}" for reason in deployment.plan.unchecked),
            *deployment.plan.disk,
            *deployment.plan.notes,
            *deployment.cost.notes,
            *([deployment.cost.unknown] if deployment.cost.unknown else []),
        ]
        for note in dict.fromkeys(notes):
            screen.print(
                f"{deployment.name}: {note}", markup=False, highlight=False, soft_wrap=True
            )
