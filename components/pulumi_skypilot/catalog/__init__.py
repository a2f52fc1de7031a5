"""Facts of models, GPUs and clouds: data files with their sources, and the look-ups in them.

`facts` has the types, `data_files` their readers, `architecture` and `config_json` the shape of a
model, `declared` the values that vLLM's flags accept. This module has the public names.

A model or GPU that is not in the catalogue may still be served; the preview says that it was not
checked. A misspelt GPU is refused when SkyPilot may choose a cloud: it matches names by substring
(`canonicalize_accelerator_name` in sky/utils/accelerator_registry.py) and could choose another GPU.
"""

from collections.abc import Iterable

from . import suggest
from .data_files import (
    builtin,
    builtin_gpus,
    clouds,
    config_keys,
    flags,
    formats,
    goals,
    gpus,
    memory_flags,
    models,
    other_accelerators,
    pod_fields,
    project_folder,
)
from .facts import (
    VLLM_COMPUTE_CAPABILITY,
    Cloud,
    Flags,
    Format,
    Goal,
    GpuFacts,
    MemoryFlags,
    ModelFacts,
    Recommendation,
)

__all__ = [
    "UNKNOWN_FAMILY",
    "VLLM_COMPUTE_CAPABILITY",
    "Cloud",
    "Flags",
    "Format",
    "Goal",
    "GpuFacts",
    "MemoryFlags",
    "ModelFacts",
    "Recommendation",
    "builtin",
    "builtin_gpus",
    "cloud",
    "cloud_names",
    "clouds",
    "config_keys",
    "family",
    "flags",
    "formats",
    "goals",
    "gpu",
    "gpus",
    "is_gpu",
    "meant_gpu",
    "memory_flags",
    "model",
    "models",
    "other_kind",
    "pod_fields",
    "project_folder",
]

UNKNOWN_FAMILY = "unknown"
"""The family of a GPU that is not in the catalogue. No recipe has flags for it."""


def model(name: str) -> ModelFacts | None:
    """Return the facts of a model by its Hugging Face id; None when it is not in the catalogue."""
    return models().get(name)


def gpu(name: str) -> GpuFacts | None:
    """Return the facts of a GPU by SkyPilot's exact name; None when it is not in the catalogue."""
    return gpus().get(name)


def family(name: str) -> str:
    """Return the family of a GPU by SkyPilot's name, or UNKNOWN_FAMILY."""
    facts = gpu(name)
    return facts.family if facts else UNKNOWN_FAMILY


def meant_gpu(name: str) -> str | None:
    """Return the GPU of the catalogue that an unknown name stands for; None when there is none.

    A misspelling differs in case, in hyphens, by O for 0 or by I for 1, or lacks one character. A
    part of a name, such as A100-8 of A100-80GB, matches in SkyPilot's own search. A name with
    another digit is not a misspelling: RTX4060 and A800 are GPUs of their own.
    """
    spelt = next((known for known in gpus() if _spelling(known) == _spelling(name)), None)
    if spelt:
        return spelt
    longer = [known for known in gpus() if _is_part(name.casefold(), known.casefold())]
    return suggest.nearest(name, longer) or next(iter(longer), None)


def _spelling(name: str) -> str:
    return name.casefold().replace("-", "").replace("_", "").replace("o", "0").replace("i", "1")


def _is_part(name: str, known: str) -> bool:
    """Return whether a name is part of a known one, or the known one without one character."""
    return name in known or any(name == known[:i] + known[i + 1 :] for i in range(len(known)))


def is_gpu(name: str) -> bool:
    """Return whether a name of SkyPilot is a GPU's, and not a TPU's or another accelerator's."""
    return other_kind(name) is None


def other_kind(name: str) -> str | None:
    """Return the kind, in the plural, of an accelerator that is no GPU; None for a GPU."""
    kinds = other_accelerators().items()
    return next((kind for pattern, kind in kinds if pattern.match(name)), None)


def cloud(infra: str) -> Cloud | None:
    """Return the cloud of an infra string such as aws/us-east-1; None when SkyPilot lacks it."""
    name = infra.split("/", 1)[0].lower()
    return clouds().get(_ALIASES.get(name, name))


def cloud_names() -> Iterable[str]:
    """Return the names of clouds with which an infra string may begin."""
    return (*clouds(), *_ALIASES)


_ALIASES = {"k8s": "kubernetes"}
"""Other names that SkyPilot accepts (sky/utils/infra_utils.py, InfraInfo.from_str)."""
