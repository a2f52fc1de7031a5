"""The SkyPilot task of a deployment, as `pulumi-skypilot export` prints it."""

import typing
from collections.abc import Mapping

from ... import plan, spec
from ...spec import stack


def export(
    table: Mapping[str, object], name: str, *, must_fit: bool = False
) -> dict[str, typing.Any]:
    """Return the task of a deployment with all known values filled in, and secrets by name only.

    Args:
        table: The deployment as in a stack file, with the keys beside the spec.
        name: Name of the service or cluster.
        must_fit: Refuse a model that is too large for a GPU, as a preview does.

    Raises SpecError.

    """
    return content(plan.plan(spec.parse(stack.spec_of(table)), name, must_fit=must_fit))


def content(planned: plan.Plan) -> dict[str, typing.Any]:
    """Return the task of a plan, with known values filled in."""
    known = {
        name: None if value is spec.UNKNOWN else value for name, value in planned.spec.env.items()
    }
    envs = {**(planned.task.get("envs") or {}), **known}
    secrets = dict(planned.task.get("secrets") or {})
    if planned.spec.image_credentials is not None:
        secrets["SKYPILOT_DOCKER_SERVER"] = planned.spec.image_credentials.server
        secrets["SKYPILOT_DOCKER_USERNAME"] = planned.spec.image_credentials.username
    filled = {"envs": envs, "secrets": secrets}
    return planned.task | {key: table for key, table in filled.items() if table}
