"""Clusters that exist already, held to the installed SkyPilot's own comparison."""

import pytest
import sky

from pulumi_skypilot.lifecycle import adoption
from pulumi_skypilot.plan import changes, task, task_diff
from pulumi_skypilot.plan.changes import Effect
from tests import specs
from tests.with_sky import planned, read

pytestmark = pytest.mark.filterwarnings("ignore")

MACHINES: dict[str, object] = {"kind": "cluster", "accelerators": "L4:1", "infra": "aws/us-east-1"}


@pytest.mark.parametrize(
    ("data", "taken"),
    [
        # Changes for which SkyPilot would silently use the old machine, and those that it refuses.
        ({"cpus": 64}, True),
        ({"memory": 512}, True),
        ({"disk": 1000}, True),
        ({"labels": {"team": "x"}}, True),
        ({"accelerators": "H100:1"}, False),
        ({"accelerators": "L4:4"}, False),
        ({"infra": "aws/us-west-2"}, False),
        ({"infra": "gcp"}, False),
        ({"spot": True}, False),
        ({"diskTier": "high"}, False),
        ({"image": "docker:a/b"}, False),
    ],
)
def test_other_machines_are_a_new_cluster_whatever_skypilot_would_take(
    data: dict[str, object], taken: bool
) -> None:
    base = {**specs.SMALLEST, **MACHINES}
    was, now = planned(base), planned({**base, **data})
    launched = next(iter(read(was.task, was.spec).resources))
    resources = next(iter(read(now.task, now.spec).resources))
    assert resources.less_demanding_than(launched) == taken
    assert changes.strongest(task_diff.compare(was.task, now.task)) is Effect.REPLACE
    assert (adoption.refused(was.task, now.task) is None) == taken


SMALL = {"kind": "cluster", "model": "openai/gpt-oss-20b", "cpus": 4, "memory": 16}


@pytest.mark.parametrize(
    ("by_hand", "table", "taken"),
    [
        ("{accelerators: L4}", {"accelerators": ["A10G:1", "L4:1"]}, True),
        ("{accelerators: {L4: 2}}", {"accelerators": "L4:1"}, True),
        ("{cloud: aws, region: us-east-1, cpus: 4+}", {"infra": "aws"}, True),
        ("{infra: aws/us-east-1/us-east-1a, ports: [8000]}", {"infra": "aws/us-east-1"}, True),
        ("{infra: aws/us-east-1}", {"infra": ["gcp", "aws/us-west-2"]}, False),
        ("{infra: aws, accelerators: T4}", {"infra": "aws", "accelerators": "L4:1"}, False),
        ("{infra: aws, use_spot: true}", {"infra": "aws"}, False),
    ],
)
def test_a_cluster_made_by_hand_is_taken_over_if_skypilot_launches_on_it(
    by_hand: str, table: dict[str, object], taken: bool
) -> None:
    text = f"resources: {by_hand}\nrun: sleep 1\n"
    plan_ = planned({**SMALL, **table})
    launched = next(iter(sky.Task.from_yaml_str(text).resources))
    options = read(plan_.task, plan_.spec).resources
    assert (
        any(
            option.less_demanding_than(launched, check_cloud=launched.cloud is not None)
            for option in options
        )
        == taken
    )
    assert (adoption.refused(task.from_text(text), plan_.task) is None) == taken
