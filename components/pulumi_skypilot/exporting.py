"""From a deployment, as a stack says it, to the SkyPilot task that it makes."""

import typing
from collections.abc import Mapping

from . import components, plan, spec


def export(table: Mapping[str, object], name: str) -> dict[str, typing.Any]:
    """The task of a deployment, env in plain sight and secrets by name only.

    Args:
        table: As it stands in a stack file, what is beside the spec included.
        name: Of the service or cluster.

    Raises SpecError.

    """
    data = {key: value for key, value in table.items() if key not in components.BESIDE_SPEC}
    found = plan.plan(spec.parse(data), name)
    envs = {**(found.task.get("envs") or {}), **found.spec.env}
    return found.task | ({"envs": envs} if envs else {})
