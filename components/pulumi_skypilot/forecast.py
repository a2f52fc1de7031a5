"""What a program says under a preview: what the stack costs, and no if that is over its budget."""

import math
from collections.abc import Iterator, Mapping

import pulumi

from . import adoption, ask, cost, plan, planned, skypilot, spec

_BUDGET = ("hourly", "monthly")


Remote = Mapping[str, adoption.Remote] | str
"""What is there under the names that are to be adopted; a text where it is unknown, and why."""


def show(
    config: pulumi.Config,
    connection: skypilot.Connection,
    plans: Mapping[str, plan.Plan],
    adopted: Mapping[str, spec.Kind],
) -> Remote | None:
    """Ask the server once for prices, and for what is to be adopted; log what the stack costs.

    In a preview only: an update follows one, and prices change nothing. Raises RunError over the
    budget.
    """
    limits = budget(config)
    if not pulumi.runtime.is_dry_run() or not plans:
        return None
    questions = {"prices": cost.question([one.spec for one in plans.values()])}
    if adopted:
        questions["remote"] = adoption.question(adopted)
    answers = ask.ask(connection, questions, offline=ask.offline())
    prices = cost.read(answers["prices"])
    found = planned.planned(plans, prices)
    pulumi.log.info(planned.summary(found, prices))
    over = cost.over_budget({one.name: one.cost for one in found}, limits)
    if over is not None:
        raise pulumi.RunError(f"{config.name}:{over}")
    return adoption.read(answers["remote"]) if adopted else None


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
        yield from adoption.told(remote[planned.name], mine, planned.task_text)
    else:
        kind = planned.spec.kind
        yield f"adopt: there is no {kind} {planned.name!r} to take over: it is made"


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
        number = isinstance(limit, int | float) and not isinstance(limit, bool)
        if not number or not 0 < limit < math.inf:
            raise pulumi.RunError(f"{config.name}:budget.{key}: {limit!r} is no amount of USD")
    return cost.Budget(**{key: float(limit) for key, limit in found.items()})
