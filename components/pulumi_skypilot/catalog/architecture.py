"""The shape of a model: the numbers from which its memory is calculated."""

import dataclasses
import enum

from .stored import Quantization


class Kind(enum.Enum):
    """The past tokens that a layer keeps in the KV cache."""

    FULL = "full"
    WINDOW = "window"
    CHUNK = "chunk"


@dataclasses.dataclass(frozen=True)
class Experts:
    """The experts of a mixture-of-experts layer."""

    count: int
    per_token: int
    intermediate: int
    shared_intermediate: int = 0
    """The width of the expert that every token uses; 0 when there is none."""
    correction: bool = False
    """The router has a bias, one number for each expert (DeepSeek's models, and later ones)."""


@dataclasses.dataclass(frozen=True)
class Latent:
    """DeepSeek's attention. It keeps one compressed vector per token for keys and values."""

    kv_rank: int
    rope: int
    nope: int
    value: int
    query_rank: int | None = None


@dataclasses.dataclass(frozen=True)
class Architecture:
    """The shape of a model's language part."""

    name: str
    """The class with which vLLM serves the model, as config.json names it."""
    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_size: int
    vocabulary: int
    intermediate: int
    kinds: tuple[Kind, ...]
    """The kind of each layer."""
    expert_layers: tuple[bool, ...]
    """For each layer, whether it has experts instead of one feed-forward part."""
    max_positions: int | None = None
    window: int | None = None
    """The tokens that a WINDOW or CHUNK layer attends to."""
    experts: Experts | None = None
    latent: Latent | None = None
    quantization: Quantization | None = None
    tied: bool = False
    """The output layer shares its weights with the embedding."""
    qkv_bias: bool = False
    output_bias: bool = False
    qk_norm: bool = False
    sinks: bool = False
    norms: int = 2
    """The number of norms in a layer, each with `hidden` parameters."""
    holds_gate_up: bool = False
    """The feed-forward part of vLLM's class keeps its first result until it returns (Qwen2MLP does,
    LlamaMLP does not). This raises the peak of activations."""
    new_residuals: bool = False
    """The norms allocate a new residual instead of adding in place (GemmaRMSNorm)."""
    multimodal: bool = False
    """vLLM embeds tokens outside the compiled part, as it does for multimodal models."""
    image_numbers: int = 0
    """The numbers of an image for each token that it becomes."""
    fp8_cache: bool = False
    """The checkpoint asks for an fp8 KV cache, and vLLM uses one without a flag."""
    rope_positions: tuple[int, ...] = ()
    """The number of positions in each table of cosines and sines."""
    rope_size: int = 0
    """The numbers for each position in such a table."""
    family: str = ""
    """The model_type of the language part in config.json."""
    extra_parameters: int = 0
    """The parameters of other loaded parts, such as a vision tower; they are bfloat16."""

    @property
    def sees_at_once(self) -> bool:
        """Return whether an image's tokens attend to each other (vLLM's MM_PREFIX_LM_MODELS)."""
        return self.multimodal and self.family.startswith("gemma3")

    def splits(self, parallel: int) -> bool:
        """Return whether vLLM can split the heads over `parallel` GPUs.

        KV heads are divided or copied. The sinks of gpt-oss do not allow copies
        (vllm/model_executor/models/gpt_oss.py, OAIAttention.__init__).
        """
        heads = self.heads if self.latent else self.kv_heads
        copied = not self.sinks and parallel % heads == 0
        return self.heads % parallel == 0 and (heads % parallel == 0 or copied)
