"""What a program says under a preview: what the stack costs, and no if that is over its budget."""

from collections.abc import Mapping

import pulumi

from . import ask, cost, plan, planned, skypilot

_BUDGET = ("hourly", "monthly")


def show(
    config: pulumi.Config, connection: skypilot.Connection, plans: Mapping[str, plan.Plan]
) -> None:
    """Ask the server once for prices and log the summary. Raises RunError over the budget.

    In a preview only: an update follows one, and prices change nothing.
    """
    limits = budget(config)
    if not pulumi.runtime.is_dry_run() or not plans:
        return
    questions = {"prices": cost.question([one.spec for one in plans.values()])}
    answers = ask.ask(connection, questions, offline=ask.offline())
    prices = cost.read(answers["prices"])
    found = planned.planned(plans, prices)
    pulumi.log.info(planned.summary(found, prices))
    over = cost.over_budget({one.name: one.cost for one in found}, limits)
    if over is not None:
        raise pulumi.RunError(f"{config.name}:{over}")


def budget(config: pulumi.Config) -> cost.Budget:
    """The budget of a stack's config. Raises RunError for one that is none."""
    found = config.get_object("budget")
    if found is None:
        return cost.Budget()
    if not isinstance(found, dict) or not found or not found.keys() <= set(_BUDGET):
        raise pulumi.RunError(
            f"{config.name}:budget: it must be a table of USD, {{hourly: 40}} or {{monthly: 20000}}"
        )
    for key, limit in found.items():
        if isinstance(limit, bool) or not isinstance(limit, int | float) or limit <= 0:
            raise pulumi.RunError(f"{config.name}:budget.{key}: {limit!r} is no amount of USD")
    return cost.Budget(**{key: float(limit) for key, limit in found.items()})
