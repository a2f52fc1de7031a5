"""SkyServe's autoscaler: it follows the load, and a lost spot machine."""

from collections.abc import Callable

import pytest

from local import control
from tests.conftest import KUBERNETES, chat
from tests.e2e import load, pods
from tests.e2e import stack as stacks

pytestmark = [pytest.mark.long, pytest.mark.timeout(3000)]


def machines(cloud: control.Cloud, name: str) -> int:
    """How many machines or pods of a service are on."""
    return sum(any(name in tag for tag in machine["tags"].values()) for machine in cloud.hosts())


def running(asked: pods.Kubernetes, name: str) -> list[str]:
    """The nodes of the pods of a service that run."""
    return [
        str(pod.spec.node_name)
        for pod in asked.pods(name)
        if pod.status.phase == "Running" and pod.metadata.deletion_timestamp is None
    ]


@pytest.mark.parametrize(
    ("place", "cloud_fixture", "stack_fixture"),
    [
        pytest.param("aws", "cloud", "make_stack", marks=pytest.mark.cloud),
        pytest.param("k8s/rehearsal", "kubernetes", "make_kubernetes_stack", marks=KUBERNETES),
    ],
)
def test_replicas_follow_the_load_and_go_to_none(
    place: str, cloud_fixture: str, stack_fixture: str, request: pytest.FixtureRequest
) -> None:
    """Three requests a second are three replicas of one each; none is none."""
    cloud: control.Cloud = request.getfixturevalue(cloud_fixture)
    quick = {"upscaleDelay": 20, "downscaleDelay": 20}
    stack: stacks.Stack = request.getfixturevalue(stack_fixture)(
        chat=chat(infra=place, replicas={"min": 0, "max": 3, "targetQps": 1, **quick})
    )
    name = f"{stack.name}-chat"
    stack.up()
    outputs = stack.outputs()
    url = f"{outputs['endpoints']['chat']}/v1/models"
    clients = load.Load(url, outputs["apiKeys"]["chat"])
    watched = load.Watched(lambda: machines(cloud, name))
    watched.until(0, 0, 10)
    with clients.at(0.5):
        watched.until(1, 0.5, 300)
        stacks.until(lambda: clients.answers["200"] > 0, 300, "it answers")
    with clients.at(2.5):
        watched.until(3, 2.5, 600)
    watched.until(0, 0, 900)
    print(load.table(watched.rows), dict(clients.answers))  # noqa: T201 - shown with -s
    assert {count for *_, count in watched.rows} >= {0, 1, 3}
    stack.unchanged()


@pytest.mark.cloud
@KUBERNETES[1]
def test_an_on_demand_replica_takes_the_place_of_a_lost_spot_one(
    kubernetes: control.Cloud, make_kubernetes_stack: Callable[..., stacks.Stack]
) -> None:
    """No spot node is left, then there is one again."""
    asked = pods.Kubernetes(kubernetes)
    spot = {"spot": {"fallback": "on-demand"}, "accelerators": "L4:1"}
    settings = {**chat(infra="k8s/rehearsal"), **spot}
    del settings["cpus"], settings["memory"]
    stack = make_kubernetes_stack(chat=settings)
    name = f"{stack.name}-chat"
    stack.up()
    # While no spot replica was ready yet, an on-demand one was begun. It drains for 120 s.
    stacks.until(lambda: len(running(asked, name)) == 1, 600, "the spot replica alone")
    (node,) = running(asked, name)
    assert node.startswith("l4-spot")

    kubernetes.refuse("l4-spot")
    (pod,) = asked.pods(name)
    kubernetes.kill(pod.metadata.name)
    stacks.until(
        lambda: [each.rpartition("-")[0] for each in running(asked, name)] == ["l4"],
        600,
        "an on-demand replica",
    )
    kubernetes.allow("l4-spot")
    stacks.until(
        lambda: [each.rpartition("-")[0] for each in running(asked, name)] == ["l4-spot"],
        900,
        "a spot replica again, alone",
    )
    stack.unchanged()
