"""SkyPilot's catalogue files, made of one table."""

import ast
import csv

from local.aws import catalog_files, instance_types


def _rows(file: str) -> list[dict[str, str]]:
    (text,) = [text for path, text in catalog_files.files().items() if path.endswith(file)]
    return list(csv.DictReader(text.splitlines()))


def test_every_type_is_in_every_region() -> None:
    rows = _rows("aws/vms.csv")
    assert {(row["InstanceType"], row["Region"]) for row in rows} == {
        (kind, region) for kind in instance_types.BY_NAME for region in instance_types.REGIONS
    }


def test_spot_is_cheaper_everywhere() -> None:
    assert all(0 < float(row["SpotPrice"]) < float(row["Price"]) for row in _rows("aws/vms.csv"))


def test_gpu_info_is_a_python_literal_with_all_the_memory() -> None:
    (row, *_) = [row for row in _rows("aws/vms.csv") if row["InstanceType"] == "p5.48xlarge"]
    info = ast.literal_eval(row["GpuInfo"])
    assert info["TotalGpuMemoryInMiB"] == 8 * 81920
    assert (info["Gpus"][0]["Name"], info["Gpus"][0]["Count"]) == ("H100", 8)


def test_types_without_gpu_say_nothing_of_one() -> None:
    for row in _rows("aws/vms.csv"):
        if row["InstanceType"].startswith("m6i"):
            assert (row["AcceleratorName"], row["AcceleratorCount"], row["GpuInfo"]) == ("",) * 3


def test_every_gpu_is_known_by_name() -> None:
    names = {row["AcceleratorName"] for row in _rows("common/accelerators.csv")}
    assert names == {"L4", "A10G", "L40S", "A100", "A100-80GB", "H100", "H200"}


def test_there_is_no_checksum_that_would_let_skypilot_download() -> None:
    assert not [path for path in catalog_files.files() if path.endswith(".md5")]


def test_the_image_is_there_in_each_region() -> None:
    rows = _rows("aws/images.csv")
    for tag in ("skypilot:custom-cpu-ubuntu", "skypilot:custom-gpu-ubuntu-cuda13"):
        assert {row["Region"] for row in rows if row["Tag"] == tag} == set(instance_types.REGIONS)
