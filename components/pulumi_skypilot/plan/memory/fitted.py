"""The numbers that no source of vLLM gives. They were fitted to vLLM 0.26 on one H100.

All else in this package is counted from a model's shape, or read in the source that is cited. `make
bench-memory` fits these again without each model in turn and prints the error for it.
"""

import dataclasses

MIB = 2**20


@dataclasses.dataclass(frozen=True)
class Fitted:
    """The fitted numbers: bytes, except for `large_tables`."""

    non_torch: int = 230 * MIB
    """CUDA's context and libraries within the share: the same in every eager run."""
    non_torch_graphs: int = 12 * MIB
    """The increase of it after graphs: 8 and 12 MiB were seen."""
    first_graphs: int = 207 * MIB
    """The first runner's graphs without those of the layers: Qwen3-30B-A3B (0.53 GiB)."""
    first_graphs_sinks: int = 422 * MIB
    """That for gpt-oss: 590 MiB in all with 24 layers, 674 with 36."""
    layer_graphs: int = 7 * MIB
    """The first runner's graphs of a layer, all 51 sizes of them."""
    mxfp4: int = 110_000_000
    """Bytes that triton_kernels keeps beside the padded experts, in both sizes of gpt-oss."""
    large_tables: float = 1.5
    """Tables of cosines over 20 MiB take this many times their size: Llama-3.1-8B, Gemma-3-27B."""


FITTED = Fitted()

COLLECTIVES = 1880 * MIB
"""NCCL's and the all-reduce's buffers: 1.82 GiB with two H100s and 1.88 with four, as others logged
for vLLM 0.19 (tests/measured/elsewhere.json)."""
SECOND_GRAPHS = 1024 * MIB
"""The second runner's graphs, measured: Qwen3-8B takes 1,032 MiB. 0.26 sets nothing aside."""
