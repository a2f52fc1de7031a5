"""Our claims about SkyPilot, held to the installed SkyPilot; no server is needed.

These tests have a run of their own: importing sky reads the user's files and fixes its server.
"""

import tempfile
import typing
import warnings

import hypothesis
import pytest

from pulumi_skypilot import errors, plan, spec
from pulumi_skypilot.plan import task

with (
    pytest.MonkeyPatch.context() as _patch,
    tempfile.TemporaryDirectory() as _home,
    warnings.catch_warnings(),
):
    warnings.simplefilter("ignore")  # SkyPilot's own warnings
    _patch.setenv("HOME", _home)  # importing sky writes to ~/.sky
    import sky
    import sky.serve.autoscalers
    import sky.serve.load_balancing_policies
    import sky.serve.replica_managers
    import sky.server.requests.payloads
    import sky.volumes.volume


def planned(table: dict[str, object]) -> plan.Plan:
    """Return the plan of a deployment; reject an example that the spec refuses."""
    try:
        return plan.plan(spec.parse(table), "chat")
    except errors.SpecError:
        hypothesis.reject()


def read(content: typing.Mapping[str, typing.Any], deployment: spec.Spec) -> typing.Any:
    """Return SkyPilot's own task, with values filled in as at launch."""
    return sky.Task.from_yaml_config(
        task.from_text(task.text(content)),
        env_overrides=list(deployment.env.items()),
        secrets_overrides=list(task.secrets(deployment, ["k"]).items()),
    )
