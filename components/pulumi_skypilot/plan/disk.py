"""The disk of a machine and what it has to hold: the model, vLLM and the system. Pure.

Counted are the tensors that vLLM downloads. For gpt-oss these are neither `original/` (vLLM's
`LoadConfig` ignores it) nor `metal/` (no safetensors). Where the catalogue lacks the size of the
files, it is computed from the shape. A repository with a second copy of its tensors takes more. So
does one with layers that only speculate, such as DeepSeek's.
"""

import math
from collections.abc import Iterator

from .. import catalog, spec
from . import cloud_limits, vllm
from .memory import weights

GIB = 2**30

DEFAULT_GIB = 256
"""SkyPilot's disk where `disk` is not written (`DEFAULT_DISK_SIZE_GB` in sky/resources.py)."""

LEAST_GIB = {"gpu": 6, "cpu": 4}
"""The least that vLLM takes once it is installed, without the machine's own system: 7.07 GB for
`pip install --no-cache-dir vllm` in a python-slim image (vllm-project/vllm issue 13112), 5.1 GB
measured for vLLM 0.32 on a CPU."""

USUAL_GIB = 35
"""The usual size of system and vLLM together. `vllm/vllm-openai:latest` unpacks to 28.6 GB, 26.6
GiB (vllm-project/vllm pull request 22377, at 0.12). SkyPilot's runtime, the system and caches come
on top. This was not measured with a GPU here."""

SPARE = 0.05
"""The part of a model that stays free for what is not counted, such as layers that speculate."""

_CACHE_VARIABLES = ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME")
"""Variables for the folder of Hugging Face's library: the first that is set counts."""
_WHOLE_FORMATS = ("auto", "hf", "safetensors", "fastsafetensors", "mistral", "pt", "npcache")
"""The values of `load-format` with which a model is downloaded as a whole."""


def model_bytes(facts: catalog.ModelFacts) -> int:
    """Return the bytes of a model's tensors as they are downloaded."""
    shape = facts.architecture
    reckoned = weights.file_bytes(shape) + shape.extra_parameters * weights.BFLOAT16
    return facts.weights_bytes or reckoned


def suggested_gib(facts: catalog.ModelFacts) -> int:
    """Return the size of a disk that surely holds a model and its server, in tens of GiB."""
    needed = model_bytes(facts) * (1 + SPARE) / GIB + USUAL_GIB
    return math.ceil(needed / 10) * 10


def problems(wanted: spec.Spec, facts: catalog.ModelFacts | None) -> Iterator[spec.Problem]:
    """Yield the disk that is surely too small, with one that is large enough."""
    held = _held_bytes(wanted, facts)
    if facts is None or held is None or not cloud_limits.has_cloud(wanted):
        return
    disk, least = wanted.disk or DEFAULT_GIB, LEAST_GIB["gpu" if wanted.accelerators else "cpu"]
    if held / GIB + least <= disk:
        return
    which = "" if wanted.disk else " (SkyPilot's default)"
    instead = ", or keep the model on a volume with modelCache" if held else ""
    enough = suggested_gib(facts) if held else math.ceil(USUAL_GIB / 10) * 10
    yield spec.Problem(
        "disk",
        f"disk: {disk} GiB{which} do not hold {_gib(held)} of {facts.id} and {least} GiB or more "
        f"of vLLM; write disk: {enough}{instead}",
    )


def notes(wanted: spec.Spec, facts: catalog.ModelFacts | None) -> Iterator[str]:
    """Yield what a reviewer should know about the disk: what is tight or was not checked."""
    if facts is None:
        return  # plan/unchecked.py says that nothing is known of it
    held, disk = _held_bytes(wanted, facts), wanted.disk or DEFAULT_GIB
    needed = f"about {suggested_gib(facts)} GiB"
    own = [place for place in wanted.infra if cloud_limits.is_own(place)]
    if held is None:
        yield f"disk: not checked, since vLLM keeps the model elsewhere ({needed})"
        return
    if own and held:
        # sky/clouds/kubernetes.py, make_deploy_resources_variables: only a request to the scheduler
        # there, and nothing at all on machines that are there already.
        yield f"disk: not checked at {', '.join(own)}: machines there have their own ({needed})"
    if cloud_limits.has_cloud(wanted) and not any(problems(wanted, facts)):
        usual = held * (1 + SPARE) / GIB + USUAL_GIB
        if usual > disk:
            yield (
                f"disk: tight, {disk} GiB for {_gib(held)} of {facts.id} and usually "
                f"{USUAL_GIB} GiB of system and vLLM; write disk: {math.ceil(usual / 10) * 10}"
            )


def _held_bytes(wanted: spec.Spec, facts: catalog.ModelFacts | None) -> int | None:
    """Return the bytes of the model on the machine's own disk; None where unknown."""
    flags = vllm.given(wanted)
    if facts is None or flags.get("load-format", "auto") not in _WHOLE_FORMATS:
        return None
    given = dict.fromkeys(wanted.secrets, spec.UNKNOWN) | wanted.env  # a secret may have any value
    variables = [given.get(name) for name in _CACHE_VARIABLES]
    folders = [flags.get("download-dir"), wanted.model_cache, *variables]
    first = next((path for path in folders if path is not None), None)
    if first is None:
        return model_bytes(facts)
    if first is spec.UNKNOWN:
        return None
    folder = str(first)
    if any(_below(folder, path) for path in wanted.volumes):
        return 0
    modes = [mount.mode for path, mount in wanted.mounts.items() if _below(folder, path)]
    if "mount" in modes:
        return 0
    return model_bytes(facts) if "copy" in modes else None  # `cached` keeps a part on the disk


def _below(folder: str, path: str) -> bool:
    return f"{folder.rstrip('/')}/".startswith(f"{path.rstrip('/')}/")


def _gib(count: int) -> str:
    return f"{count / GIB:.0f} GiB"
