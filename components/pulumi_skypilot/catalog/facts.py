"""Typed facts of models, GPUs, clouds, formats of weights and vLLM's flags."""

import dataclasses
import re
from collections.abc import Mapping

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
    gated: bool = False
    """Whether its page gives the files only to accounts that were let in."""
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
    """What SkyPilot cannot do there, in its own words (sky/clouds/cloud.py,
    CloudImplementationFeatures)."""


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
