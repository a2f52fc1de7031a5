"""The memory that vLLM takes beside weights and cache: activations, CUDA graphs, the context.

The formulas are from vLLM's source (0.26, which was measured; file names are the same in 0.32) and
from PyTorch's. fitted.py has what they do not give. No GPU but an H100 was measured.
"""

import dataclasses

from ...catalog.architecture import Architecture
from ...catalog.stored import Quantization
from . import graphs
from .cache import BLOCK_TOKENS
from .fitted import COLLECTIVES, FITTED, LORA_COMPILED, MANY, MIB, Fitted

CUBLAS = 32 * MIB
"""cuBLAS's workspace on Hopper, from the first bfloat16 matrix product on (PyTorch,
aten/src/ATen/cuda/CublasHandlePool.cpp, getChosenWorkspaceSize); 8 MiB on older GPUs."""
HIPBLAS = 128 * MIB
"""hipBLAS's on AMD's gfx94x and gfx95x (the same function)."""

SAMPLER_V1 = 12
"""Bytes a logit beside the logit itself: in float32 the logits, their softmax and the noise
(v1/sample/sampler.py; ops/topk_topp_sampler.py, random_sample)."""
FLOAT32 = 4
"""Bytes of a number between an adapter's two products (lora/punica_wrapper/punica_gpu.py,
PunicaWrapperGPU.add_lora_linear)."""
REJECTION = 16
"""What the rejection sampler holds more: the logits of the request and of its guess, in two copies
of the guesses' in float32 (v1/sample/rejection_sampler.py, RejectionSampler.forward)."""
MULTIPROCESSORS = 132
"""The multiprocessors of an H100. The first runner's top-k keeps a row of float32 logits for each
(v1/sample/ops/topk_topp_triton.py, _TRITON_BUFFER_CACHE)."""

FLUSHED = 60 * MIB
"""What Inductor writes to clear the second level cache while it times a kernel on its first call:
the size of that cache, 60 MiB on an H200 and 50 on an H100 (torch/_inductor/runtime/
benchmarking.py, InductorBenchmarker.benchmark_gpu)."""


@dataclasses.dataclass(frozen=True)
class Load:
    """The work that the engine gets at once, on one GPU."""

    tokens: int
    requests: int
    context: int
    tensor_parallel: int = 1
    gpus: int = 1
    compiled: bool = True
    first: bool = True
    """Whether the GPU holds the embedding."""
    last: bool = True
    """Whether the GPU holds the output layer and so the sampler."""
    captured: tuple[int, ...] = ()
    """The batch sizes of CUDA graphs."""
    graph_mode: str = graphs.NONE
    hopper: bool = True
    second: bool = True
    """Whether the second model runner serves the model."""
    rejects: bool = False
    """Whether the first runner's rejection sampler runs too, for one guess of each request."""
    lora_rank: int = 0
    """The most ranks of an adapter; 0 when there are none."""
    images: bool = False
    """Whether the dummy run of a model that takes images includes them."""
    gathers_late: bool = False
    """Whether the dummy run makes a communicator of its own."""
    number_bytes: int = 2
    """Bytes of a number of the activations: 2 in bfloat16."""
    pooling: bool = False
    """Whether the model embeds or scores texts: it has a pooler and no sampler."""
    workspace: int = CUBLAS
    """The bytes of the workspace of matrix products."""


@dataclasses.dataclass(frozen=True)
class Peak:
    """The highest of several peaks, in bytes, and its formula."""

    bytes: int
    formula: str


def activations(arch: Architecture, quantized: Quantization | None, load: Load) -> Peak:
    """Return the peak of the dummy run with which vLLM profiles itself."""
    peaks = [_forward(arch, quantized, load)]
    if load.last:
        peaks.append(_pooler(arch, load) if load.pooling else _sampler(arch, load))
    if load.compiled and load.first and not arch.multimodal:
        peaks.append(_compiling(arch, load))
    highest = max(peaks, key=lambda peak: peak.bytes)
    if not load.lora_rank:
        return highest
    adapters = load.tokens * load.lora_rank * FLOAT32 + (LORA_COMPILED if load.compiled else 0)
    return Peak(highest.bytes + adapters, f"{highest.formula} + adapters: tokens * rank * 4")


def graph_bytes(arch: Architecture, load: Load, fitted: Fitted = FITTED) -> int:
    """Return the bytes for CUDA graphs, as vLLM estimates them by capturing."""
    return graphs.estimate(
        arch,
        load.captured,
        mode=load.graph_mode,
        requests=load.requests,
        tensor_parallel=load.tensor_parallel,
        fitted=fitted,
    )


def non_torch(load: Load, fitted: Fitted = FITTED) -> int:
    """Return the bytes that PyTorch does not count."""
    graphs_too = load.graph_mode != graphs.NONE and not load.second
    if load.gpus == 1:
        return fitted.non_torch + (fitted.non_torch_graphs if graphs_too else 0)
    if load.gathers_late:
        return fitted.non_torch + COLLECTIVES + (fitted.non_torch_graphs if graphs_too else 0)
    held = fitted.non_torch_parallel + (fitted.non_torch_parallel_graphs if graphs_too else 0)
    return held + (MANY * load.tensor_parallel if load.tensor_parallel > 2 else 0)


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
    inner = 0 if all(arch.expert_layers) else arch.widest // load.tensor_parallel
    wide = load.tokens * 3 * inner * load.number_bytes
    if arch.experts:
        wide = max(wide, _experts(arch, load), _workspace(arch, load))
    if arch.latent:
        wide = max(wide, _latent(arch, load) + _workspace(arch, load))
    # What each layer's own embedding adds, and what is projected to it (models/gemma4.py,
    # project_per_layer_inputs).
    wide += 2 * load.tokens * arch.layers * arch.own_embedding * load.number_bytes
    # Kernels of quantized layers are not cuBLAS's.
    base = load.workspace if quantized is None or quantized.leaves_attention else 0
    base += _images(arch, load)
    if load.compiled:
        # The residual before and after, and what attention gave, which the caller still holds.
        states, given = 2.0, arch.heads // load.tensor_parallel * max(arch.head_sizes) / arch.hidden
        states, base = states + given, base + FLUSHED
    else:
        states = _states(arch, load)
    return Peak(
        int(wide + states * hidden + base),
        f"a layer: tokens * 3 * inner * 2 + {states:g} * tokens * hidden * 2 + {base // MIB} MiB",
    )


def _states(arch: Architecture, load: Load) -> float:
    """Return the number of hidden states beside the widest point, in eager mode.

    These are the layer's input, its residual and what attention gave; another where norms give a
    new residual (GemmaRMSNorm); and the result, where the part before it is held on to meanwhile,
    twice where it is summed up over GPUs. A later stage has its residual in a buffer that is there
    before (v1/worker/gpu/model_runner.py, intermediate_tensors).
    """
    result = arch.holds_gate_up * (2 if load.tensor_parallel > 1 else 1)
    return 3 + arch.new_residuals + result - (not load.first)


def _experts(arch: Architecture, load: Load) -> int:
    """Return the bytes of what experts compute: each token goes to several of them.

    The kernels of gpt-oss on Hopper activate within the first product.
    """
    experts = arch.experts
    if experts is None:
        return 0
    inner = experts.intermediate // load.tensor_parallel
    numbers = arch.hidden + inner if arch.sinks and load.hopper else 3 * inner
    states = load.tokens * experts.per_token * numbers * load.number_bytes
    # Attention's projections have biases: cuBLASLt has a workspace of its own.
    return states + (CUBLAS + 2 * MIB if arch.sinks and load.hopper else 0)


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
    each += REJECTION if load.rejects else 0
    logits = requests * arch.vocabulary * each
    states = (load.tokens + 2 * requests) * arch.hidden * load.number_bytes
    kept = _workspace(arch, load)
    base = load.workspace + _images(arch, load)
    if not load.second:
        base += min(MULTIPROCESSORS, requests) * arch.vocabulary * 4
    return Peak(
        logits + states + kept + base,
        f"the sampler: requests * vocabulary * {each} + (tokens + 2 * requests) * hidden * 2"
        + (" + the experts' workspace" if kept else "")
        + f" + {base // MIB} MiB",
    )


def _pooler(arch: Architecture, load: Load) -> Peak:
    """Return the peak of the dummy run's pooler: the vector of each token, in float32.

    See v1/worker/gpu/pool/pooling_runner.py, dummy_pooler_run, and layers/pooler/tokwise/heads.py,
    TokenEmbeddingPoolerHead. No GPU was measured.
    """
    states = load.tokens * arch.hidden * (load.number_bytes + FLOAT32)
    return Peak(
        states + load.workspace + _workspace(arch, load),
        f"the pooler: tokens * hidden * {load.number_bytes + FLOAT32}",
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
