"""The plans of a whole stack, one for each deployment, and every mistake in it. Pure."""

import dataclasses
from collections.abc import Mapping

from .. import errors, plan, spec
from ..spec import stack as stacks
from ..spec import stack_secrets


@dataclasses.dataclass(frozen=True)
class StackPlans:
    """The plans of a stack's deployments, and its mistakes, a line each."""

    plans: Mapping[str, plan.Plan]
    """By key; a deployment with a mistake has none."""
    mistakes: tuple[str, ...]
    """Mistakes in settings and deployments; each line begins with the place to correct."""
    misfits: tuple[str, ...]
    """Problems of fit. A deployment that runs already may run nevertheless."""


def read(stack: stacks.Stack, *, service_account: bool = False) -> StackPlans:
    """Return the plans of all deployments of a stack.

    A service account leaves less room for names than a person does.
    """
    plans: dict[str, plan.Plan] = {}
    lines = list(stack.mistakes)
    misfits: list[str] = []
    for key, table in stack.deployments.items():
        try:
            plans[key] = plan.plan(
                spec.parse(stacks.spec_of(table)),
                stack.name(key),
                service_account=service_account,
                must_fit=False,
            )
        except errors.SpecError as error:
            # Of an encrypted value the stack has a line; the spec only misses its text.
            encrypted = {problem.property for problem in stack_secrets.encrypted(table)}
            lines += [
                stack.wrong(key, problem)
                for problem in error.problems
                if problem.property not in encrypted
            ]
        else:
            misfits += [stack.wrong(key, problem) for problem in plans[key].misfits]
    return StackPlans(plans, tuple(dict.fromkeys(lines)), tuple(misfits))
