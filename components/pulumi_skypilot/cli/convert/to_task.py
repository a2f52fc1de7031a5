"""From a deployment, as a stack says it, to the SkyPilot task that it makes."""

import typing
from collections.abc import Mapping

from ... import plan, spec
from ...spec import stack


def export(
    table: Mapping[str, object], name: str, *, must_fit: bool = False
) -> dict[str, typing.Any]:
    """The task of a deployment, all filled in that is in plain sight, secrets by name only.

    Args:
        table: As it stands in a stack file, what is beside the spec included.
        name: Of the service or cluster.
        must_fit: Refuse a model that is too large for a GPU, as a preview does.

    Raises SpecError.

    """
    found = plan.plan(spec.parse(stack.spec_of(table)), name, must_fit=must_fit)
    envs = {**(found.task.get("envs") or {}), **found.spec.env}
    secrets = dict(found.task.get("secrets") or {})
    if found.spec.image_credentials is not None:
        secrets["SKYPILOT_DOCKER_SERVER"] = found.spec.image_credentials.server
        secrets["SKYPILOT_DOCKER_USERNAME"] = found.spec.image_credentials.username
    filled = {"envs": envs, "secrets": secrets}
    return found.task | {key: table for key, table in filled.items() if table}
