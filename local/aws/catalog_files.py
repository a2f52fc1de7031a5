"""SkyPilot's catalogue files: the emulated AWS's instance types, images, prices and GPUs."""

from collections.abc import Mapping

from ..api_server import catalog
from . import instance_types

_IMAGE_TAGS = (
    "skypilot:custom-cpu-ubuntu",
    "skypilot:custom-cpu-ubuntu-2204",
    "skypilot:custom-gpu-ubuntu",
    "skypilot:custom-gpu-ubuntu-cuda13",
)

_VM_COLUMNS = (
    "InstanceType",
    "AcceleratorName",
    "AcceleratorCount",
    "vCPUs",
    "MemoryGiB",
    "GpuInfo",
    "Price",
    "SpotPrice",
    "Region",
    "AvailabilityZone",
    "Arch",
    "LocalDiskType",
    "NVMeSupported",
    "LocalDiskSize",
    "LocalDiskCount",
    "MaximumEfaInterfaces",
)


def files() -> Mapping[str, str]:
    """Return the texts of the files, by their paths below a home."""
    kinds = instance_types.INSTANCE_TYPES
    gpus = sorted({(kind.gpu.name, kind.gpu.memory_gb) for kind in kinds if kind.gpu})
    return catalog.files(
        {
            "aws/vms.csv": (_VM_COLUMNS, _vm_rows()),
            "aws/images.csv": (
                ("Tag", "Region", "OS", "OSVersion", "ImageId", "CreationDate", "BaseImageId"),
                [
                    (tag, region, "ubuntu", "22.04", instance_types.AMI, "20260101", "")
                    for region in instance_types.REGIONS
                    for tag in _IMAGE_TAGS
                ],
            ),
            "aws/instance_quota_mapping.csv": (
                ("InstanceType", "OnDemandInstanceCode", "SpotInstanceCode"),
                (),
            ),
            **catalog.of_gpus("AWS", gpus),
        }
    )


def _vm_rows() -> list[tuple[object, ...]]:
    """Return the rows of vms.csv: each instance type in two zones (by their ids) of each region."""
    return [
        (
            kind.name,
            kind.gpu.name if kind.gpu else "",
            kind.gpus or "",
            float(kind.vcpus),
            float(kind.memory_gib),
            _gpu_info(kind.gpu, kind.gpus) if kind.gpu else "",
            round(kind.price * factor, 4),
            round(kind.spot_price * factor * (1 + number / 100), 4),
            region,
            f"{zone}{number}",
            "x86_64",
            *[""] * 5,
        )
        for region, (zone, factor) in instance_types.REGIONS.items()
        for kind in instance_types.INSTANCE_TYPES
        for number in (1, 2)
    ]


def _gpu_info(gpu: instance_types.Gpu, count: int) -> str:
    """Describe GPUs as AWS does, in the notation of SkyPilot's own catalogue: a Python dict."""
    return str(
        {
            "Gpus": [
                {
                    "Name": gpu.name,
                    "Manufacturer": "NVIDIA",
                    "Count": count,
                    "MemoryInfo": {"SizeInMiB": gpu.memory_mib},
                }
            ],
            "TotalGpuMemoryInMiB": count * gpu.memory_mib,
        }
    )
