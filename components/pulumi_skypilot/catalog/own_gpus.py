"""A GPU that a project describes itself: its file, and the facts in it."""

import re
import tomllib
from collections.abc import Iterable, Mapping

from .facts import GpuFacts

FOLDER = "gpus"
"""The folder of these files, beside Pulumi.yaml."""

AMD = ("cdna2", "cdna3", "cdna4")
"""The families of AMD's GPUs; those of NVIDIA's follow from the compute capability."""

UNKNOWN = "unknown"
"""The family of a compute capability that the package does not know. No recipe is for it."""

KEYS = ("memory_gib", "compute_capability", "amd_family", "usable_gib", "source")
NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
"""The form of a name in `accelerators`."""


def facts(name: str, text: str, known: Iterable[GpuFacts]) -> GpuFacts:
    """Return the GPU that a file describes; `known` are those of the package.

    Raises ValueError, which names the wrong key.
    """
    table = tomllib.loads(text)
    odd = [key for key in table if key not in KEYS]
    if odd:
        raise ValueError(f"{odd[0]}: unknown key; {', '.join(KEYS)} are known")
    memory, usable = table.get("memory_gib"), table.get("usable_gib")
    if isinstance(memory, bool) or not isinstance(memory, int) or memory < 1:
        raise ValueError("memory_gib: expected whole GiB, such as 48")
    if usable is not None and not (isinstance(usable, int | float) and 0 < usable <= memory):
        raise ValueError(f"usable_gib: expected GiB, more than 0 and at most {memory}")
    amd, able = table.get("amd_family"), table.get("compute_capability")
    if (amd is None) == (able is None):
        raise ValueError(
            "give compute_capability of NVIDIA's GPU, such as [8, 9], or amd_family of AMD's"
        )
    if amd is not None and amd not in AMD:
        raise ValueError(f"amd_family: expected one of {', '.join(AMD)}")
    if able is not None and not _is_capability(able):
        raise ValueError("compute_capability: expected two whole numbers, such as [8, 9]")
    pair = (able[0], able[1]) if able else None
    return GpuFacts(
        name=name,
        vendor="nvidia" if pair else "amd",
        family=family(pair, known) if pair else str(amd),
        memory_gib=memory,
        compute_capability=pair,
        usable_bytes=None if usable is None else int(usable * 2**30),
        usable_share=min(gpu.usable_share for gpu in known),
        held_gib=max(gpu.held_gib for gpu in known),
    )


def family(able: tuple[int, int], known: Iterable[GpuFacts]) -> str:
    """Return the family of a compute capability: the nearest lower one with the same first number.

    A recipe for a family needs what its GPUs have in common.
    """
    families: Mapping[tuple[int, int], str] = {
        gpu.compute_capability: gpu.family for gpu in known if gpu.compute_capability
    }
    nearest = max((each for each in families if each[0] == able[0] and each <= able), default=None)
    return families[nearest] if nearest else UNKNOWN


def text(values: Mapping[str, object]) -> str:
    """Return the file of a GPU."""
    lines = [f"{key} = {_written(values[key])}" for key in KEYS if values.get(key) is not None]
    return "\n".join(["# Written by `pulumi-skypilot gpus add`.", *lines, ""])


def _written(value: object) -> str:
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    return str(list(value)) if isinstance(value, tuple) else f"{value}"


def _is_capability(value: object) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 2
        and all(
            isinstance(part, int) and not isinstance(part, bool) and part >= 0 for part in value
        )
    )
