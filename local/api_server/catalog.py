"""SkyPilot's catalogue files: where they lie, and those that are alike for every cloud.

SkyPilot takes files without a checksum beside them for the user's own, and downloads nothing
(sky.catalog.common.is_catalog_modified).
"""

import csv
import importlib.util
import io
import pathlib
import re
from collections.abc import Iterable, Mapping, Sequence

Table = tuple[Sequence[str], Iterable[Sequence[object]]]
"""The names of the columns, and the rows."""


def files(tables: Mapping[str, Table]) -> Mapping[str, str]:
    """Return the texts of the files, by their paths below a home."""
    folder = f".sky/catalogs/{_schema_version()}"
    return {f"{folder}/{name}": _csv(*table) for name, table in tables.items()}


def of_gpus(cloud: str, gpus: Sequence[tuple[str, float]]) -> Mapping[str, Table]:
    """Return what is read for every task that names an accelerator: names and GB of memory.

    They are read on whatever cloud (sky.utils.accelerator_registry).
    """
    return {
        "common/accelerators.csv": (
            ("AcceleratorName", "Clouds"),
            [(name, f"['{cloud}']") for name, _ in gpus],
        ),
        "common/metadata.csv": (
            ("GPU", "MemoryGB", "Manufacturer"),
            [(name, memory_gb, "NVIDIA") for name, memory_gb in gpus],
        ),
    }


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
