"""SkyPilot's catalogue files: the emulated AWS's instance types, images, prices and GPUs."""

import csv
import importlib.util
import io
import pathlib
import re
from collections.abc import Iterable, Mapping, Sequence

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
    """Return the texts of the files, by their paths below a home.

    SkyPilot takes files without a checksum beside them for the user's own, and downloads nothing
    (sky.catalog.common.is_catalog_modified).
    """
    folder = f".sky/catalogs/{_schema_version()}"
    kinds = instance_types.INSTANCE_TYPES
    gpus = sorted({kind.gpu for kind in kinds if kind.gpu}, key=lambda gpu: gpu.name)
    return {
        f"{folder}/aws/vms.csv": _csv(_VM_COLUMNS, _vm_rows()),
        f"{folder}/aws/images.csv": _csv(
            ("Tag", "Region", "OS", "OSVersion", "ImageId", "CreationDate", "BaseImageId"),
            (
                (tag, region, "ubuntu", "22.04", instance_types.AMI, "20260101", "")
                for region in instance_types.REGIONS
                for tag in _IMAGE_TAGS
            ),
        ),
        f"{folder}/aws/instance_quota_mapping.csv": _csv(
            ("InstanceType", "OnDemandInstanceCode", "SpotInstanceCode"), ()
        ),
        # Read for every task that names an accelerator (sky.utils.accelerator_registry).
        f"{folder}/common/accelerators.csv": _csv(
            ("AcceleratorName", "Clouds"), ((gpu.name, "['AWS']") for gpu in gpus)
        ),
        f"{folder}/common/metadata.csv": _csv(
            ("GPU", "MemoryGB", "Manufacturer"),
            ((gpu.name, gpu.memory_gb, "NVIDIA") for gpu in gpus),
        ),
    }


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


def _schema_version() -> str:
    """Return the catalogue folder that the installed SkyPilot reads; importing it takes seconds."""
    package = importlib.util.find_spec("sky")
    if package is None or package.origin is None:
        raise ModuleNotFoundError("skypilot is not installed in this Python environment")
    source = (pathlib.Path(package.origin).parent / "skylet" / "constants.py").read_text()
    version = re.search(r"^CATALOG_SCHEMA_VERSION = '(\w+)'", source, re.MULTILINE)
    if version is None:
        raise LookupError("no CATALOG_SCHEMA_VERSION in sky/skylet/constants.py")
    return version[1]


def _csv(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()
