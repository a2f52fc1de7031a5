"""The kinds of nodes that the cluster can have."""

import dataclasses

from .. import errors

GPU_LABEL = "skypilot.co/accelerator"
"""By which SkyPilot finds GPUs on a cluster of one's own
(sky.provision.kubernetes.utils.SkyPilotLabelFormatter)."""

SPOT_LABEL = ("karpenter.sh/capacity-type", "spot")
"""By which it finds spot nodes (sky.provision.kubernetes.utils.SPOT_LABEL_MAP)."""


@dataclasses.dataclass(frozen=True)
class NodeType:
    """What a node says that it has. None of it is true: GPUs, cores and memory are only counted."""

    name: str
    gpu: str | None = None
    """As SkyPilot names it."""
    gpus: int = 0
    gpu_memory_gb: int = 0
    spot: bool = False
    cpus: int = 64
    memory_gib: int = 256

    def labels(self) -> dict[str, str]:
        """Return the labels of such a node."""
        labels = {"embedded-cloud/type": self.name}
        if self.gpu:
            labels[GPU_LABEL] = self.gpu.lower()
        if self.spot:
            labels[SPOT_LABEL[0]] = SPOT_LABEL[1]
        return labels


NODE_TYPES = (
    NodeType("cpu"),
    NodeType("l4", gpu="L4", gpus=8, gpu_memory_gb=24),
    NodeType("l4-spot", gpu="L4", gpus=8, gpu_memory_gb=24, spot=True),
    NodeType("h100", gpu="H100", gpus=8, gpu_memory_gb=80),
    NodeType("unlabeled", gpus=8),  # whose GPUs nobody has labelled
)

FIRST_NODES = ("l4", "l4-spot", "h100")
"""The types of the nodes that a new cluster has."""


def find(name: str) -> NodeType:
    """Return the type of that name."""
    for node_type in NODE_TYPES:
        if node_type.name == name:
            return node_type
    names = ", ".join(node_type.name for node_type in NODE_TYPES)
    raise errors.CloudError(f"it has no nodes of type {name}; write one of {names}")
