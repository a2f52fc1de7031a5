"""The memory that vLLM takes beside weights and cache: activations, CUDA graphs, the context.

The formulas are from vLLM's source (0.26, which was measured; file names are the same in 0.32) and
from PyTorch's. fitted.py has what they do not give. No GPU but an H100 was measured.
"""

import dataclasses

from ...catalog.architecture import Architecture
from ...catalog.stored import Quantization
from .cache import BLOCK_TOKENS
from .fitted import COLLECTIVES, FITTED, MIB, SECOND_GRAPHS, Fitted

CUBLAS = 32 * MIB
"""cuBLAS's workspace on Hopper, from the first bfloat16 matrix product on (PyTorch,
aten/src/ATen/cuda/CublasHandlePool.cpp, getChosenWorkspaceSize); 8 MiB on older GPUs."""

SAMPLER_V1 = 12
"""Bytes a logit beside the logit itself: in float32 the logits, their softmax and the noise
(v1/sample/sampler.py; ops/topk_topp_sampler.py, random_sample)."""
MULTIPROCESSORS = 132
"""The multiprocessors of an H100. The first runner's top-k keeps a row of float32 logits for each
(v1/sample/ops/topk_topp_triton.py, _TRITON_BUFFER_CACHE)."""

SECOND_RUNNER = frozenset({"DeepseekV2ForCausalLM", "GraniteMoeForCausalLM", "Qwen2MoeForCausalLM"})
"""Models that the second runner serves although they have experts (0.26: config/vllm.py,
DEFAULT_V2_MODEL_RUNNER_ARCHITECTURES)."""


@dataclasses.dataclass(frozen=True)
class Load:
    """The work that the engine gets at once, on one GPU."""

    tokens: int
    requests: int
    context: int
    tensor_parallel: int = 1
    compiled: bool = True
    last: bool = True
    """Whether the GPU holds the output layer and so the sampler."""
    graph_sizes: int = 51
    hopper: bool = True
    second: bool = True
    """Whether the second model runner serves the model."""
    images: bool = False
    """Whether the dummy run of a model that takes images includes them."""
    number_bytes: int = 2
    """Bytes of a number of the activations: 2 in bfloat16."""


@dataclasses.dataclass(frozen=True)
class Peak:
    """The highest of several peaks, in bytes, and its formula."""

    bytes: int
    formula: str


def second_runner(arch: Architecture) -> bool:
    """Return whether vLLM's second model runner serves the model.

    This is the rule of 0.26 (config/vllm.py, VllmConfig._is_default_v2_model_runner_model). 0.32
    takes the second runner for all models. Its lighter sampler was not measured with experts. For
    those the first runner's is still counted, which promises less.
    """
    return arch.experts is None or arch.name in SECOND_RUNNER


def activations(arch: Architecture, quantized: Quantization | None, load: Load) -> Peak:
    """Return the peak of the dummy run with which vLLM profiles itself."""
    peaks = [_forward(arch, quantized, load)]
    if load.last:
        peaks.append(_sampler(arch, load))
    if load.compiled and not arch.multimodal:
        peaks.append(_compiling(arch, load))
    return max(peaks, key=lambda peak: peak.bytes)


def graphs(arch: Architecture, load: Load, fitted: Fitted = FITTED) -> int:
    """Return the bytes for CUDA graphs, as vLLM estimates them by capturing."""
    if not load.compiled:
        return 0
    if load.second:
        return SECOND_GRAPHS
    first = fitted.first_graphs_sinks if arch.sinks else fitted.first_graphs
    return first + int(fitted.layer_graphs * arch.layers * load.graph_sizes / 51)


def non_torch(load: Load, fitted: Fitted = FITTED) -> int:
    """Return the bytes that PyTorch does not count."""
    held = fitted.non_torch + (COLLECTIVES if load.tensor_parallel > 1 else 0)
    graphs_too = load.compiled and not load.second
    return held + (fitted.non_torch_graphs if graphs_too else 0)


def graph_sizes(largest: int) -> int:
    """Return the number of batch sizes that are captured.

    These are 1, 2 and 4, every 8 to 256, and every 16 beyond.
    """
    return 3 + min(largest, 256) // 8 + max(0, largest - 256) // 16


def margin(arch: Architecture, load: Load, *, gpu_measured: bool, total: int) -> int:
    """Return the bytes around the edge, either way, within which a fit is not certain.

    The margin grows with collectives, and for models that take images, whose encoder is not
    counted.
    """
    size = 256 * MIB + 512 * MIB * (load.tensor_parallel > 1) + 512 * MIB * arch.multimodal
    return size if gpu_measured else size + total // 100


def _forward(arch: Architecture, quantized: Quantization | None, load: Load) -> Peak:
    """Return the peak at the widest point of a layer.

    There the two tables of the feed-forward part stand beside the hidden states.
    """
    hidden = load.tokens * arch.hidden * load.number_bytes
    # The layer's input, its residual and what attention gave; another where norms give a new
    # residual (GemmaRMSNorm), and the result where the part before it is held on to meanwhile.
    states = 3 + arch.new_residuals + arch.holds_gate_up
    if load.compiled:  # one more than LlamaMLP: so others logged CodeLlama-7B and Granite-8B
        states = max(4, states)
    inner = 0 if all(arch.expert_layers) else arch.intermediate // load.tensor_parallel
    wide = load.tokens * 3 * inner * load.number_bytes
    if arch.experts:
        copies = load.tokens * arch.experts.per_token
        deep = arch.experts.intermediate // load.tensor_parallel
        wide = max(wide, copies * 3 * deep * load.number_bytes, _workspace(arch, load))
    if arch.latent:
        wide = max(wide, _latent(arch, load) + _workspace(arch, load))
    # Kernels of quantized layers are not cuBLAS's.
    base = CUBLAS if quantized is None or quantized.experts_only else 0
    base += _images(arch, load)
    return Peak(
        int(wide + states * hidden + base),
        f"a layer: tokens * 3 * inner * 2 + {states} * tokens * hidden * 2 + {base // MIB} MiB",
    )


def _latent(arch: Architecture, load: Load) -> int:
    """Return the bytes of MLA's dummy expansion of the largest context, with queries and output.

    See layers/attention/mla_attention.py: forward_impl without metadata, and
    determine_chunked_prefill_workspace_size.
    """
    latent = arch.latent
    if latent is None:
        return 0
    pages = load.requests * BLOCK_TOKENS
    rows = max(min(max(8 * load.context, 4 * pages), 64 * 1024), pages)
    heads = arch.heads // load.tensor_parallel
    query = load.tokens * heads * (latent.nope + latent.rope + latent.value)
    return (rows * heads * (latent.nope + latent.value) + query) * load.number_bytes


def _sampler(arch: Architecture, load: Load) -> Peak:
    requests = min(load.requests, load.tokens)
    # The second runner's sampler works in place (v1/worker/gpu/sample/sampler.py).
    each = load.number_bytes + (0 if load.second else SAMPLER_V1)
    logits = requests * arch.vocabulary * each
    states = (load.tokens + 2 * requests) * arch.hidden * load.number_bytes
    kept = _workspace(arch, load)
    base = CUBLAS + _images(arch, load)
    if not load.second:
        base += min(MULTIPROCESSORS, requests) * arch.vocabulary * 4
    return Peak(
        logits + states + kept + base,
        f"the sampler: requests * vocabulary * {each} + (tokens + 2 * requests) * hidden * 2"
        + (" + the experts' workspace" if kept else "")
        + f" + {base // MIB} MiB",
    )


def _compiling(arch: Architecture, load: Load) -> Peak:
    """Return the peak while Inductor times the first kernel with tables of its own.

    These are the embedding, and the hidden states twice (config/compilation.py,
    CompilationConfig.__post_init__, benchmark_combo_kernel). A model of several parts embeds
    outside of the compiled part. This was seen with Qwen3 8B and 32B, and with Gemma-3-27B, which
    holds 1.06 requests for this reason.
    """
    table = arch.vocabulary * arch.hidden * load.number_bytes // load.tensor_parallel
    return Peak(
        table + 2 * load.tokens * arch.hidden * load.number_bytes + MIB,
        "compiling: vocabulary * hidden * 2 + 2 * tokens * hidden * 2",
    )


def _images(arch: Architecture, load: Load) -> int:
    """Return the bytes of a full batch of images in the dummy run: encoded, and as pixels.

    The second runner frees the pixels (v1/worker/gpu_model_runner.py, profile_run;
    v1/worker/gpu/mm/encoder_runner.py, profile_encoder_cache).
    """
    if not (arch.multimodal and load.images):
        return 0
    return (
        load.tokens * (arch.hidden + (0 if load.second else arch.image_numbers)) * load.number_bytes
    )


def _workspace(arch: Architecture, load: Load) -> int:
    """Return the bytes of the fused experts' two workspaces, which are never freed.

    See fused_moe/experts, workspace_shapes. gpt-oss's kernels on Hopper keep none. Elsewhere
    Marlin's workspaces are as large as Triton's.
    """
    experts = arch.experts
    if experts is None or (arch.sinks and load.hopper):
        return 0
    inner = experts.intermediate // load.tensor_parallel
    rows = load.tokens * experts.per_token
    return rows * (max(inner, arch.hidden) + max(2 * inner, arch.hidden)) * load.number_bytes
