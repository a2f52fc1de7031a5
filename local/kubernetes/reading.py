"""Pods and nodes, as the control port shows them."""

import re
from collections.abc import Mapping
from typing import Any

from . import node_types

CLUSTER_LABEL = "skypilot-cluster-name"
"""The label of each pod of SkyPilot's (sky/templates/kubernetes-ray.yml.j2)."""

_POD_GROUP = re.compile(r"/pod([0-9a-f][0-9a-f-]{35})(?:/|$)")


def pod(listed: Any, nodes: Mapping[str, node_types.NodeType]) -> dict[str, Any]:
    """Return a pod in the form of an instance: id, ip, type, gpu, region, state, spot, host, tags.

    `listed` is a V1Pod of the Kubernetes client, `nodes` the types of the nodes by name.
    """
    node = nodes.get(listed.spec.node_name or "")
    requests = listed.spec.containers[0].resources.requests or {}
    gpus = int(requests.get("nvidia.com/gpu", 0))
    state = "terminating" if listed.metadata.deletion_timestamp else listed.status.phase.lower()
    return {
        "id": listed.metadata.name,
        "ip": listed.status.pod_ip,
        "type": f"{requests.get('cpu', '?')}CPU--{requests.get('memory', '?')}",
        "gpu": f"{node.gpu}:{gpus}" if node and node.gpu and gpus else None,
        "region": listed.metadata.namespace,
        "node": listed.spec.node_name,
        "state": state,
        "spot": bool(node and node.spot),
        "host": "on" if state == "running" else "off",
        "tags": {
            **(listed.metadata.labels or {}),
            "Name": (listed.metadata.labels or {}).get(CLUSTER_LABEL, ""),
        },
    }


def node(listed: Any, *, is_on: bool) -> dict[str, Any]:
    """Return a node: its name, address, whether it is on, ready and open to pods, its labels."""
    ready = {condition.type: condition.status for condition in listed.status.conditions or ()}
    addresses = {address.type: address.address for address in listed.status.addresses or ()}
    return {
        "id": listed.metadata.name,
        "ip": addresses.get("InternalIP"),
        "host": "on" if is_on else "off",
        "ready": ready.get("Ready") == "True",
        "cordoned": bool(listed.spec.unschedulable),
        "gpus": int((listed.status.allocatable or {}).get("nvidia.com/gpu", 0)),
        "labels": dict(listed.metadata.labels or {}),
    }


def objects(lists: Mapping[str, Any]) -> list[str]:
    """Return kind, namespace and name of each object, but for the service of Kubernetes' own API.

    `lists` has what the Kubernetes client lists of each kind: a V1PodList and the like.
    """
    return [
        f"{kind} {listed.metadata.namespace}/{listed.metadata.name}"
        for kind, answer in lists.items()
        for listed in answer.items
        if (listed.metadata.labels or {}).get("provider") != "kubernetes"
    ]


def pod_of(groups: str) -> str | None:
    """Return the uid of the pod of a process, from the text of its /proc/PID/cgroup.

    >>> pod_of("4:memory:/emu/l4-0/kubepods/besteffort/pod0f1e2d3c-1234-5678-9abc-def012345678/aa")
    '0f1e2d3c-1234-5678-9abc-def012345678'
    >>> pod_of("4:memory:/emu/l4-0")
    """
    match = _POD_GROUP.search(groups)
    return match[1] if match else None
