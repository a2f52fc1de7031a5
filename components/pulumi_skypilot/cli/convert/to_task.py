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
    return content(plan.plan(spec.parse(stack.spec_of(table)), name, must_fit=must_fit))


def content(found: plan.Plan) -> dict[str, typing.Any]:
    """Return the task of a plan, with the values that are known."""
    known = {
        name: None if value is spec.UNKNOWN else value for name, value in found.spec.env.items()
    }
    envs = {**(found.task.get("envs") or {}), **known}
    secrets = dict(found.task.get("secrets") or {})
    if found.spec.image_credentials is not None:
        secrets["SKYPILOT_DOCKER_SERVER"] = found.spec.image_credentials.server
        secrets["SKYPILOT_DOCKER_USERNAME"] = found.spec.image_credentials.username
    filled = {"envs": envs, "secrets": secrets}
    return found.task | {key: table for key, table in filled.items() if table}
