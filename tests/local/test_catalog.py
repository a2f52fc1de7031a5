"""SkyPilot's catalogue files, made of one table."""

import ast
import csv
import pathlib

from local import catalog


def _rows(home: pathlib.Path, file: str) -> list[dict[str, str]]:
    (path,) = home.glob(f".sky/catalogs/*/{file}")
    with path.open() as opened:
        return list(csv.DictReader(opened))


def test_every_type_is_in_every_region(tmp_path: pathlib.Path) -> None:
    catalog.write(tmp_path)
    rows = _rows(tmp_path, "aws/vms.csv")
    found = {(row["InstanceType"], row["Region"]) for row in rows}
    assert found == {(kind, region) for kind in catalog.BY_NAME for region in catalog.REGIONS}


def test_spot_is_cheaper_everywhere(tmp_path: pathlib.Path) -> None:
    catalog.write(tmp_path)
    assert all(
        0 < float(row["SpotPrice"]) < float(row["Price"]) for row in _rows(tmp_path, "aws/vms.csv")
    )


def test_gpu_info_is_a_python_literal_with_all_the_memory(tmp_path: pathlib.Path) -> None:
    catalog.write(tmp_path)
    (row, *_) = [
        row for row in _rows(tmp_path, "aws/vms.csv") if row["InstanceType"] == "p5.48xlarge"
    ]
    info = ast.literal_eval(row["GpuInfo"])
    assert info["TotalGpuMemoryInMiB"] == 8 * 81920
    assert (info["Gpus"][0]["Name"], info["Gpus"][0]["Count"]) == ("H100", 8)


def test_types_without_gpu_say_nothing_of_one(tmp_path: pathlib.Path) -> None:
    catalog.write(tmp_path)
    for row in _rows(tmp_path, "aws/vms.csv"):
        if row["InstanceType"].startswith("m6i"):
            assert (row["AcceleratorName"], row["AcceleratorCount"], row["GpuInfo"]) == ("",) * 3


def test_every_gpu_is_known_by_name(tmp_path: pathlib.Path) -> None:
    catalog.write(tmp_path)
    names = {row["AcceleratorName"] for row in _rows(tmp_path, "common/accelerators.csv")}
    assert names == {"L4", "A10G", "L40S", "A100", "A100-80GB", "H100", "H200"}


def test_no_checksum_that_would_let_skypilot_download(tmp_path: pathlib.Path) -> None:
    catalog.write(tmp_path)
    assert not list(tmp_path.rglob("*.md5"))


def test_the_image_is_there_in_each_region(tmp_path: pathlib.Path) -> None:
    catalog.write(tmp_path)
    rows = _rows(tmp_path, "aws/images.csv")
    for tag in ("skypilot:custom-cpu-ubuntu", "skypilot:custom-gpu-ubuntu-cuda13"):
        assert {row["Region"] for row in rows if row["Tag"] == tag} == set(catalog.REGIONS)
