"""What no source of vLLM says and was therefore fitted, to vLLM 0.26 on one H100.

All else in this package is counted from a model's shape, or read in the source that stands beside
it. `make bench-memory` fits these anew without each model in turn and prints the error on it.
"""

import dataclasses

MIB = 2**20


@dataclasses.dataclass(frozen=True)
class Fitted:
    """Bytes, but for `large_tables`."""

    non_torch: int = 230 * MIB
    """CUDA's context and libraries within the share: the same in every eager run."""
    non_torch_graphs: int = 12 * MIB
    """More of it after graphs; 8 and 12 MiB."""
    first_graphs: int = 207 * MIB
    """The first runner's graphs beside what grows with the layers: Qwen3-30B-A3B (0.53 GiB)."""
    first_graphs_sinks: int = 422 * MIB
    """The same for gpt-oss, 24 and 36 layers: 590 and 674 MiB."""
    layer_graphs: int = 7 * MIB
    """The first runner's graphs of a layer, all 51 sizes of them."""
    mxfp4: int = 110_000_000
    """What triton_kernels keeps beside the padded experts, with both sizes of gpt-oss."""
    large_tables: float = 1.5
    """Tables of cosines over 20 MiB take so much of their size: Llama-3.1-8B, Gemma-3-27B."""


FITTED = Fitted()

COLLECTIVES = 1880 * MIB
"""NCCL's and the all-reduce's buffers: 1.82 GiB with two H100s and 1.88 with four, as others logged
it of vLLM 0.19 (tests/measured/elsewhere.json)."""
SECOND_GRAPHS = 1024 * MIB
"""The second runner's graphs: really about so much (Qwen3-8B: 1,032 MiB); 0.26 sets none aside."""
