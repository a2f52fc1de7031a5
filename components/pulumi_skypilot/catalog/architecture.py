"""The shape of a model: the numbers from which its memory is calculated."""

import dataclasses
import enum
import functools

from .stored import Quantization


class Kind(enum.Enum):
    """The past tokens that a layer keeps in the KV cache."""

    FULL = "full"
    WINDOW = "window"
    CHUNK = "chunk"
    SHARED = "shared"
    """The layer reads the cache of an earlier layer, and has neither keys nor values of its own."""
    NONE = "cacheless"
    """The layer has no attention."""
    STATE = "state"
    """One state of a fixed size instead of past tokens: linear attention, state space."""


@dataclasses.dataclass(frozen=True)
class Experts:
    """The experts of a mixture-of-experts layer."""

    count: int
    per_token: int
    intermediate: int
    shared_intermediate: int = 0
    """The width of the expert that every token uses; 0 when there is none."""
    latent: int = 0
    """The width to which tokens are compressed for the experts; 0: they are not (Nemotron 3)."""
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
class State:
    """The layers that keep a state of a fixed size: linear attention, state space, convolution.

    The state is as vLLM divides it over GPUs (layers/mamba/mamba_utils.py,
    MambaStateShapeCalculator).
    """

    layers: tuple[bool, ...]
    """For each layer, whether it has such a part."""
    channels: int
    """The channels of the convolution."""
    taps: int
    """The earlier steps that the convolution keeps of each channel."""
    heads: int = 0
    numbers: int = 0
    """The numbers of the recurrent state of a head."""
    groups: int = 0
    """The groups of Mamba 2 that have channels of their own; a GPU has whole groups."""
    group_channels: int = 0
    number_bytes: int = 2
    """The bytes of a number of the recurrent state."""
    linear: int = 0
    """The parameters of linear layers in such a part."""
    plain: int = 0
    """Its other parameters."""

    def state_bytes(self, parallel: int) -> int:
        """Return the bytes of a layer's state on each of `parallel` GPUs."""
        copied = parallel - self.groups if self.groups % parallel else 0
        channels = self.channels + (self.groups + copied) * self.group_channels
        convolution = channels // parallel * self.taps * 2
        return convolution + self.heads // parallel * self.numbers * self.number_bytes


@dataclasses.dataclass(frozen=True)
class Index:
    """The index of sparse attention, by which it finds the tokens to attend to (DeepSeek V3.2)."""

    layers: tuple[bool, ...]
    """For each layer, whether it has an index of its own."""
    token_bytes: int
    """The bytes of a token in the index's cache, whole on every GPU."""
    linear: int
    plain: int


@dataclasses.dataclass(frozen=True)
class Heads:
    """The KV heads of a layer, and the size of all its heads."""

    kv: int
    size: int


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
    wide: Heads | None = None
    """The heads of the layers in `wide_layers`, where they differ from the others' (Gemma 4)."""
    wide_layers: tuple[bool, ...] = ()
    keys_as_values: bool = False
    """The checkpoint has no values for these layers: vLLM loads the keys twice."""
    doubled: bool = False
    """The feed-forward parts of layers that share a cache are twice as wide."""
    own_embedding: int = 0
    """The width of the embedding that each layer has of its own (Gemma 4)."""
    tied: bool = False
    """The output layer shares its weights with the embedding."""
    qkv_bias: bool = False
    output_bias: bool = False
    qk_norm: bool = False
    wide_qk_norm: bool = False
    """The norms of queries and keys have a parameter for every number of every head."""
    sinks: bool = False
    norms: int = 2
    """The number of norms in a layer, each with `hidden` parameters."""
    state: State | None = None
    index: Index | None = None
    feed_forward: tuple[bool, ...] = ()
    """For each layer, whether it has a feed-forward part or experts; empty: all have."""
    matrices: int = 3
    """The matrices of a feed-forward part: 3 with a gate, else 2."""
    gated_attention: bool = False
    """The queries' projection makes a gate of the same width, too."""
    shared_gate: bool = False
    """The expert that every token uses has a gate."""
    holds_gate_up: bool = False
    """The feed-forward part of vLLM's class keeps its first result until it returns (Qwen2MLP does,
    LlamaMLP does not). This raises the peak of activations."""
    new_residuals: bool = False
    """The norms allocate a new residual instead of adding in place (GemmaRMSNorm)."""
    images_at_once: bool = False
    """config.json says that an image's tokens attend to each other."""
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
    float32_tables: bool = False
    """vLLM's class keeps its table in float32 (gpt_oss.py, OAIAttention; rotary_embedding/
    deepseek_scaling_rope.py, DeepseekScalingRotaryEmbedding)."""
    family: str = ""
    """The model_type of the language part in config.json."""
    extra_parameters: int = 0
    """The parameters of other loaded parts, such as a vision tower; they are bfloat16."""

    def __hash__(self) -> int:
        """Return the hash of all fields, computed once: every cache of memory/ asks for it."""
        return self._hash

    @functools.cached_property
    def _hash(self) -> int:
        return hash(tuple(getattr(self, field.name) for field in dataclasses.fields(self)))

    @property
    def sees_at_once(self) -> bool:
        """Return whether an image's tokens attend to each other (vLLM's MM_PREFIX_LM_MODELS)."""
        return self.multimodal and (self.family.startswith("gemma3") or self.images_at_once)

    @property
    def head_sizes(self) -> tuple[int, ...]:
        """Return the sizes of heads, one or two."""
        return (self.head_size, *((self.wide.size,) if self.wide else ()))

    @property
    def widest(self) -> int:
        """Return the width of the widest feed-forward part."""
        return self.intermediate * (2 if self.doubled else 1)

    def heads_of(self, layer: int) -> Heads:
        """Return the KV heads of a layer."""
        if self.wide and self.wide_layers[layer]:
            return self.wide
        return Heads(self.kv_heads, self.head_size)

    def intermediate_of(self, layer: int) -> int:
        """Return the width of a layer's feed-forward part."""
        return self.widest if self.kinds[layer] is Kind.SHARED else self.intermediate
