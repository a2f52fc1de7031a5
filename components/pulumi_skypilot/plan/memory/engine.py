"""The inputs of the memory fit: vLLM's settings, its GPU and its release, and its defaults."""

import dataclasses
from collections.abc import Mapping

from ...catalog.architecture import Architecture
from ...catalog.stored import Quantization
from .allocator import Blocks
from .lora import Lora

GIB = 2**30


@dataclasses.dataclass(frozen=True)
class Engine:
    """The differences between releases of vLLM that matter here."""

    graphs_of_second: bool
    """Whether CUDA graphs of the second runner are counted (v1/worker/gpu/cudagraph_utils.py)."""
    null_block: bool
    """Whether one block is held back at the start (kv_cache_utils.py, get_kv_cache_configs)."""
    graphs_of_first: bool = True
    """Whether CUDA graphs of the first runner are counted, as by default since 0.21."""
    second_runner: bool = True
    """Whether there is the second model runner."""
    second_for_all: bool = False
    """Whether it serves models with experts and n-gram speculation too."""
    gathers_late: bool = False
    """Whether the dummy run makes a communicator of its own, for the logits of several GPUs."""
    blocks: Blocks = Blocks.WHOLE
    """How the allocator makes blocks while a model loads."""
    wide_graphs: bool = False
    """Whether more graphs are captured on Blackwell GPUs."""
    images_in_second: bool = False
    """Whether its dummy run takes images, as the first one's does."""


SECOND_RUNNER = frozenset({"DeepseekV2ForCausalLM", "GraniteMoeForCausalLM", "Qwen2MoeForCausalLM"})
"""Models that the second runner serves although they have experts (0.26: config/vllm.py,
DEFAULT_V2_MODEL_RUNNER_ARCHITECTURES)."""

ENGINES: Mapping[str, Engine] = {
    "0.19.0": Engine(
        graphs_of_second=False,
        null_block=False,
        graphs_of_first=False,
        second_runner=False,
        gathers_late=True,
        blocks=Blocks.SPLIT,
    ),
    "0.26.0": Engine(graphs_of_second=False, null_block=False),
    "0.32.0": Engine(
        graphs_of_second=True,
        null_block=True,
        second_for_all=True,
        wide_graphs=True,
        images_in_second=True,
    ),
}
"""0.26 was measured here and 0.19 by others; 0.32 follows its source. Its runner is the second one
for all (config/vllm.py, VllmConfig.use_v2_model_runner)."""


@dataclasses.dataclass(frozen=True)
class Gpu:
    """The memory of one GPU."""

    total_bytes: int
    """The bytes that CUDA offers."""
    measured: bool = False
    """Whether total_bytes was read on a real card."""
    hopper: bool = False
    amd: bool = False
    """Whether it is AMD's. None was measured."""
    blackwell: bool = False
    """Whether it is a data centre's Blackwell GPU."""
    large: bool = False
    """Whether vLLM's larger defaults hold: from 70 GiB, no A100 (EngineArgs.get_batch_defaults)."""


@dataclasses.dataclass(frozen=True)
class Settings:
    """The settings of `vllm serve`; None is its own default."""

    context: int
    tensor_parallel: int = 1
    pipeline_parallel: int = 1
    quantization: str | None = None
    kv_dtype: str = "auto"
    max_sequences: int | None = None
    max_batched_tokens: int | None = None
    utilization: float = 0.92
    eager: bool = False
    hybrid: bool = True
    async_scheduling: bool = True
    compiled: bool = True
    graph_mode: str = "FULL_AND_PIECEWISE"
    graphs_estimated: bool = True
    """Whether CUDA graphs count (VLLM_MEMORY_PROFILER_ESTIMATE_CUDAGRAPHS)."""
    largest_graph: int | None = None
    graph_sizes: tuple[int, ...] = ()
    """The batch sizes of CUDA graphs, where they are set."""
    lora: Lora | None = None
    ngram: bool = False
    """Whether tokens are guessed from those before (the method ngram of speculative decoding)."""
    pooling: bool = False
    """Whether the model embeds or scores texts and generates none."""
    towers: bool = True
    """Whether what encodes images and sounds is loaded."""
    block_tokens: int | None = None
    """The tokens of a block of the cache; vLLM's default is what the attention's kernels prefer."""
    dtype: str = "bfloat16"
    """The dtype of weights that are not quantized, of activations, and of an `auto` cache."""

    @property
    def number_bytes(self) -> int:
        """Return the bytes of a number in dtype."""
        return 4 if self.dtype == "float32" else 2

    @property
    def gpus(self) -> int:
        """Return the number of GPUs of a replica."""
        return self.tensor_parallel * self.pipeline_parallel


def limits(gpu: Gpu, settings: Settings) -> tuple[int, int]:
    """Return max_num_seqs and max_num_batched_tokens: as set, else the API server's defaults."""
    large = gpu.large or gpu.total_bytes >= 160 * GIB
    tokens = 16384 if gpu.total_bytes >= 160 * GIB else 8192 if large else 2048
    batched = settings.max_batched_tokens or tokens
    return settings.max_sequences or min(1024 if large else 256, batched), batched


def quantization(arch: Architecture, settings: Settings) -> Quantization | None:
    """Return the model's own quantization, or the one that is done at load."""
    if arch.quantization is None and settings.quantization in ("fp8", "fp8_per_tensor"):
        return Quantization("fp8-online", 8)
    return arch.quantization


def kv_dtype(arch: Architecture, settings: Settings) -> str:
    """Return the dtype of the cache: as set, else the one that the checkpoint was made for.

    See vllm/utils/torch_utils.py, resolve_kv_cache_dtype_string.
    """
    return "fp8" if settings.kv_dtype == "auto" and arch.fp8_cache else settings.kv_dtype


def kv_bytes_each(kv_dtype: str, number_bytes: int = 2) -> float:
    """Return the bytes of a number of the cache.

    A number of an auto cache is as wide as the model's: `number_bytes`.
    """
    if kv_dtype == "auto":
        return number_bytes
    if kv_dtype.startswith(("fp8", "int8")):
        return 1
    return 0.5625 if kv_dtype.startswith("nvfp4") else 2


def second_runner(arch: Architecture, settings: Settings, engine: Engine) -> bool:
    """Return whether vLLM's second model runner serves the model.

    See config/vllm.py, VllmConfig.use_v2_model_runner.
    """
    plain = (arch.experts is None or arch.name in SECOND_RUNNER) and not settings.ngram
    return engine.second_runner and (engine.second_for_all or plain)


def steps_in_flight(arch: Architecture, settings: Settings, engine: Engine) -> int:
    """Return the number of batches at once (config/vllm.py, max_concurrent_batches).

    Guessing n-grams turns asynchronous scheduling off, and so does a model that embeds
    (VllmConfig.__post_init__).
    """
    stages = settings.pipeline_parallel
    if not settings.async_scheduling or settings.ngram or settings.pooling:
        return stages
    if second_runner(arch, settings, engine):
        return stages + 1
    return 2 if stages == 1 else stages
