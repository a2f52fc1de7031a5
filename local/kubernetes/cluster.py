"""The cluster: its machines, what runs on them, and what can be done to it."""

import contextlib
import logging
import os
import pathlib
import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import yaml
from kubernetes import client, config

from .. import errors, locations
from ..api_server import home
from ..images import host_tools
from ..images import layers as layers_of
from . import (
    access,
    addresses,
    control_plane,
    node_types,
    pod_image,
    reading,
    rights,
    shared_folders,
    workers,
)

_log = logging.getLogger("kubernetes")

ANY = "*"
"""Stands for every node where pods are kept away."""

_JOIN_SECONDS = 300
_NOW = client.V1DeleteOptions(grace_period_seconds=0)


class Cluster:
    """A control plane and nodes, each a machine of the cloud."""

    def __init__(
        self,
        location: locations.Location,
        layers: Sequence[pathlib.Path],
        certificate: pathlib.Path,
    ) -> None:
        self._location = location
        self._layers = tuple(layers)
        self._node_layers = layers_of.for_node(location.cache)
        self._certificate = certificate
        self._programs = shared_folders.programs(location.cache)
        self._control = control_plane.ControlPlane(location, self._node_layers)
        self._nodes: dict[str, workers.Node] = {}
        self._lock = threading.Lock()
        self._names: dict[str, str] = {}
        """The pods that were there when they were last listed: uid → name."""
        self._numbers = iter(range(addresses.MOST_NODES))

    def start(self) -> None:
        """Start the control plane, then the first nodes, and wait until they are ready."""
        for folder in (shared_folders.volumes, shared_folders.pod_images):
            folder(self._location).mkdir()
        self._write_pause_image()
        equipment = self._location.state / "pod-equipment"
        access.equip_pods(equipment, self._certificate, self._programs)
        self._write_image()
        self._control.start()
        self._location.kubeconfig.touch(mode=0o600)
        self._location.kubeconfig.write_text(self._control.kubeconfig())
        api = config.new_client_from_config_dict(self._configuration())
        self._core = client.CoreV1Api(api)
        self._seed(api)
        self._token = rights.grant(api, list(control_plane.CONTEXTS.values()))
        joining = [
            threading.Thread(target=self.add, args=(name,)) for name in node_types.FIRST_NODES
        ]
        for thread in joining:
            thread.start()
        for thread in joining:
            thread.join()
        if missing := set(self._nodes) - {node["id"] for node in self.nodes() if node["ready"]}:
            raise errors.CloudError(
                f"nodes did not join: {', '.join(sorted(missing))}; see {self._location.logs}"
            )

    def access(self) -> home.CloudAccess:
        """Write the tools that SkyPilot's API server calls, and return what finds the cluster."""
        tools = self._location.state / "tools"
        host_tools.write(tools, self._node_layers[0])
        kubeconfig = self._control.kubeconfig(self._token)
        return access.server_access(kubeconfig, tools, self._programs)

    def describe(self) -> dict[str, Any]:
        """Return its name, address and state, and the nodes."""
        listed = self.nodes() if self._control.host.is_on else []
        return {
            "name": "Kubernetes",
            "url": addresses.api(self._location.net),
            "state": "healthy" if listed else "dead",
            "refused": [node["id"] for node in listed if node["cordoned"]],
            "nodes": listed,
        }

    def instances(self) -> list[dict[str, Any]]:
        """List SkyPilot's pods."""
        types = {name: node.type for name, node in self._nodes.items()}
        listed = self._core.list_pod_for_all_namespaces(label_selector=reading.CLUSTER_LABEL)
        self._names = {each.metadata.uid: each.metadata.name for each in listed.items}
        return [reading.pod(each, types) for each in listed.items]

    def holds(self) -> list[str]:
        """List the pods, the services and the volume claims of all namespaces."""
        return reading.objects(
            {
                "pod": self._core.list_pod_for_all_namespaces(),
                "service": self._core.list_service_for_all_namespaces(),
                "claim": self._core.list_persistent_volume_claim_for_all_namespaces(),
            }
        )

    def nodes(self) -> list[dict[str, Any]]:
        """List the nodes."""
        return [
            reading.node(each, is_on=self._is_on(each.metadata.name))
            for each in self._core.list_node().items
        ]

    def owner_of(self, process: int) -> str | None:
        """Return the name of the pod that a process belongs to."""
        uid = reading.pod_of(pathlib.Path(f"/proc/{process}/cgroup").read_text())
        return self._names.get(uid) if uid else None

    def actions(self) -> Mapping[str, Callable[[Any], None]]:
        """Return what can be done to it, by name."""
        return {
            "kill": self.kill,
            "crash": self.crash,
            "boot": self.boot,
            "refuse": lambda target: self._cordon(target, cordoned=True),
            "allow": lambda target: self._cordon(target, cordoned=False),
            "add": self.add,
            "drain": self.drain,
        }

    def add(self, type_name: str) -> None:
        """Add a node of that type, and wait until it is ready."""
        node_type = node_types.find(type_name)
        with self._lock:
            number = next(self._numbers, None)
            if number is None:
                raise errors.CloudError(f"it has had {addresses.MOST_NODES} nodes, and no more")
            node = workers.Node(
                *(self._location, number, node_type, self._node_layers),
                self._control.kubeconfig(),
            )
            self._nodes[node.name] = node
        started = time.monotonic()
        node.create()
        self._wait_for(node)
        _log.info("%s at %s, ready in %.1f s", node.name, node.host.ip, time.monotonic() - started)

    def kill(self, target: str) -> None:
        """End a pod, or a node with all its pods, as a preemption does."""
        if node := self._nodes.pop(target, None):
            node.host.destroy()
            self._core.delete_node(target)
            for pod in self._pods_on(target):
                self._delete(pod)
        else:
            self._delete(self._pod(target))
        _log.info("%s killed", target)

    def crash(self, target: str) -> None:
        """End the processes of a machine, or of a pod; nobody tells Kubernetes."""
        if target == control_plane.NAME:
            self._control.host.switch_off()
        elif node := self._nodes.get(target):
            node.host.switch_off()
        else:
            self._crash_pod(self._pod(target))
        _log.info("%s crashed", target)

    def boot(self, target: str) -> None:
        """Switch a machine on again that has crashed."""
        if target == control_plane.NAME:
            self._control.boot()
        elif node := self._nodes.get(target):
            node.boot()
            self._wait_for(node)
        else:
            raise errors.CloudError(f"there is no machine {target}")

    def drain(self, target: str) -> None:
        """Let no more pods onto a node, and evict those that are there."""
        self._cordon(target, cordoned=True)
        for pod in self._pods_on(target):
            metadata = client.V1ObjectMeta(name=pod.metadata.name, namespace=pod.metadata.namespace)
            self._core.create_namespaced_pod_eviction(
                *(pod.metadata.name, pod.metadata.namespace), client.V1Eviction(metadata=metadata)
            )

    def set_layers(self, layers: Sequence[pathlib.Path]) -> None:
        """Give pods made from now on these layers."""
        self._layers = tuple(layers)
        self._write_image()
        for node in self._nodes.values():
            if node.host.is_on:
                node.add_image("skypilot.tar")

    def _seed(self, api: Any) -> None:
        """Give the cluster what a new one at a cloud has: namespaces, a storage class."""
        for namespace in control_plane.CONTEXTS.values():
            if namespace != "default":
                body = client.V1Namespace(metadata=client.V1ObjectMeta(name=namespace))
                self._core.create_namespace(body)
        client.StorageV1Api(api).create_storage_class(
            client.V1StorageClass(
                metadata=client.V1ObjectMeta(
                    name="host-path",
                    annotations={"storageclass.kubernetes.io/is-default-class": "true"},
                ),
                provisioner="embedded-cloud/host-path",
                reclaim_policy="Delete",
                volume_binding_mode="Immediate",
                allow_volume_expansion=True,
            )
        )

    def _wait_for(self, node: workers.Node) -> None:
        """Wait until a node is ready, then count its GPUs."""
        deadline = time.monotonic() + _JOIN_SECONDS
        while not any(listed["id"] == node.name and listed["ready"] for listed in self.nodes()):
            if not node.host.is_on or time.monotonic() > deadline:
                raise errors.CloudError(f"node {node.name} did not join; see {node.host.console}")
            time.sleep(0.2)
        # What a GPU's device plugin would tell: the scheduler counts it, and nothing else looks.
        # Both lists, or the second follows the first only seconds later.
        self._core.patch_node_status(
            node.name,
            [
                {
                    "op": "add",
                    "path": f"/status/{kind}/nvidia.com~1gpu",
                    "value": str(node.type.gpus),
                }
                for kind in ("capacity", "allocatable")
            ],
        )

    def _cordon(self, target: str, *, cordoned: bool) -> None:
        """Keep new pods away from a node, a type of nodes or all (`*`), or let them in again."""
        names = [
            name for name, node in self._nodes.items() if target in (ANY, name, node.type.name)
        ]
        if not names:
            raise errors.CloudError(f"it has no node {target}, and none of that type")
        for name in names:
            self._core.patch_node(name, {"spec": {"unschedulable": cordoned}})

    def _pod(self, name: str) -> Any:
        """Return the pod of SkyPilot's with that name."""
        listed = self._core.list_pod_for_all_namespaces(label_selector=reading.CLUSTER_LABEL)
        for pod in listed.items:
            if pod.metadata.name == name:
                return pod
        raise errors.CloudError(f"there is no pod or node {name}")

    def _pods_on(self, node: str) -> list[Any]:
        selector = f"spec.nodeName={node}"
        return list(self._core.list_pod_for_all_namespaces(field_selector=selector).items)

    def _delete(self, pod: Any) -> None:
        name, namespace = pod.metadata.name, pod.metadata.namespace
        self._core.delete_namespaced_pod(name, namespace, body=_NOW)

    def _crash_pod(self, pod: Any) -> None:
        for folder in pathlib.Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):  # it has just ended
                if reading.pod_of((folder / "cgroup").read_text()) == pod.metadata.uid:
                    os.kill(int(folder.name), signal.SIGKILL)

    def _is_on(self, name: str) -> bool:
        node = self._nodes.get(name)
        return bool(node and node.host.is_on)

    def _write_pause_image(self) -> None:
        """Write the image of what holds each pod's namespaces: one program."""
        folder = self._location.state / "pause-image"
        folder.mkdir()
        os.link(self._programs / "pause", folder / "pause")
        pod_image.write(
            shared_folders.pod_images(self._location) / "pause.tar",
            pod_image.PAUSE,
            [shared_folders.PAUSE],
        )

    def _write_image(self) -> None:
        """Write the image of the pods, of the layers that they have from now on."""
        folders = [f"{shared_folders.IMAGES}/{layer.name}" for layer in self._layers]
        pod_image.write(
            shared_folders.pod_images(self._location) / "skypilot.tar",
            pod_image.SKYPILOT,
            [shared_folders.EQUIPMENT, *folders],
        )

    def _configuration(self) -> dict[str, Any]:
        return dict(yaml.safe_load(self._control.kubeconfig()))
