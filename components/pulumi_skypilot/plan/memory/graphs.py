"""The memory of CUDA graphs: the batch sizes that are captured, and vLLM's estimate for them."""

import math
from collections.abc import Sequence

from ...catalog.architecture import Architecture
from .fitted import MIB, Fitted

USUAL = 512
"""The default of max_cudagraph_capture_size (config/vllm.py, VllmConfig._set_cudagraph_sizes)."""
WIDE = 1024
"""That of gpt-oss (model_executor/models/config.py, GptOssForCausalLMConfig), and of all models on
data centres' Blackwell GPUs since a release after 0.26."""

PIECE = 2 * MIB
LAYERS_IN_PIECE = 18
"""A graph without attention takes 4 MiB of gpt-oss's 24 or 36 layers, and 6 of Qwen3-30B-A3B's 48;
one with it takes 2."""

NONE, PIECEWISE = "NONE", "PIECEWISE"
MODES = (NONE, PIECEWISE, "FULL", "FULL_DECODE_ONLY", "FULL_AND_PIECEWISE")
"""The modes of cudagraph_mode (config/compilation.py, CUDAGraphMode)."""


def sizes(largest: int) -> tuple[int, ...]:
    """Return the batch sizes that are captured by default.

    These are 1, 2 and 4, every 8 to 256, and every 16 beyond.
    """
    small = [size for size in (1, 2, 4) if size <= largest]
    return (*small, *range(8, min(largest + 1, 256), 8), *range(256, largest + 1, 16))


def estimate(
    arch: Architecture,
    captured: Sequence[int],
    *,
    mode: str,
    requests: int,
    tensor_parallel: int,
    fitted: Fitted,
) -> int:
    """Return vLLM's estimate.

    The first runner captures the largest graph, with the memory that all share, and one more of
    each mode, and takes the others to be like that one (v1/worker/gpu_model_runner.py,
    profile_cudagraph_memory). The second runner captures all that are PIECEWISE, and some FULL ones
    (v1/worker/gpu/cudagraph_utils.py, profile_cudagraph_memory), and comes to the same: 0.34 GiB of
    Llama-3.1-8B in 0.31, as others logged. The card gives memory in pieces of 2 MiB.
    """
    if not captured or mode == NONE:
        return 0
    shared = max(0, fitted.layer_graphs * arch.layers - fitted.less_graphs) // tensor_parallel
    total = shared * max(captured) // WIDE
    if mode in (PIECEWISE, "FULL_AND_PIECEWISE"):
        piece = math.ceil(arch.layers / LAYERS_IN_PIECE / tensor_parallel) * PIECE
        total += (len(captured) - 1) * piece
    if mode != PIECEWISE:
        total += (sum(size <= requests for size in captured) - 1) * PIECE
    return total
