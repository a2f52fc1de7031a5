"""What a Kubernetes itself says of SkyPilot's objects: nothing here asks SkyPilot."""

import typing

import yaml
from kubernetes import client, config

from local import control

_CLUSTER = "skypilot-cluster-name"
"""The label of pods and claims (sky/templates/kubernetes-ray.yml.j2)."""


class Kubernetes:
    """The cluster of an embedded cloud."""

    def __init__(self, cloud: control.Cloud) -> None:
        # That of the administrator: SkyPilot's own may not list the services of all namespaces.
        kubeconfig = yaml.safe_load(cloud.location.kubeconfig.read_text())
        self.core = client.CoreV1Api(config.new_client_from_config_dict(kubeconfig))

    def pods(self, name: str = "") -> list[typing.Any]:
        """The pods of SkyPilot's in all namespaces, or those of a service or cluster."""
        listed = self.core.list_pod_for_all_namespaces(label_selector=_CLUSTER).items
        return [pod for pod in listed if pod.metadata.name.startswith(name)]

    def left(self) -> list[str]:
        """What SkyPilot has made of pods, services and claims, in all namespaces."""
        kinds = {
            "pod": self.core.list_pod_for_all_namespaces,
            "service": self.core.list_service_for_all_namespaces,
            "claim": self.core.list_persistent_volume_claim_for_all_namespaces,
        }
        return [
            f"{kind} {found.metadata.namespace}/{found.metadata.name}"
            for kind, listed in kinds.items()
            for found in listed().items
            if _CLUSTER in (found.metadata.labels or {})
            or (found.metadata.labels or {}).get("parent") == "skypilot"
        ]

    def events(self) -> list[str]:
        """What happened last to pods and nodes, in order of time."""
        listed = self.core.list_event_for_all_namespaces().items
        listed.sort(key=lambda each: each.metadata.creation_timestamp)
        return [
            f"{each.metadata.creation_timestamp:%H:%M:%S} {each.involved_object.name} "
            f"{each.reason}: {each.message}"
            for each in listed[-60:]
        ]
