"""From a deployment, as a stack says it, to the SkyPilot task that it makes."""

import typing
from collections.abc import Mapping

from . import plan, spec, stack


def export(table: Mapping[str, object], name: str) -> dict[str, typing.Any]:
    """The task of a deployment, env in plain sight and secrets by name only.

    Args:
        table: As it stands in a stack file, what is beside the spec included.
        name: Of the service or cluster.

    Raises SpecError.

    """
    found = plan.plan(spec.parse(stack.spec_of(table)), name)
    envs = {**(found.task.get("envs") or {}), **found.spec.env}
    return found.task | ({"envs": envs} if envs else {})
