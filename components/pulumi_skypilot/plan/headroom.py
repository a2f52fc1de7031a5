"""The share of a GPU that vLLM may take, against what is free when vLLM starts.

vLLM refuses to start when less is free than gpu-memory-utilization of the whole
(vllm/v1/worker/utils.py, request_memory). What CUDA's context holds by then was measured on some
cards. On others it is estimated, and only what no card can give is refused.
"""

import math
from collections.abc import Iterator

from .. import catalog, spec
from . import ranges, vllm

FLAGS = ("gpu-memory-utilization", "device-memory-utilization")


def share(wanted: spec.Spec) -> tuple[str, float] | None:
    """Return the flag that sets the share of a GPU's memory, and the share.

    None where no flag does, or where its value is wrong.
    """
    given = vllm.given(wanted)
    for flag in FLAGS:
        asked = ranges.number(flag, given.get(flag))
        if asked is not None:
            return flag, asked
    return None


def problems(wanted: spec.Spec) -> Iterator[tuple[str, str]]:
    """Yield what is surely not free, as property and reason."""
    for flag, asked, gpu in _asked(wanted):
        if asked >= 1 or (gpu.free_gib is not None and asked > gpu.free_share):
            why = (
                f"which has {gpu.free_gib[0]} of {gpu.free_gib[1]} GiB free when vLLM starts"
                if gpu.free_gib is not None
                else "part of which CUDA itself holds when vLLM starts"
            )
            yield (
                spec.mapping.key_of_flag(flag),
                f"{flag} {asked:g} is more than is free of {gpu.name}, {why}; write "
                f"{_floor(gpu.free_share)} or less",
            )


def notes(wanted: spec.Spec) -> Iterator[str]:
    """Yield what may not be free, by an estimate."""
    for flag, asked, gpu in _asked(wanted):
        if gpu.free_gib is None and gpu.free_share < asked < 1:
            yield (
                f"{flag} {asked:g} may be more than is free of {gpu.name} when vLLM starts, which "
                f"it then refuses: {gpu.held_gib:.2f} GiB are held before, as estimated from other "
                f"cards; {_floor(gpu.free_share)} is safe"
            )


def _asked(wanted: spec.Spec) -> Iterator[tuple[str, float, catalog.GpuFacts]]:
    asked = share(wanted)
    for name in dict.fromkeys(accelerator.name for accelerator in wanted.accelerators):
        gpu = catalog.gpu(name)
        if asked is not None and gpu is not None and gpu.vendor == "nvidia":
            yield *asked, gpu


def _floor(share: float) -> str:
    return f"{math.floor(share * 100) / 100:g}"
