"""What vLLM takes beside weights and cache: activations at their peak, CUDA graphs, the context.

Formulas from vLLM's source (0.26, which was measured; file names are the same in 0.32) and from
PyTorch's. What they do not say is in fitted.py. No other GPU than an H100 has been measured.
"""

import dataclasses

from ...catalog.architecture import Architecture
from ...catalog.stored import Quantization
from .cache import BLOCK_TOKENS
from .fitted import COLLECTIVES, FITTED, MIB, SECOND_GRAPHS, Fitted

CUBLAS = 32 * MIB
"""cuBLAS's workspace on Hopper, there from the first bfloat16 matrix product on (PyTorch,
aten/src/ATen/cuda/CublasHandlePool.cpp, getChosenWorkspaceSize); 8 MiB on older GPUs."""

SAMPLER_V1 = 12
"""Bytes a logit beside the logit itself: in float32 the logits, their softmax and the noise
(v1/sample/sampler.py; ops/topk_topp_sampler.py, random_sample)."""
MULTIPROCESSORS = 132
"""Of an H100. The first runner's top-k keeps a row of float32 logits for each
(v1/sample/ops/topk_topp_triton.py, _TRITON_BUFFER_CACHE)."""

SECOND_RUNNER = frozenset({"DeepseekV2ForCausalLM", "GraniteMoeForCausalLM", "Qwen2MoeForCausalLM"})
"""Models with experts that the second runner serves nevertheless (0.26: config/vllm.py,
DEFAULT_V2_MODEL_RUNNER_ARCHITECTURES)."""


@dataclasses.dataclass(frozen=True)
class Load:
    """What the engine is asked to do at once, on one GPU."""

    tokens: int
    requests: int
    context: int
    tensor_parallel: int = 1
    compiled: bool = True
    last: bool = True
    """Holds the output layer and so the sampler."""
    graph_sizes: int = 51
    hopper: bool = True
    second: bool = True
    """Served by the second model runner."""
    images: bool = False
    """The dummy run takes images too, of a model that sees."""
    number_bytes: int = 2
    """Of a number of the activations: 2 in bfloat16."""


@dataclasses.dataclass(frozen=True)
class Peak:
    """The highest of several peaks, and which."""

    bytes: int
    formula: str


def second_runner(arch: Architecture) -> bool:
    """Whether vLLM's second model runner serves it.

    So 0.26 has it (config/vllm.py, VllmConfig._is_default_v2_model_runner_model). 0.32 takes it for
    all. Its lighter sampler was not measured with experts, so that for those the first runner's is
    still counted, which promises less.
    """
    return arch.experts is None or arch.name in SECOND_RUNNER


def activations(arch: Architecture, quantized: Quantization | None, load: Load) -> Peak:
    """The peak of the dummy run that vLLM profiles itself with."""
    peaks = [_forward(arch, quantized, load)]
    if load.last:
        peaks.append(_sampler(arch, load))
    if load.compiled and not arch.multimodal:
        peaks.append(_compiling(arch, load))
    return max(peaks, key=lambda peak: peak.bytes)


def graphs(arch: Architecture, load: Load, fitted: Fitted = FITTED) -> int:
    """What is set aside for CUDA graphs: an estimate of vLLM's own, which it makes by capturing."""
    if not load.compiled:
        return 0
    if load.second:
        return SECOND_GRAPHS
    first = fitted.first_graphs_sinks if arch.sinks else fitted.first_graphs
    return first + int(fitted.layer_graphs * arch.layers * load.graph_sizes / 51)


def non_torch(load: Load, fitted: Fitted = FITTED) -> int:
    """What PyTorch does not count."""
    held = fitted.non_torch + (COLLECTIVES if load.tensor_parallel > 1 else 0)
    graphs_too = load.compiled and not load.second
    return held + (fitted.non_torch_graphs if graphs_too else 0)


def graph_sizes(largest: int) -> int:
    """How many batch sizes are captured: 1, 2, 4, every 8 to 256, every 16 beyond."""
    return 3 + min(largest, 256) // 8 + max(0, largest - 256) // 16


def margin(arch: Architecture, load: Load, *, gpu_measured: bool, total: int) -> int:
    """Within so much of the edge, either way, nobody should promise anything.

    More with collectives, and for models that see: what their encoder itself takes is not counted.
    """
    size = 256 * MIB + 512 * MIB * (load.tensor_parallel > 1) + 512 * MIB * arch.multimodal
    return size if gpu_measured else size + total // 100


def _forward(arch: Architecture, quantized: Quantization | None, load: Load) -> Peak:
    """The widest point of a layer: the feed-forward part's two tables beside the hidden states."""
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
    """MLA's stand-in for the largest context it may expand at once, beside queries and output.

    (layers/attention/mla_attention.py: forward_impl without metadata, and
    determine_chunked_prefill_workspace_size.)
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
    # The second runner's works in place (v1/worker/gpu/sample/sampler.py).
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
    """Inductor times the first kernel with tables of its own: embedding, and hidden states twice.

    (config/compilation.py, CompilationConfig.__post_init__, benchmark_combo_kernel.) A model of
    several parts embeds outside of what is compiled. Seen with Qwen3 8B and 32B, and Gemma-3-27B,
    which holds 1.06 requests so.
    """
    table = arch.vocabulary * arch.hidden * load.number_bytes // load.tensor_parallel
    return Peak(
        table + 2 * load.tokens * arch.hidden * load.number_bytes + MIB,
        "compiling: vocabulary * hidden * 2 + 2 * tokens * hidden * 2",
    )


def _images(arch: Architecture, load: Load) -> int:
    """A full batch of images, held through the dummy run: encoded, and before that as pixels.

    The second runner lets go of the pixels (v1/worker/gpu_model_runner.py, profile_run;
    v1/worker/gpu/mm/encoder_runner.py, profile_encoder_cache).
    """
    if not (arch.multimodal and load.images):
        return 0
    return (
        load.tokens * (arch.hidden + (0 if load.second else arch.image_numbers)) * load.number_bytes
    )


def _workspace(arch: Architecture, load: Load) -> int:
    """The fused experts' two workspaces, which stay (fused_moe/experts, workspace_shapes).

    gpt-oss's kernels on Hopper have none that lasts; elsewhere Marlin's are as large as Triton's.
    """
    experts = arch.experts
    if experts is None or (arch.sinks and load.hopper):
        return 0
    inner = experts.intermediate // load.tensor_parallel
    rows = load.tokens * experts.per_token
    return rows * (max(inner, arch.hidden) + max(2 * inner, arch.hidden)) * load.number_bytes
