"""What is known of models, GPUs and clouds: data with its sources, read from the files beside.

`facts` has the types, `data_files` their readers, `architecture` and `config_json` the shape of a
model, `declared` what vLLM's flags take. Here are the public names and the look-ups.

A model or GPU that is not here may still be served, and a preview says that it was not checked. A
GPU name that is only misspelt is refused where a cloud may be chosen: SkyPilot matches names by
substring (`canonicalize_accelerator_name` in sky/utils/accelerator_registry.py) and would take it
for another.
"""

from collections.abc import Iterable

from . import suggest
from .data_files import (
    builtin,
    clouds,
    config_keys,
    flags,
    formats,
    gpus,
    memory_flags,
    models,
    project_folder,
)
from .facts import (
    VLLM_COMPUTE_CAPABILITY,
    Cloud,
    Flags,
    Format,
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
    "GpuFacts",
    "MemoryFlags",
    "ModelFacts",
    "Recommendation",
    "builtin",
    "cloud",
    "cloud_names",
    "clouds",
    "config_keys",
    "family",
    "flags",
    "formats",
    "gpu",
    "gpus",
    "is_gpu",
    "meant_gpu",
    "memory_flags",
    "model",
    "models",
    "project_folder",
]

UNKNOWN_FAMILY = "unknown"
"""The family of a GPU that is not catalogued: no recipe has flags for it."""


def model(name: str) -> ModelFacts | None:
    """The facts of a model by its Hugging Face id; None for one that is not catalogued."""
    return models().get(name)


def gpu(name: str) -> GpuFacts | None:
    """The facts of a GPU by SkyPilot's name for it, exactly as written there."""
    return gpus().get(name)


def family(name: str) -> str:
    """Return the family of a GPU by SkyPilot's name, or UNKNOWN_FAMILY."""
    facts = gpu(name)
    return facts.family if facts else UNKNOWN_FAMILY


def meant_gpu(name: str) -> str | None:
    """Return the catalogued GPU that an unknown name is only a misspelling, or a part, of.

    A misspelling differs in case, hyphens, O for 0 and I for 1, or lacks one character. A part, as
    A100-8 is of A100-80GB, is what SkyPilot's own search takes for the whole. Another digit is no
    misspelling: RTX4060 and A800 are GPUs of their own.
    """
    spelt = next((known for known in gpus() if _spelling(known) == _spelling(name)), None)
    if spelt:
        return spelt
    longer = [known for known in gpus() if _is_part(name.casefold(), known.casefold())]
    return suggest.nearest(name, longer) or next(iter(longer), None)


def _spelling(name: str) -> str:
    return name.casefold().replace("-", "").replace("_", "").replace("o", "0").replace("i", "1")


def _is_part(name: str, known: str) -> bool:
    """Whether a name is in a known one as it stands, or is that without one character."""
    return name in known or any(name == known[:i] + known[i + 1 :] for i in range(len(known)))


def is_gpu(name: str) -> bool:
    """Whether SkyPilot's name is that of a GPU, and not of a TPU or another accelerator."""
    return not name.lower().startswith(("tpu", "inferentia", "trainium"))


def cloud(infra: str) -> Cloud | None:
    """The cloud of an infra string such as aws/us-east-1; None when SkyPilot knows none such."""
    name = infra.split("/", 1)[0].lower()
    return clouds().get(_ALIASES.get(name, name))


def cloud_names() -> Iterable[str]:
    """What an infra string may begin with."""
    return (*clouds(), *_ALIASES)


_ALIASES = {"k8s": "kubernetes"}
"""sky/utils/infra_utils.py, InfraInfo.from_str."""
