"""Typed facts of models, GPUs, clouds, formats of weights and vLLM's flags."""

import dataclasses
import re
from collections.abc import Mapping

from .architecture import Architecture, Kind

VLLM_COMPUTE_CAPABILITY = (7, 5)
"""The lowest compute capability that vLLM supports (its page getting_started/installation/gpu)."""


@dataclasses.dataclass(frozen=True)
class Recommendation:
    """The flags and variables of a model's recipe for some GPU families."""

    families: frozenset[str]
    flags: Mapping[str, str | int | float | bool]
    environment: Mapping[str, str]
    source: str
    updated: str = ""
    """The recipe's own date."""


@dataclasses.dataclass(frozen=True)
class Goal:
    """The flags of `optimize`, and what is known of their effect (goals.toml)."""

    name: str
    large: Mapping[str, object]
    """The flags on cards for which vLLM has larger defaults."""
    other: Mapping[str, object]
    evidence: str
    source: str


@dataclasses.dataclass(frozen=True)
class ModelFacts:
    """The facts of a model from its config.json and its recipe."""

    id: str
    weights: str
    """The format of the stored weights: bfloat16, or one of formats.toml."""
    architecture: Architecture
    source: str
    parameters: int | None = None
    """The count on the model's page."""
    weights_bytes: int | None = None
    """The bytes of the tensors in the model's files."""
    min_compute_capability: tuple[int, int] = VLLM_COMPUTE_CAPABILITY
    """vLLM's own minimum, or a higher one that the format of the weights needs."""
    tool_parser: str | None = None
    """The parser of this family's tool calls, by vLLM's page features/tool_calling and recipes."""
    reasoning_parser: str | None = None
    """The parser of its reasoning, by vLLM's page features/reasoning_outputs and recipes."""
    task: str = "generate"
    """The task that it does with a text: generate, embed or rerank."""
    gated: bool = False
    """The hub gives the files only to accounts that have been granted access."""
    recommended: tuple[Recommendation, ...] = ()

    @property
    def max_positions(self) -> int | None:
        """Return the longest context of the model, in tokens; None when it is unknown."""
        return self.architecture.max_positions

    @property
    def heads(self) -> int:
        """Return the number of query heads in a layer."""
        return self.architecture.heads

    @property
    def kv_heads(self) -> int:
        """Return the number of KV heads in a layer; with compressed keys and values, all heads."""
        arch = self.architecture
        return arch.heads if arch.latent else arch.kv_heads

    @property
    def kv_bytes_per_token(self) -> int:
        """Return the bytes of a bfloat16 KV cache per token, with every layer counted as full.

        This is an upper bound for models with windows. States are not among it: they have one size.
        """
        arch = self.architecture
        cached = [i for i, kind in enumerate(arch.kinds) if kind not in (Kind.NONE, Kind.SHARED)]
        index = sum(arch.index.layers) * arch.index.token_bytes if arch.index else 0
        if arch.latent:
            return len(cached) * (arch.latent.kv_rank + arch.latent.rope) * 2 + index
        of_layers = [arch.heads_of(layer) for layer in cached]
        return sum(2 * heads.kv * heads.size * 2 for heads in of_layers)


@dataclasses.dataclass(frozen=True)
class GpuFacts:
    """The facts of a GPU, under SkyPilot's name for it."""

    name: str
    vendor: str
    family: str
    memory_gib: int
    """The vendor's number. CUDA offers less."""
    compute_capability: tuple[int, int] | None = None
    """None for GPUs that are not NVIDIA's."""
    same_as: str | None = None
    """The first name of this card, where SkyPilot has several."""
    usable_bytes: int | None = None
    """The bytes that CUDA offers, if measured."""
    usable_share: float = 1.0
    """The share of memory_gib that CUDA offers, if not measured (usable.toml)."""
    free_gib: tuple[float, float] | None = None
    """The free and the total GiB when vLLM starts, if measured (usable.toml)."""
    held_gib: float = 0.0
    """The GiB that are not free then, if not measured: the maximum of the measured cards."""

    @property
    def free_share(self) -> float:
        """Return the share of CUDA's memory that is free when vLLM starts."""
        if self.free_gib is not None:
            return self.free_gib[0] / self.free_gib[1]
        return 1 - self.held_gib * 2**30 / self.offered_bytes

    @property
    def offered_bytes(self) -> int:
        """Return the bytes that CUDA offers: measured, or by the usual share."""
        return self.usable_bytes or int(self.memory_gib * 2**30 * self.usable_share)

    @property
    def large(self) -> bool:
        """Return whether vLLM has larger defaults for this GPU (EngineArgs.get_batch_defaults)."""
        return self.offered_bytes >= 70 * 2**30 and "A100" not in self.name


@dataclasses.dataclass(frozen=True)
class Format:
    """The requirements of a format of stored weights."""

    name: str
    min_compute_capability: tuple[int, int]
    source: str


@dataclasses.dataclass(frozen=True)
class Cloud:
    """SkyPilot's rules for names and labels at one cloud."""

    name: str
    name_limit: int | None = None
    """The most characters in a machine's name, with the user's hash."""
    label_key: re.Pattern[str] | None = None
    label_value: re.Pattern[str] | None = None
    lacks: tuple[str, ...] = ()
    """The features that SkyPilot lacks there, by its own names (sky/clouds/cloud.py,
    CloudImplementationFeatures)."""


@dataclasses.dataclass(frozen=True)
class Flags:
    """The flags of one release of `vllm serve`."""

    engine: str
    flags: frozenset[str]
    switches: frozenset[str]
    several: frozenset[str]
    """These of `flags` take one word or more."""
    alone: frozenset[str]
    """These of `flags` take no word."""
    optional: frozenset[str]
    """These of `flags` may go without their word."""
    names: Mapping[str, str]
    """Other names, with their dashes, and the flag that each stands for."""
    values: Mapping[str, tuple[str, ...]]
    """The words that a flag accepts, for flags that accept only some."""


@dataclasses.dataclass(frozen=True)
class MemoryFlags:
    """The flags of `vllm serve` by their effect on the calculation of a GPU's memory."""

    counted: frozenset[str]
    uncounted: frozenset[str]
    """With one of these flags the memory is not calculated."""
    assumed: frozenset[str]
    """The calculation ignores these flags, and says so."""
    none: frozenset[str]
    """These flags do not change the memory."""
