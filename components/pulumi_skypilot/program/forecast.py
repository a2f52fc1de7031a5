"""The cost of a stack, shown in a preview, and the check of its budget."""

from collections.abc import Iterator, Mapping

import pulumi

from .. import plan, skypilot, spec
from ..lifecycle import adoption, server_query
from ..plan import budget_check, cluster_nodes, cost
from ..report import summary
from ..spec import budget, own_prices

Remote = Mapping[str, adoption.Remote] | str
"""The objects under the names to adopt, by name; a text with the reason if they are unknown."""


def show(
    connection: skypilot.Connection | str,
    plans: Mapping[str, plan.Plan],
    adopted: Mapping[str, spec.Kind],
    limits: budget.Budget,
    unread: Mapping[str, cost.Cost] | None = None,
    *,
    own: own_prices.OwnPrices = own_prices.NONE,
) -> Remote | None:
    """Ask the server once for prices and for the objects to adopt, and log the stack's cost.

    Does so in a preview, and in an update only with a budget, since the update may have had no
    preview. A `connection` that is a text says why no server can be asked. `unread` has the costs
    of deployments without a plan, by name; `own` the prices of machines of one's own. Returns the
    objects to adopt, if it asked for them. Raises RunError if the budget is exceeded or cannot be
    checked.
    """
    preview = pulumi.runtime.is_dry_run()
    unread = unread or {}
    if not (preview or limits):
        return None
    for name, costed in unread.items() if preview else ():
        pulumi.log.info(f"{name}: cost unknown ({costed.unknown}); fit not checked")
    if not plans:
        hold(unread, limits)
        return None
    specs = [planned.spec for planned in plans.values()]
    questions = {"prices": cost.question(specs)}
    asked = cluster_nodes.question(specs)
    if preview and asked["places"]:
        questions["nodes"] = asked
    if adopted and preview:
        questions["remote"] = adoption.question(adopted)
    answers = _answers(connection, questions, patient=bool(limits))
    prices = cost.read(answers["prices"], own)
    deployments = summary.planned(plans, prices)
    if preview:
        pulumi.log.info(summary.summary(deployments, prices))
        if own:
            pulumi.log.info(own.line)
    if "nodes" in questions:
        _tell_nodes(plans, cluster_nodes.read(answers["nodes"]))
    hold({**{planned.name: planned.cost for planned in deployments}, **unread}, limits)
    return adoption.read(answers["remote"]) if "remote" in questions else None


def _answers(
    connection: skypilot.Connection | str, questions: server_query.Questions, *, patient: bool
) -> server_query.Answers:
    if isinstance(connection, str):
        return server_query.unanswered(questions, connection)
    return server_query.ask(
        connection,
        questions,
        offline=server_query.offline(),
        patience=server_query.THOROUGH if patient else server_query.QUICK,
        tell=lambda line: pulumi.log.info(line, ephemeral=True),
    )


def _tell_nodes(plans: Mapping[str, plan.Plan], known: cluster_nodes.Clusters) -> None:
    """Warn of what clusters lack, and log what was not checked, once for the deployments of it."""
    names: dict[str, list[str]] = {}
    for name, planned in plans.items():
        for line in cluster_nodes.lines(planned.spec, known):
            names.setdefault(line, []).append(name)
    for line, deployments in names.items():
        log = pulumi.log.info if line.startswith("not checked") else pulumi.log.warn
        log(f"{', '.join(deployments)}: {line}")


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
