"""The instance types of the embedded cloud, and SkyPilot's catalogue files made of them."""

import csv
import dataclasses
import importlib.util
import pathlib
import re
from collections.abc import Iterable, Sequence


@dataclasses.dataclass(frozen=True)
class Gpu:
    """A GPU as AWS describes it: memory from `describe-instance-types`."""

    name: str
    memory_mib: int
    memory_gb: int


@dataclasses.dataclass(frozen=True)
class InstanceType:
    """An instance type; prices in USD an hour in us-east-1, near those of aws.amazon.com/ec2."""

    name: str
    vcpus: int
    memory_gib: int
    price: float
    spot_price: float
    gpu: Gpu | None = None
    gpus: int = 0


_A10G = Gpu("A10G", 22888, 24)
_L4 = Gpu("L4", 22888, 24)
_L40S = Gpu("L40S", 45776, 48)
_A100 = Gpu("A100", 40960, 40)
_A100_80GB = Gpu("A100-80GB", 81920, 80)
_H100 = Gpu("H100", 81920, 80)
_H200 = Gpu("H200", 144384, 141)

INSTANCE_TYPES = (
    InstanceType("c6i.large", 2, 4, 0.085, 0.03),
    InstanceType("m6i.large", 2, 8, 0.096, 0.035),
    InstanceType("m6i.xlarge", 4, 16, 0.192, 0.07),
    InstanceType("m6i.2xlarge", 8, 32, 0.384, 0.14),
    InstanceType("m6i.4xlarge", 16, 64, 0.768, 0.28),
    InstanceType("r6i.large", 2, 16, 0.126, 0.05),
    InstanceType("r6i.xlarge", 4, 32, 0.252, 0.10),
    InstanceType("g5.xlarge", 4, 16, 1.006, 0.40, _A10G, 1),
    InstanceType("g5.12xlarge", 48, 192, 5.672, 2.30, _A10G, 4),
    InstanceType("g6.xlarge", 4, 16, 0.8048, 0.30, _L4, 1),
    InstanceType("g6.12xlarge", 48, 192, 4.6016, 1.80, _L4, 4),
    InstanceType("g6e.xlarge", 4, 32, 1.861, 0.80, _L40S, 1),
    InstanceType("g6e.12xlarge", 48, 384, 10.4926, 4.50, _L40S, 4),
    InstanceType("p4d.24xlarge", 96, 1152, 21.9576, 9.0, _A100, 8),
    InstanceType("p4de.24xlarge", 96, 1152, 27.4471, 11.0, _A100_80GB, 8),
    InstanceType("p5.4xlarge", 16, 256, 6.88, 3.0, _H100, 1),
    InstanceType("p5.48xlarge", 192, 2048, 55.04, 22.0, _H100, 8),
    InstanceType("p5e.48xlarge", 192, 2048, 63.296, 30.0, _H200, 8),
)

BY_NAME = {kind.name: kind for kind in INSTANCE_TYPES}

REGIONS = {"us-east-1": ("use1-az", 1.0), "us-west-2": ("usw2-az", 1.01)}
"""Region: the beginning of its zones' ids, and its prices relative to the table's."""

AMI = "ami-1e749f67"
"""An Ubuntu image that moto knows by default; what an instance runs is the host image."""

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


def write(home: pathlib.Path) -> None:
    """Write the catalogue files that SkyPilot reads below `home`.

    It takes files without a checksum beside them for the user's own and downloads nothing
    (is_catalog_modified in sky/catalog/common.py).
    """
    folder = home / ".sky" / "catalogs" / _schema_version()
    _write_csv(folder / "aws" / "vms.csv", _VM_COLUMNS, vm_rows())
    _write_csv(
        folder / "aws" / "images.csv",
        ("Tag", "Region", "OS", "OSVersion", "ImageId", "CreationDate", "BaseImageId"),
        (
            (tag, region, "ubuntu", "22.04", AMI, "20260101", "")
            for region in REGIONS
            for tag in _IMAGE_TAGS
        ),
    )
    _write_csv(
        folder / "aws" / "instance_quota_mapping.csv",
        ("InstanceType", "OnDemandInstanceCode", "SpotInstanceCode"),
        (),
    )
    gpus = sorted({kind.gpu for kind in INSTANCE_TYPES if kind.gpu}, key=lambda gpu: gpu.name)
    # Read for every task that names an accelerator (sky/utils/accelerator_registry.py).
    _write_csv(
        folder / "common" / "accelerators.csv",
        ("AcceleratorName", "Clouds"),
        ((gpu.name, "['AWS']") for gpu in gpus),
    )
    _write_csv(
        folder / "common" / "metadata.csv",
        ("GPU", "MemoryGB", "Manufacturer"),
        ((gpu.name, gpu.memory_gb, "NVIDIA") for gpu in gpus),
    )


def vm_rows() -> list[tuple[object, ...]]:
    """The rows of vms.csv: each instance type in two zones (by their ids) of each region."""
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
        for region, (zone, factor) in REGIONS.items()
        for kind in INSTANCE_TYPES
        for number in (1, 2)
    ]


def _gpu_info(gpu: Gpu, count: int) -> str:
    """As AWS says it, in the notation of SkyPilot's own catalogue: a Python dict."""
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
    """The catalogue folder that the installed SkyPilot reads, without importing it (seconds)."""
    package = importlib.util.find_spec("sky")
    if package is None or package.origin is None:
        raise ModuleNotFoundError("skypilot is not installed in this Python environment")
    source = (pathlib.Path(package.origin).parent / "skylet" / "constants.py").read_text()
    found = re.search(r"^CATALOG_SCHEMA_VERSION = '(\w+)'", source, re.MULTILINE)
    if found is None:
        raise LookupError("no CATALOG_SCHEMA_VERSION in sky/skylet/constants.py")
    return found[1]


def _write_csv(path: pathlib.Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)
