"""What a whole stack comes to: the plan of each deployment, and every mistake in it. Pure."""

import dataclasses
from collections.abc import Mapping

from .. import errors, plan, spec
from ..spec import stack as stacks


@dataclasses.dataclass(frozen=True)
class StackPlans:
    """The plans of a stack's deployments, and what is wrong, a line each."""

    plans: Mapping[str, plan.Plan]
    """By key, of those that have one."""
    mistakes: tuple[str, ...]
    """Of the settings and of the deployments, by the place to mend."""
    misfits: tuple[str, ...]
    """What does not fit its GPUs, which what runs already may do all the same."""


def read(stack: stacks.Stack, *, service_account: bool = False) -> StackPlans:
    """Return the plans of all deployments of a stack. A service account leaves names less room."""
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
            lines += [stack.wrong(key, problem) for problem in error.problems]
        else:
            misfits += [stack.wrong(key, problem) for problem in plans[key].misfits]
    return StackPlans(plans, tuple(dict.fromkeys(lines)), tuple(misfits))
