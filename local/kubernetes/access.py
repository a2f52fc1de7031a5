"""What finds the cluster: SkyPilot's API server, and SkyPilot in a pod.

A pod can become SkyServe's controller, which launches the replicas itself, with an API server of
its own. SkyPilot gives it what it would have on any cluster; the catalogue and the certificate of
the internet's stand-in it finds in the image.
"""

import os
import pathlib
import shutil
from collections.abc import Mapping
from typing import Any

from ..api_server import catalog, home
from ..system import internet
from . import control_plane, node_types, pod_image, rights

_CERTIFICATE = "etc/ssl/certs/embedded-cloud.pem"
_USER = 1000
"""The id of the image's user."""


def server_access(kubeconfig: str, tools: pathlib.Path, programs: pathlib.Path) -> home.CloudAccess:
    """Return what an API server needs to find this cluster."""
    return home.CloudAccess(
        cloud="kubernetes",
        files={".kube/config": kubeconfig, **_catalog_files()},
        variables={"PATH": f"{programs}:{tools}"},
        config={"kubernetes": _config()},
    )


def equip_pods(folder: pathlib.Path, certificate: pathlib.Path, programs: pathlib.Path) -> None:
    """Fill the folder that is the uppermost layer of the pods' image."""
    user_home = folder / "home" / "ubuntu"
    home.write_files(user_home, _catalog_files())
    for path in (user_home, *user_home.rglob("*")):
        os.chown(path, _USER, _USER)
    target = folder / _CERTIFICATE
    target.parent.mkdir(parents=True)
    shutil.copyfile(certificate, target)
    commands = folder / "usr" / "local" / "bin"
    commands.mkdir(parents=True)
    os.link(programs / "kube", commands / "kubectl")


def _config() -> Mapping[str, Any]:
    """Return the part of SkyPilot's config that a rehearsal needs."""
    variables = {**internet.environment(f"/{_CERTIFICATE}"), **home.SIZE}
    return {
        "ports": "loadbalancer",
        "remote_identity": rights.ACCOUNT,
        "allowed_contexts": list(control_plane.CONTEXTS),
        "pod_config": {
            "spec": {
                # The shell that a pod runs ignores SIGTERM: each end of a pod would take 30 s.
                "terminationGracePeriodSeconds": 2,
                "containers": [
                    {
                        # There is no registry. SkyPilot's template says Always.
                        "imagePullPolicy": "IfNotPresent",
                        "env": [
                            {"name": name, "value": value} for name, value in variables.items()
                        ],
                    }
                ],
            }
        },
    }


def _catalog_files() -> Mapping[str, str]:
    """Return SkyPilot's catalogue files: the pods' image, and the GPUs."""
    gpus = sorted({(kind.gpu, kind.gpu_memory_gb) for kind in node_types.NODE_TYPES if kind.gpu})
    return catalog.files(
        {
            "kubernetes/images.csv": (
                ("Tag", "Region", "ImageId", "CreationDate"),
                [
                    (f"skypilot:custom-{kind}-ubuntu-2204-v1", "", pod_image.SKYPILOT, "20260101")
                    for kind in ("cpu", "gpu")
                ],
            ),
            **catalog.of_gpus("Kubernetes", gpus),
        }
    )
