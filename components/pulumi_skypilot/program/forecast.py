"""The cost of a stack, shown in a preview, and the check of its budget."""

from collections.abc import Iterator, Mapping

import pulumi

from .. import plan, skypilot, spec
from ..lifecycle import adoption, server_query
from ..plan import budget_check, cost
from ..report import summary
from ..spec import budget

Remote = Mapping[str, adoption.Remote] | str
"""The objects under the names to adopt, by name; a text with the reason if they are unknown."""


def show(
    connection: skypilot.Connection,
    plans: Mapping[str, plan.Plan],
    adopted: Mapping[str, spec.Kind],
    limits: budget.Budget,
    unread: Mapping[str, cost.Cost] | None = None,
) -> Remote | None:
    """Ask the server once for prices and for the objects to adopt, and log the stack's cost.

    Does so in a preview, and in an update only with a budget, since the update may have had no
    preview. `unread` has the costs of deployments without a plan, by name. Returns the objects to
    adopt, if it asked for them. Raises RunError if the budget is exceeded or cannot be checked.
    """
    preview = pulumi.runtime.is_dry_run()
    if not (plans or unread) or not (preview or limits):
        return None
    questions = {"prices": cost.question([planned.spec for planned in plans.values()])}
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
    deployments = summary.planned(plans, prices)
    if preview and plans:
        pulumi.log.info(summary.summary(deployments, prices))
    hold({**{planned.name: planned.cost for planned in deployments}, **(unread or {})}, limits)
    return adoption.read(answers["remote"]) if "remote" in questions else None


def hold(costs: Mapping[str, cost.Cost], limits: budget.Budget) -> None:
    """Log what the budget does not count. Raises RunError if it is exceeded or unchecked."""
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
    """Log the changes of an adoption under its resource; nothing if the stack owns it already."""

    def tell(mine: object) -> None:
        known = mine if isinstance(mine, str) else None  # unknown before the stack's first `up`
        for line in _adoption_lines(remote, planned, known):
            pulumi.log.info(line, resource)

    mark.apply(tell, run_with_unknowns=True)


def _adoption_lines(remote: Remote, planned: plan.Plan, mine: str | None) -> Iterator[str]:
    if isinstance(remote, str):
        yield f"adopt: cannot look up {planned.name!r} on the server: {remote}"
    elif planned.name in remote:
        yield from adoption.told(remote[planned.name], mine, planned.task)
    else:
        kind = planned.spec.kind
        yield f"adopt: there is no {kind} {planned.name!r} to take over, so it is created"
