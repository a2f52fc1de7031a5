"""What a preview says of the nodes of one's own clusters."""

import typing

import pytest

from pulumi_skypilot import spec
from pulumi_skypilot.plan import cluster_nodes
from tests import specs

L4 = {"name": "a", "gpu": "L4", "count": 4, "free": 4}
BIG = {"name": "b", "gpu": "H100", "count": 8, "free": 0}
BARE = {"name": "c", "gpu": None, "count": 2, "free": 2}
CPUS = {"name": "d", "gpu": None, "count": 0, "free": 0}
ADDRESS = "not checked: whether k8s/prod gives the endpoint an address (a load balancer)"


def wanted(**changes: object) -> spec.Spec:
    return spec.parse({**specs.SMALLEST, "infra": "k8s/prod", **changes})


def lines(*nodes: dict[str, typing.Any], asked: object = None, **changes: object) -> list[str]:
    """Return the lines about a deployment on these nodes, but the one about its address."""
    answer = {"nodes": {"k8s/prod": nodes}, "spot": {} if asked is None else {"k8s/prod": asked}}
    said = list(cluster_nodes.lines(wanted(**changes), cluster_nodes.read(answer)))
    assert said.pop() == ADDRESS
    return said


def test_a_cluster_is_asked_for_by_its_context_and_for_spot_where_it_is_wanted() -> None:
    asked = cluster_nodes.question(
        [
            wanted(),
            wanted(infra=["k8s", "aws", "ssh/lab"], spot=True),
            wanted(infra="ssh/ssh-lab"),
            wanted(infra="slurm/a"),
            wanted(infra=None),
        ]
    )
    assert asked == {
        "places": {"k8s/prod": "prod", "k8s": None, "ssh/lab": "ssh-lab", "ssh/ssh-lab": "ssh-lab"},
        "spot": ["k8s", "ssh/lab"],
    }


def test_a_cluster_that_has_it_free_lacks_nothing() -> None:
    assert lines(L4, CPUS, accelerators="L4:4") == []
    assert lines(L4, BIG, accelerators=["L4:1", "H100:1"]) == []
    assert lines(CPUS, accelerators=None, cpus="4+") == []


def test_nodes_whose_gpus_have_no_label_are_named() -> None:
    first, *_ = lines(BARE, *({**BARE, "name": f"c{n}"} for n in range(4)), accelerators="L4:1")
    assert first == (
        "accelerators: in k8s/prod SkyPilot does not know the GPUs of c, c0, c1 and 2 more: they "
        "have no label that it reads; label them with `sky gpus label`"
    )


@pytest.mark.parametrize(
    ("nodes", "there"), [([L4, BIG], "H100:8, L4:4"), ([CPUS], "no labelled GPU")]
)
def test_a_gpu_that_no_node_has_is_told_with_what_there_is(
    nodes: list[dict[str, typing.Any]], there: str
) -> None:
    assert lines(*nodes, accelerators="L4:8") == [
        f"accelerators: no node of k8s/prod has L4:8; it has {there}; take one of these, unless a "
        "node comes with an autoscaler"
    ]


def test_a_gpu_that_is_taken_now_is_told() -> None:
    assert lines(BIG, accelerators="H100:8") == [
        "accelerators: no node of k8s/prod has H100:8 free now; full, cordoned and tainted nodes "
        "do not count"
    ]
    unknown = lines({**BIG, "free": -1}, accelerators="H100:8")
    assert unknown == ["not checked: free GPUs of k8s/prod (the API server may not list its pods)"]


@pytest.mark.parametrize(("spot", "told"), [(False, True), (True, False), (None, False)])
def test_a_cluster_without_spot_nodes_is_told(spot: object, told: bool) -> None:
    said = lines(L4, accelerators="L4:1", asked=spot, spot=True)
    assert [line.partition(" in ")[0] for line in said] == (
        ["spot: SkyPilot finds no spot nodes"] if told else []
    )


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ({"away": "no server"}, "no server"),
        ({"failed": {"k8s/prod": "no such context"}}, "no such context"),
        ({}, "it did not answer"),
    ],
)
def test_what_was_not_checked_is_said(answer: dict[str, typing.Any], why: str) -> None:
    said = list(cluster_nodes.lines(wanted(), cluster_nodes.read(answer)))
    assert said == [f"not checked: the nodes of k8s/prod ({why})"]
