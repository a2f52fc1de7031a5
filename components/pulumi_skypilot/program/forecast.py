"""What a program says under a preview: what the stack costs, and no if its budget does not hold."""

from collections.abc import Iterator, Mapping

import pulumi

from .. import plan, skypilot, spec
from ..lifecycle import adoption, server_query
from ..plan import budget_check, cost
from ..report import summary
from ..spec import budget

Remote = Mapping[str, adoption.Remote] | str
"""What is there under the names that are to be adopted; a text where it is unknown, and why."""


def show(
    connection: skypilot.Connection,
    plans: Mapping[str, plan.Plan],
    adopted: Mapping[str, spec.Kind],
    limits: budget.Budget,
    unread: Mapping[str, cost.Cost] | None = None,
) -> Remote | None:
    """Ask the server once for prices, and for what is to be adopted; log what the stack costs.

    In a preview, and in an update only where a budget is to hold: it may have had no preview. Else
    prices change nothing. `unread` is what has no plan, by name. Raises RunError when the budget
    does not hold, or cannot be checked.
    """
    preview = pulumi.runtime.is_dry_run()
    if not (plans or unread) or not (preview or limits):
        return None
    questions = {"prices": cost.question([one.spec for one in plans.values()])}
    if adopted and preview:
        questions["remote"] = adoption.question(adopted)
    answers = server_query.ask(
        connection,
        questions,
        offline=server_query.offline(),
        patience=server_query.THOROUGH if limits else server_query.QUICK,
        tell=lambda line: pulumi.log.info(line, ephemeral=True),
    )
    prices = cost.read(answers["prices"])
    found = summary.planned(plans, prices)
    if preview and plans:
        pulumi.log.info(summary.summary(found, prices))
    hold({**{one.name: one.cost for one in found}, **(unread or {})}, limits)
    return adoption.read(answers["remote"]) if "remote" in questions else None


def hold(costs: Mapping[str, cost.Cost], limits: budget.Budget) -> None:
    """Log what the budget leaves uncounted. Raises RunError when it does not hold."""
    verdict = budget_check.check(costs, limits)
    for line in verdict.warnings:
        pulumi.log.warn(line)
    for line in verdict.kept:
        pulumi.log.info(line)
    if verdict.errors:
        raise pulumi.RunError("\n".join(verdict.errors))


def tell_adoption(
    remote: Remote, planned: plan.Plan, resource: pulumi.Resource, mark: pulumi.Output[str]
) -> None:
    """Log what taking over would change, under the resource; nothing for what is ours already."""

    def tell(mine: object) -> None:
        known = mine if isinstance(mine, str) else None  # unknown before the stack's first `up`
        for line in _adoption_lines(remote, planned, known):
            pulumi.log.info(line, resource)

    mark.apply(tell, run_with_unknowns=True)


def _adoption_lines(remote: Remote, planned: plan.Plan, mine: str | None) -> Iterator[str]:
    if isinstance(remote, str):
        yield f"adopt: unknown what is there under the name {planned.name!r}: {remote}"
    elif planned.name in remote:
        yield from adoption.told(remote[planned.name], mine, planned.task)
    else:
        kind = planned.spec.kind
        yield f"adopt: there is no {kind} {planned.name!r} to take over: it is made"
