"""What is known of models, GPUs and clouds: data with its sources, read from the files beside.

A model or cloud that is not here may still be served; a GPU that is not here is refused, because
SkyPilot matches GPU names by substring (sky/utils/accelerator_registry.py:96) and would take a
misspelt one for another.
"""

import dataclasses
import functools
import importlib.resources
import re
import tomllib
import typing
from collections.abc import Iterable, Mapping

from .. import words

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
    """How the weights are stored: bfloat16 or mxfp4."""
    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_size: int
    source: str
    max_positions: int | None = None
    vocabulary: int | None = None
    window: int | None = None
    experts: int | None = None
    weights_bytes: int | None = None
    min_compute_capability: tuple[int, int] = VLLM_COMPUTE_CAPABILITY
    """Higher where the format of the weights asks for more."""
    kv_heads_replicate: bool = True
    """vLLM copies KV heads when tensor parallel exceeds them; not for gpt-oss."""
    tool_parser: str | None = None
    reasoning_parser: str | None = None
    """What vLLM takes by itself for this model; nothing needs to be passed."""
    recommended: tuple[Recommendation, ...] = ()

    @property
    def kv_bytes_per_token(self) -> int:
        """Of a bfloat16 cache, every layer counted in full: an upper bound for windowed ones."""
        return self.layers * 2 * self.kv_heads * self.head_size * 2


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


@dataclasses.dataclass(frozen=True)
class Cloud:
    """What SkyPilot asks of names and labels at one cloud."""

    name: str
    name_limit: int | None = None
    """Characters of a machine's name there, the user's hash included."""
    label_key: re.Pattern[str] | None = None
    label_value: re.Pattern[str] | None = None


@dataclasses.dataclass(frozen=True)
class Flags:
    """What one release of `vllm serve` takes."""

    engine: str
    flags: frozenset[str]
    switches: frozenset[str]


def model(name: str) -> ModelFacts | None:
    """The facts of a model by its Hugging Face id; None for one that is not catalogued."""
    return models().get(name)


def gpu(name: str) -> GpuFacts | None:
    """The facts of a GPU by SkyPilot's name for it, exactly as written there."""
    return gpus().get(name)


def nearest_gpu(name: str) -> str | None:
    """The GPU that a wrong name most likely meant."""
    return words.nearest(name, gpus())


def cloud(infra: str) -> Cloud | None:
    """The cloud of an infra string such as aws/us-east-1; None when SkyPilot knows none such."""
    name = infra.split("/", 1)[0].lower()
    return clouds().get(_ALIASES.get(name, name))


@functools.cache
def models() -> Mapping[str, ModelFacts]:
    """Every model of models.toml, by id."""
    return {entry["id"]: _model(entry) for entry in _read("models.toml")["model"]}


@functools.cache
def gpus() -> Mapping[str, GpuFacts]:
    """Every GPU of gpus.toml, by SkyPilot's name."""
    return {entry["name"]: _gpu(entry) for entry in _read("gpus.toml")["gpu"]}


@functools.cache
def clouds() -> Mapping[str, Cloud]:
    """Every cloud of clouds.toml, by SkyPilot's name."""
    return {entry["name"]: _cloud(entry) for entry in _read("clouds.toml")["cloud"]}


@functools.cache
def flags() -> Flags:
    """The flags of the vLLM that replicas install."""
    found = _read("flags.toml")
    return Flags(found["engine"], frozenset(found["flags"]), frozenset(found["switches"]))


def cloud_names() -> Iterable[str]:
    """What an infra string may begin with."""
    return (*clouds(), *_ALIASES)


_ALIASES = {"k8s": "kubernetes"}
"""sky/utils/infra_utils.py:102."""


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
    return ModelFacts(**_pairs(entry, "min_compute_capability"), recommended=recommended)


def _gpu(entry: dict[str, typing.Any]) -> GpuFacts:
    return GpuFacts(**_pairs(entry, "compute_capability"))


def _cloud(entry: dict[str, typing.Any]) -> Cloud:
    for key in ("label_key", "label_value"):
        if key in entry:
            entry[key] = re.compile(entry[key])
    return Cloud(**entry)


def _pairs(entry: dict[str, typing.Any], key: str) -> dict[str, typing.Any]:
    """TOML has no tuples."""
    return {**entry, key: tuple(entry[key])} if key in entry else entry


def _read(file: str) -> dict[str, typing.Any]:
    return tomllib.loads(importlib.resources.files(__name__).joinpath(file).read_text("utf-8"))
