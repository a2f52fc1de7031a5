"""The folders of this machine that the cluster's machines see, by their paths in there."""

import pathlib
from collections.abc import Mapping

from .. import locations

IMAGES = "/images"
"""The layers of the hosts."""

EQUIPMENT = "/equipment"
"""What SkyPilot's pods find beside those layers."""

PAUSE = "/pause-image"

_INIT = pathlib.Path(__file__).parent / "init"


def programs(cache: pathlib.Path) -> pathlib.Path:
    """Return the folder of Kubernetes' programs, which `make setup CLOUD=k8s` builds."""
    return (cache / "kubernetes").resolve()


def of_each_machine(location: locations.Location) -> dict[str, pathlib.Path]:
    """Return those that each machine sees."""
    return {
        "/opt/kubernetes": programs(location.cache),
        "/init": _INIT,
        "/logs": location.logs,
        "/var/lib/volumes": volumes(location),
    }


def of_a_node(location: locations.Location, name: str) -> Mapping[str, pathlib.Path]:
    """Return those that a node sees; containerd's own must not lie on an overlay file system."""
    return {
        **of_each_machine(location),
        IMAGES: location.cache / "image",
        EQUIPMENT: location.state / "pod-equipment",
        PAUSE: location.state / "pause-image",
        "/pod-images": pod_images(location),
        "/var/lib/containerd": location.hosts / name / "containerd",
    }


def pod_images(location: locations.Location) -> pathlib.Path:
    """Return the folder of the pods' images."""
    return location.state / "pod-images"


def volumes(location: locations.Location) -> pathlib.Path:
    """Return the folder of the persistent volumes, which all nodes share."""
    return location.state / "volumes"
