"""The plans of a whole stack, one for each deployment, and every mistake in it. Pure."""

import dataclasses
from collections.abc import Iterator, Mapping

from .. import errors, plan, spec
from ..spec import stack as stacks
from ..spec import stack_secrets
from . import volume_plan


@dataclasses.dataclass(frozen=True)
class StackPlans:
    """The plans of a stack's deployments, and its mistakes, a line each."""

    plans: Mapping[str, plan.Plan]
    """By key; a deployment with a mistake has none."""
    mistakes: tuple[str, ...]
    """Mistakes in settings and deployments; each line begins with the place to correct."""
    misfits: tuple[str, ...]
    """Problems of fit. A deployment that runs already may run nevertheless."""
    cautions: tuple[str, ...] = ()
    """Lines about volumes that some of a deployment's machines cannot mount."""
    notes: tuple[str, ...] = ()
    """Lines about volumes that need no change."""


def read(stack: stacks.Stack, *, service_account: bool = False) -> StackPlans:
    """Return the plans of all deployments of a stack.

    A service account leaves less room for names than a person does.
    """
    plans: dict[str, plan.Plan] = {}
    lines = list(stack.mistakes)
    misfits: list[str] = []
    said: dict[bool, list[str]] = {True: [], False: []}
    by_name = {volume.name: volume.spec for volume in stack.volumes.values()}
    lines += _volumes(stack)
    for key, table in stack.deployments.items():
        try:
            plans[key] = plan.plan(
                spec.parse(stack.spec_for(key)),
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
            wanted = plans[key].spec
            mounted = {p: by_name[name] for p, name in wanted.volumes.items() if name in by_name}
            lines += [stack.wrong(key, wrong) for wrong in volume_plan.apart(wanted, mounted)]
            for path, line, fails in volume_plan.mounting(wanted, mounted):
                said[fails].append(f"{stack.where(key, 'volumes')}.{path}: {line}")
    return StackPlans(
        plans,
        tuple(dict.fromkeys(lines)),
        tuple(misfits),
        cautions=tuple(said[True]),
        notes=tuple(said[False]),
    )


def _volumes(stack: stacks.Stack) -> Iterator[str]:
    """Yield a line for each volume that SkyPilot would refuse."""
    for key, declared in stack.volumes.items():
        for problem in volume_plan.problems(declared.spec, declared.name):
            yield f"{stack.namespace}:volumes.{key}.{problem.reason}"
