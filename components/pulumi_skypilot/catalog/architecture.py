"""The shape of a model: the numbers that its memory follows from."""

import dataclasses
import enum

from .stored import Quantization


class Kind(enum.Enum):
    """What a layer keeps of the past."""

    FULL = "full"
    WINDOW = "window"
    CHUNK = "chunk"


@dataclasses.dataclass(frozen=True)
class Experts:
    """The experts of a layer that has them."""

    count: int
    per_token: int
    intermediate: int
    shared_intermediate: int = 0
    """Of the expert that every token passes; 0 where there is none."""
    correction: bool = False
    """A bias of the router, one number an expert (DeepSeek's and those after it)."""


@dataclasses.dataclass(frozen=True)
class Latent:
    """DeepSeek's attention, which keeps one compressed vector a token for keys and values."""

    kv_rank: int
    rope: int
    nope: int
    value: int
    query_rank: int | None = None


@dataclasses.dataclass(frozen=True)
class Architecture:
    """The shape of a model's language part."""

    name: str
    """The class that vLLM serves it with, as config.json names it."""
    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_size: int
    vocabulary: int
    intermediate: int
    kinds: tuple[Kind, ...]
    """Of each layer."""
    expert_layers: tuple[bool, ...]
    """Which layers have experts instead of one feed-forward part."""
    max_positions: int | None = None
    window: int | None = None
    """Tokens that a WINDOW or CHUNK layer sees."""
    experts: Experts | None = None
    latent: Latent | None = None
    quantization: Quantization | None = None
    tied: bool = False
    """The output layer is the embedding."""
    qkv_bias: bool = False
    output_bias: bool = False
    qk_norm: bool = False
    sinks: bool = False
    norms: int = 2
    """Norms of a layer, each `hidden` long."""
    holds_gate_up: bool = False
    """Whether the feed-forward part of vLLM's class holds its first table to the end, as Qwen2MLP
    does and LlamaMLP does not: it shows at the peak of activations."""
    new_residuals: bool = False
    """Whether its norms make a new residual instead of adding in place (GemmaRMSNorm)."""
    multimodal: bool = False
    """Whether vLLM embeds outside of what it compiles, as it does where there is more than text."""
    image_numbers: int = 0
    """Of an image, for each token that it becomes."""
    fp8_cache: bool = False
    """Whether the checkpoint was made for a cache in fp8, which vLLM then takes by itself."""
    rope_positions: tuple[int, ...] = ()
    """The length of each table of cosines and sines."""
    rope_size: int = 0
    """Numbers a position of such a table."""
    family: str = ""
    """What config.json calls model_type, of the language part."""
    extra_parameters: int = 0
    """Of parts that are loaded beside the language model, such as a vision tower; bfloat16."""

    @property
    def sees_at_once(self) -> bool:
        """Whether the tokens of an image see one another (MM_PREFIX_LM_MODELS of vLLM)."""
        return self.multimodal and self.family.startswith("gemma3")

    def splits(self, parallel: int) -> bool:
        """Whether vLLM can share the heads out over so many GPUs.

        KV heads are divided, or copied, which gpt-oss's sinks do not allow
        (vllm/model_executor/models/gpt_oss.py, OAIAttention.__init__).
        """
        heads = self.heads if self.latent else self.kv_heads
        copied = not self.sinks and parallel % heads == 0
        return self.heads % parallel == 0 and (heads % parallel == 0 or copied)
