"""What is known of models, GPUs and clouds: data with its sources, read from the files beside.

A model or GPU that is not here may still be served, and a preview says that it was not checked. A
GPU name that is only misspelt is refused where a cloud may be chosen: SkyPilot matches names by
substring (`canonicalize_accelerator_name` in sky/utils/accelerator_registry.py) and would take it
for another.
"""

import dataclasses
import functools
import importlib.resources
import pathlib
import re
import tomllib
import typing
from collections.abc import Iterable, Mapping

from .. import errors
from . import architecture, declared, suggest
from .architecture import Architecture

VLLM_COMPUTE_CAPABILITY = (7, 5)
"""The least that vLLM runs on (its documentation, getting_started/installation/gpu)."""


@dataclasses.dataclass(frozen=True)
class Recommendation:
    """What a model's recipe asks of vLLM on some GPU families."""

    families: frozenset[str]
    flags: Mapping[str, str | int | float | bool]
    environment: Mapping[str, str]
    source: str


@dataclasses.dataclass(frozen=True)
class ModelFacts:
    """What a model's own config.json and its recipe say."""

    id: str
    weights: str
    """How the weights are stored: bfloat16, or a format of formats.toml."""
    architecture: Architecture
    source: str
    parameters: int | None = None
    """As the model's page counts them."""
    weights_bytes: int | None = None
    """Of the tensors in its files."""
    min_compute_capability: tuple[int, int] = VLLM_COMPUTE_CAPABILITY
    """Higher where the format of the weights asks for more."""
    tool_parser: str | None = None
    reasoning_parser: str | None = None
    """What vLLM takes by itself for this model; nothing needs to be passed."""
    recommended: tuple[Recommendation, ...] = ()

    @property
    def max_positions(self) -> int | None:
        """The longest context that the model was made for."""
        return self.architecture.max_positions

    @property
    def heads(self) -> int:
        """Query heads of a layer."""
        return self.architecture.heads

    @property
    def kv_heads(self) -> int:
        """Heads that keys and values are kept for; all of them, where they are kept compressed."""
        arch = self.architecture
        return arch.heads if arch.latent else arch.kv_heads

    @property
    def kv_bytes_per_token(self) -> int:
        """Of a bfloat16 cache, every layer counted in full: an upper bound for windowed ones."""
        arch = self.architecture
        if arch.latent:
            return arch.layers * (arch.latent.kv_rank + arch.latent.rope) * 2
        return arch.layers * 2 * arch.kv_heads * arch.head_size * 2


@dataclasses.dataclass(frozen=True)
class GpuFacts:
    """What a GPU is, under the name that SkyPilot gives it."""

    name: str
    vendor: str
    family: str
    memory_gib: int
    """As its maker says; what CUDA offers is less."""
    compute_capability: tuple[int, int] | None = None
    """Of NVIDIA's GPUs only."""
    usable_bytes: int | None = None
    """What CUDA really offered, where it was measured."""
    usable_share: float = 1.0
    """The part of memory_gib that CUDA offers, where it was not (usable.toml)."""
    free_gib: tuple[float, float] | None = None
    """What was free when vLLM started, and of how much, where it was measured (usable.toml)."""
    held_gib: float = 0.0
    """What is not free then, where that was not measured: the most of other cards."""

    @property
    def free_share(self) -> float:
        """The part of what CUDA offers that is free when vLLM starts: measured, else estimated."""
        if self.free_gib is not None:
            return self.free_gib[0] / self.free_gib[1]
        return 1 - self.held_gib * 2**30 / self.offered_bytes

    @property
    def offered_bytes(self) -> int:
        """What CUDA offers: measured, else the usual share."""
        return self.usable_bytes or int(self.memory_gib * 2**30 * self.usable_share)


@dataclasses.dataclass(frozen=True)
class Format:
    """What runs weights that are stored so."""

    name: str
    min_compute_capability: tuple[int, int]
    source: str


@dataclasses.dataclass(frozen=True)
class Cloud:
    """What SkyPilot asks of names and labels at one cloud."""

    name: str
    name_limit: int | None = None
    """Characters of a machine's name there, the user's hash included."""
    label_key: re.Pattern[str] | None = None
    label_value: re.Pattern[str] | None = None
    lacks: tuple[str, ...] = ()
    """What SkyPilot cannot do there, in its own words (sky/clouds/cloud.py:33)."""


@dataclasses.dataclass(frozen=True)
class Flags:
    """What one release of `vllm serve` takes."""

    engine: str
    flags: frozenset[str]
    switches: frozenset[str]
    values: Mapping[str, tuple[str, ...]]
    """The words that a flag takes, of those that take some only."""


@dataclasses.dataclass(frozen=True)
class MemoryFlags:
    """What the flags of `vllm serve` mean to the reckoning of a GPU's memory."""

    counted: frozenset[str]
    uncounted: frozenset[str]
    """With one of these nothing is reckoned."""
    assumed: frozenset[str]
    """What is reckoned is without them."""
    none: frozenset[str]
    """They take nothing of it."""


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


@functools.cache
def models() -> Mapping[str, ModelFacts]:
    """Every model of the package, and over them those of the project, by id. Raises WrongFile."""
    folder = project_folder()
    files = sorted(folder.glob("*--*.toml")) if folder else []
    found = [facts for path in files for facts in _of_project(path)]
    return {**builtin(), **{facts.id: _over_builtin(facts) for facts in found}}


@functools.cache
def builtin() -> Mapping[str, ModelFacts]:
    """Every model of the package's folder models, by id."""
    own = importlib.resources.files(__name__).joinpath("models")
    files = sorted((one for one in own.iterdir()), key=lambda one: one.name)
    tables = [tomllib.loads(one.read_text("utf-8")) for one in files]
    return {entry["id"]: _model(entry) for table in tables for entry in table["model"]}


def project_folder() -> pathlib.Path | None:
    """Where a project keeps facts of models: the folder models beside Pulumi.yaml, there or not.

    A program and its providers, each a process, run in the project's folder or in the one below it
    that `main` names (seen with Pulumi 3.259), and so look upwards.
    """
    here = pathlib.Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "Pulumi.yaml").is_file():
            return folder / "models"
    return None


@functools.cache
def formats() -> Mapping[str, Format]:
    """Every format of formats.toml, by vLLM's name."""
    return {entry["name"]: _format(entry) for entry in _read("formats.toml")["format"]}


@functools.cache
def gpus() -> Mapping[str, GpuFacts]:
    """Every GPU of gpus.toml, by SkyPilot's name."""
    usable = _read("usable.toml")
    *named, others = usable["usable"]
    shares = {gpu: entry["share"] for entry in named for gpu in entry["gpus"]}
    free = {entry["gpu"]: (entry["free_gib"], entry["total_gib"]) for entry in usable["free"]}
    held = max(total - left for left, total in free.values())
    return {
        entry["name"]: GpuFacts(
            **_pairs(entry, "compute_capability"),
            usable_share=shares.get(entry["name"], others["share"]),
            free_gib=free.get(entry["name"]),
            held_gib=held,
        )
        for entry in _read("gpus.toml")["gpu"]
    }


@functools.cache
def clouds() -> Mapping[str, Cloud]:
    """Every cloud of clouds.toml, by SkyPilot's name."""
    return {entry["name"]: _cloud(entry) for entry in _read("clouds.toml")["cloud"]}


@functools.cache
def flags() -> Flags:
    """The flags of the vLLM that replicas install."""
    found = _read("flags.toml")
    values = {
        flag: known.one_of
        for flag, known in declared.ranges().items()
        if known.one_of and isinstance(known.one_of[0], str)
    }
    values |= {flag: tuple(some) for flag, some in found["values"].items()}
    return Flags(found["engine"], frozenset(found["flags"]), frozenset(found["switches"]), values)


@functools.cache
def memory_flags() -> MemoryFlags:
    """What each flag of the vLLM that replicas install means to a GPU's memory."""
    found = _read("memory_flags.toml")
    return MemoryFlags(**{key: frozenset(names) for key, names in found.items()})


def cloud_names() -> Iterable[str]:
    """What an infra string may begin with."""
    return (*clouds(), *_ALIASES)


_ALIASES = {"k8s": "kubernetes"}
"""sky/utils/infra_utils.py:102."""


def _over_builtin(facts: ModelFacts) -> ModelFacts:
    """A model of the project with what its own files do not tell, where the package knows it."""
    known = builtin().get(facts.id)
    if known is None:
        return facts
    return dataclasses.replace(
        facts,
        tool_parser=facts.tool_parser or known.tool_parser,
        reasoning_parser=facts.reasoning_parser or known.reasoning_parser,
        recommended=facts.recommended or known.recommended,
    )


def _of_project(path: pathlib.Path) -> list[ModelFacts]:
    """The models of a file that `pulumi-skypilot models add` wrote, and someone may have edited."""
    try:
        return [_model(entry) for entry in tomllib.loads(path.read_text("utf-8"))["model"]]
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        reason = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise errors.CatalogError(
            f"models/{path.name}: {reason}; mend it, or write it anew with "
            f"`pulumi-skypilot models add {path.stem.replace('--', '/', 1)}`"
        ) from None


def _model(entry: dict[str, typing.Any]) -> ModelFacts:
    recommended = tuple(
        Recommendation(
            families=frozenset(one["families"]),
            flags=one.get("flags", {}),
            environment=one.get("environment", {}),
            source=one["source"],
        )
        for one in entry.pop("recommended", [])
    )
    shape = architecture.read(entry.pop("config"))
    return ModelFacts(
        **_pairs(entry, "min_compute_capability"), architecture=shape, recommended=recommended
    )


def _format(entry: dict[str, typing.Any]) -> Format:
    return Format(**_pairs(entry, "min_compute_capability"))


def _cloud(entry: dict[str, typing.Any]) -> Cloud:
    for key in ("label_key", "label_value"):
        if key in entry:
            entry[key] = re.compile(entry[key])
    return Cloud(**_pairs(entry, "lacks"))


def _pairs(entry: dict[str, typing.Any], key: str) -> dict[str, typing.Any]:
    """TOML has no tuples."""
    return {**entry, key: tuple(entry[key])} if key in entry else entry


def _read(file: str) -> dict[str, typing.Any]:
    return tomllib.loads(importlib.resources.files(__name__).joinpath(file).read_text("utf-8"))
