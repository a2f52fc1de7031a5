"""Pods and nodes as the control port shows them."""

from kubernetes import client

from local.kubernetes import node_types, reading

NODES = {"l4-spot-1": node_types.find("l4-spot")}


def _pod(phase: str = "Running", **metadata: object) -> client.V1Pod:
    return client.V1Pod(
        metadata=client.V1ObjectMeta(
            name="chat-1-head",
            namespace="default",
            labels={reading.CLUSTER_LABEL: "chat-1"},
            **metadata,
        ),
        spec=client.V1PodSpec(
            node_name="l4-spot-1",
            containers=[
                client.V1Container(
                    name="ray-node",
                    resources=client.V1ResourceRequirements(
                        requests={"cpu": "2", "memory": "8G", "nvidia.com/gpu": "1"}
                    ),
                )
            ],
        ),
        status=client.V1PodStatus(phase=phase, pod_ip="10.99.0.130"),
    )


def test_a_pod_is_shown_as_an_instance() -> None:
    assert reading.pod(_pod(), NODES) == {
        "id": "chat-1-head",
        "ip": "10.99.0.130",
        "type": "2CPU--8G",
        "gpu": "L4:1",
        "region": "default",
        "node": "l4-spot-1",
        "state": "running",
        "spot": True,
        "host": "on",
        "tags": {reading.CLUSTER_LABEL: "chat-1", "Name": "chat-1"},
    }


def test_a_pod_that_failed_or_is_about_to_end_is_off() -> None:
    assert reading.pod(_pod("Failed"), NODES)["host"] == "off"
    ending = reading.pod(_pod(deletion_timestamp="2026-11-29T12:00:00Z"), NODES)
    assert (ending["state"], ending["host"]) == ("terminating", "off")


def test_a_pod_that_waits_for_a_node_has_none() -> None:
    waiting = _pod("Pending")
    waiting.spec.node_name = None
    shown = reading.pod(waiting, NODES)
    assert (shown["node"], shown["gpu"], shown["spot"], shown["state"]) == (
        *(None, None, False),
        "pending",
    )


def test_a_node_says_whether_it_is_ready_and_open_to_pods() -> None:
    node = client.V1Node(
        metadata=client.V1ObjectMeta(name="l4-0", labels={"a": "b"}),
        spec=client.V1NodeSpec(unschedulable=True),
        status=client.V1NodeStatus(
            conditions=[client.V1NodeCondition(type="Ready", status="Unknown")],
            addresses=[client.V1NodeAddress(type="InternalIP", address="10.99.0.10")],
            allocatable={"nvidia.com/gpu": "8"},
        ),
    )
    assert reading.node(node, is_on=False) == {
        "id": "l4-0",
        "ip": "10.99.0.10",
        "host": "off",
        "ready": False,
        "cordoned": True,
        "gpus": 8,
        "labels": {"a": "b"},
    }


def test_all_that_is_not_kubernetes_own_is_listed_by_its_kind() -> None:
    own = client.V1ObjectMeta(
        name="kubernetes",
        namespace="default",
        labels={"component": "apiserver", "provider": "kubernetes"},
    )
    other = client.V1ObjectMeta(name="chat-1-head", namespace="default")
    claim = client.V1ObjectMeta(name="models", namespace="team")
    lists = {
        "pod": client.V1PodList(items=[_pod()]),
        "service": client.V1ServiceList(
            items=[client.V1Service(metadata=own), client.V1Service(metadata=other)]
        ),
        "claim": client.V1PersistentVolumeClaimList(
            items=[client.V1PersistentVolumeClaim(metadata=claim)]
        ),
    }
    assert reading.objects(lists) == [
        *("pod default/chat-1-head", "service default/chat-1-head", "claim team/models")
    ]


def test_the_pod_of_a_process_is_read_from_its_control_groups() -> None:
    uid = "0f1e2d3c-1234-5678-9abc-def012345678"
    first_version = f"4:memory:/emu-demo/l4-0/kubepods/burstable/pod{uid}/0a1b\n1:cpu:/\n"
    second_version = f"0::/emu-demo/l4-0/kubepods/pod{uid}/0a1b\n"
    assert reading.pod_of(first_version) == reading.pod_of(second_version) == uid
    assert reading.pod_of("4:memory:/emu-demo/l4-0\n") is None
