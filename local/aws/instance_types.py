"""The instance types, regions and prices of the emulated AWS."""

import dataclasses


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
