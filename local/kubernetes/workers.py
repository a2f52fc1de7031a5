"""The machines with a kubelet: made and switched off as a cloud's are."""

import pathlib
from collections.abc import Sequence

from .. import locations
from ..system import cgroups, host
from . import addresses, node_types, shared_folders


class Node:
    """One machine of the cluster that runs pods."""

    def __init__(
        self,
        location: locations.Location,
        number: int,
        node_type: node_types.NodeType,
        layers: Sequence[pathlib.Path],
        kubeconfig: str,
    ) -> None:
        self.number = number
        self.type = node_type
        self.name = f"{node_type.name}-{number}"
        self._kubeconfig = kubeconfig
        self._groups = [group / self.name for group in cgroups.of_this_process(location.device)]
        self._location = location
        net = location.net
        self.host = host.Host(
            location.hosts / self.name,
            addresses.node(net, number),
            name=self.name,
            console=location.logs / f"{self.name}.log",
            layers=layers,
            gateway=location.address,
            init="/bin/bash /init/node.sh",
            variables={
                "SERVICES": addresses.SERVICES,
                "ALL_PODS": addresses.all_pods(net),
                "PODS": addresses.pods(net, number),
                "DNS": addresses.control_plane(net),
                "CORES": str(node_type.cpus),
                "MEMORY": f"{node_type.memory_gib}Gi",
                "MOST_PODS": str(addresses.MOST_PODS),
                "LABELS": ",".join(f"{name}={value}" for name, value in node_type.labels().items()),
                # As clouds do with spot nodes; SkyPilot's spot pods tolerate it
                # (sky/templates/kubernetes-ray.yml.j2).
                "TAINTS": "=".join(node_types.SPOT_LABEL) + ":NoSchedule" if node_type.spot else "",
            },
            shared=shared_folders.of_a_node(location, self.name),
            groups=self._groups,
        )

    def create(self) -> None:
        """Make the machine and switch it on; it joins the cluster by itself."""
        (self._location.hosts / self.name / "containerd").mkdir(parents=True)
        self.host.create()
        configuration = self.host.root / "etc" / "kubernetes"
        configuration.mkdir()
        (configuration / "admin.conf").write_text(self._kubeconfig)
        self.boot()

    def boot(self) -> None:
        """Switch the machine on."""
        cgroups.make([group.parent for group in self._groups])
        cgroups.make(self._groups)
        self.host.boot()

    def add_image(self, archive: str) -> None:
        """Give its containerd an image, from a file in the folder of the pods' images."""
        self.host.run("bash", "/init/add-image.sh", f"/pod-images/{archive}")
