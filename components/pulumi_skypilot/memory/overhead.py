"""What vLLM takes beside weights and cache: activations at their peak, CUDA graphs, the context.

Formulas from vLLM's source; what it does not say was fitted to vLLM 0.26 on an H100 (the rows of
tests/measured/h100.json) and is marked so. No other GPU has been measured.
"""

import dataclasses

from ..catalog.architecture import Architecture, Kind, Quantization

MIB = 2**20
BYTES = 2
"""Of a number in bfloat16."""

NON_TORCH = 230 * MIB
"""CUDA's context and libraries within the share; measured, the same for 14 of 18 rows."""
NON_TORCH_GRAPHS = 12 * MIB
"""More of it after graphs; measured, 8 and 12 MiB."""
COLLECTIVES = 1024 * MIB
"""NCCL's and the custom all-reduce's buffers with several GPUs; not measured."""

SAMPLER_V1 = 14
"""Bytes a logit: bfloat16, then three float32 tables (v1/worker/gpu_model_runner.py,
_dummy_sampler_run; measured 14.06)."""
SAMPLER_V2 = 2
"""The second runner's sampler makes no copies in the dummy run (v1/worker/gpu/sample)."""
BASE_V1 = 120 * MIB
BASE_V2 = 32 * MIB
"""Measured: what is left of the peak when everything else is counted."""


@dataclasses.dataclass(frozen=True)
class Load:
    """What the engine is asked to do at once, on one GPU."""

    tokens: int
    requests: int
    tensor_parallel: int = 1
    compiled: bool = True
    last: bool = True
    """Holds the output layer and so the sampler."""
    graph_sizes: int = 51


@dataclasses.dataclass(frozen=True)
class Peak:
    """The highest of several peaks, and which."""

    bytes: int
    formula: str


def second_runner(arch: Architecture) -> bool:
    """Whether vLLM's second model runner serves it (0.26: config/vllm.py, :620).

    0.32 takes it for all. Its lighter sampler was not measured with experts, so that for those the
    first runner's is still counted, which promises less.
    """
    return arch.experts is None


def activations(arch: Architecture, quantized: Quantization | None, load: Load) -> Peak:
    """The peak of the dummy run that vLLM profiles itself with."""
    peaks = [_forward(arch, quantized, load)]
    if load.last:
        peaks.append(_sampler(arch, load))
    if load.compiled and second_runner(arch):
        # torch.compile holds a copy of the embedding (measured with Qwen3 8B and 32B).
        table = arch.vocabulary * arch.hidden * BYTES // load.tensor_parallel
        peaks.append(
            Peak(
                table + 2 * load.tokens * arch.hidden * BYTES + MIB,
                "compiling: vocabulary * hidden * 2 + 2 * tokens * hidden * 2",
            )
        )
    return max(peaks, key=lambda one: one.bytes)


def graphs(arch: Architecture, load: Load, *, counted_for_second: bool) -> int:
    """What is set aside for CUDA graphs: an estimate of vLLM's own.

    Fitted to 590 and 674 MiB (gpt-oss, 24 and 36 layers) and 0.53 GiB (Qwen3-30B-A3B, 48), all with
    51 sizes of graphs. The second runner's graphs really took about 1 GiB; 0.26 set nothing aside.
    """
    if not load.compiled:
        return 0
    if second_runner(arch):
        return 1024 * MIB if counted_for_second else 0
    first = 422 * MIB if arch.sinks else 207 * MIB
    return first + int(7 * MIB * arch.layers * load.graph_sizes / 51)


def non_torch(arch: Architecture, load: Load) -> int:
    """What PyTorch does not count."""
    found = NON_TORCH + (COLLECTIVES if load.tensor_parallel > 1 else 0)
    return found + (NON_TORCH_GRAPHS if load.compiled and not second_runner(arch) else 0)


def graph_sizes(largest: int) -> int:
    """How many batch sizes are captured: 1, 2, 4, every 8 to 256, every 16 beyond."""
    return 3 + min(largest, 256) // 8 + max(0, largest - 256) // 16


def margin(arch: Architecture, load: Load, *, gpu_measured: bool, total: int) -> int:
    """Within so much of the edge, either way, nobody should promise anything."""
    found = 256 * MIB
    if load.compiled and Kind.WINDOW in arch.kinds and second_runner(arch):
        found = 1024 * MIB
    if load.tensor_parallel > 1:
        found += 512 * MIB
    return found if gpu_measured else found + total // 100


def _forward(arch: Architecture, quantized: Quantization | None, load: Load) -> Peak:
    """The widest point of a layer: the feed-forward part's two tables beside the hidden states."""
    hidden = load.tokens * arch.hidden * BYTES
    # Hidden, residual and input; one more for norms of queries and keys, one for norms after.
    states = 3.0 + arch.qk_norm + (arch.norms > 2)
    if quantized and quantized.bits == 8 and not quantized.experts_only:
        states -= 0.5  # the input is there in 8 bits only
    inner = 0 if all(arch.expert_layers) else arch.intermediate // load.tensor_parallel
    wide = load.tokens * 3 * inner * BYTES
    if arch.experts:
        copies = load.tokens * arch.experts.per_token
        deep = arch.experts.intermediate // load.tensor_parallel
        wide = max(wide, copies * 3 * deep * BYTES, _workspace(arch, load))
    base = BASE_V2 if second_runner(arch) else BASE_V1
    return Peak(
        int(wide + states * hidden + base),
        f"a layer: tokens * 3 * inner * 2 + {states:g} * tokens * hidden * 2 + {base // MIB} MiB",
    )


def _sampler(arch: Architecture, load: Load) -> Peak:
    requests = min(load.requests, load.tokens)
    second = second_runner(arch)
    each = SAMPLER_V2 if second else SAMPLER_V1
    logits = requests * arch.vocabulary * each
    states = (load.tokens + 2 * requests) * arch.hidden * BYTES
    kept = 0 if second else _workspace(arch, load)
    base = BASE_V2 if second else BASE_V1
    return Peak(
        logits + states + kept + base,
        f"the sampler: requests * vocabulary * {each} + (tokens + 2 * requests) * hidden * 2"
        + (" + the experts' workspace" if kept else "")
        + f" + {base // MIB} MiB",
    )


def _workspace(arch: Architecture, load: Load) -> int:
    """The fused experts' two workspaces, which stay (fused_moe.py, TritonExperts.workspace_shapes).

    gpt-oss's kernels have none that lasts.
    """
    experts = arch.experts
    if experts is None or arch.sinks:
        return 0
    inner = experts.intermediate // load.tensor_parallel
    copies = load.tokens * experts.per_token
    return copies * (max(inner, arch.hidden) + max(2 * inner, arch.hidden)) * BYTES
