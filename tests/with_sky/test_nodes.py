"""The nodes of Kubernetes, asked for with SkyPilot's own client and its own values."""

import dataclasses
import inspect

import pytest
from sky import exceptions, models
from sky.provision.kubernetes import utils

from pulumi_skypilot import skypilot
from pulumi_skypilot.plan import cluster_nodes
from tests.with_sky import api_server

pytestmark = pytest.mark.filterwarnings("ignore")

NODES = models.KubernetesNodesInfo(
    {
        "a": models.KubernetesNodeInfo(
            "a", "H100", {"accelerator_count": 8}, {"accelerators_available": 3}
        ),
        "b": models.KubernetesNodeInfo(
            "b", None, {"accelerator_count": 2}, {"accelerators_available": -1}
        ),
    },
    "",
)


def test_a_preview_reads_the_nodes_of_a_context(
    server: api_server.ApiServer, sdk: skypilot.Sdk
) -> None:
    server.answers["/kubernetes_node_info"] = NODES
    answer = sdk.nodes({"places": {"k8s/prod": "prod"}, "spot": []}, seconds=60)
    (body,) = server.bodies("/kubernetes_node_info")
    assert body["context"] == "prod"
    assert cluster_nodes.read(answer).nodes == {
        "k8s/prod": (
            cluster_nodes.Node("a", "H100", 8, 3),
            cluster_nodes.Node("b", None, 2, -1),
        )
    }


def test_a_context_that_is_refused_has_its_reason(
    server: api_server.ApiServer, sdk: skypilot.Sdk
) -> None:
    server.answers["/kubernetes_node_info"] = ValueError("no context 'prod'")
    answer = sdk.nodes({"places": {"k8s/prod": "prod"}, "spot": []}, seconds=60)
    assert "no context 'prod'" in answer["failed"]["k8s/prod"]


def test_spot_that_is_refused_with_every_other_machine_is_not_told(
    server: api_server.ApiServer, sdk: skypilot.Sdk
) -> None:
    server.answers["/optimize"] = exceptions.ResourcesUnavailableError("no such machine")
    refused = sdk.nodes({"places": {}, "spot": ["k8s/prod"]}, seconds=60)
    assert len(server.bodies("/optimize")) == 2
    assert refused == {"nodes": {}, "spot": {}, "failed": {"k8s/prod": "no such machine"}}
    server.answers["/optimize"] = None
    taken = sdk.nodes({"places": {}, "spot": ["k8s/prod"]}, seconds=60)
    assert taken["spot"] == {"k8s/prod": True}


def test_a_node_of_kubernetes_has_the_fields_that_are_read() -> None:
    fields = {field.name for field in dataclasses.fields(models.KubernetesNodeInfo)}
    text = inspect.getsource(utils._get_kubernetes_node_info)
    message = "node info has other fields: a preview does not know what a cluster has"
    assert {"name", "accelerator_type", "total", "free"} <= fields, message
    assert "'accelerator_count'" in text, message
    assert "'accelerators_available'" in text, message
