"""The numbers that no source of vLLM gives. They were fitted to vLLM 0.26 on H100s and H200s.

All else in this package is counted from a model's shape, or read in the source that is cited. `make
bench-memory` fits these again without each model in turn and prints the error for it.
"""

import dataclasses

MIB = 2**20


@dataclasses.dataclass(frozen=True)
class Fitted:
    """The fitted numbers, in bytes."""

    non_torch: int = 230 * MIB
    """CUDA's context and libraries within the share: the same in every eager run."""
    non_torch_graphs: int = 8 * MIB
    """The increase of it after the first runner's graphs: 8 MiB of gpt-oss-20b, 12 of 120b."""
    non_torch_parallel: int = 68 * MIB
    """That of a GPU of several: 66 or 68 MiB. Communicators, which are made before vLLM first looks
    at the memory, bring most of the context and the libraries with them."""
    non_torch_parallel_graphs: int = 58 * MIB
    """The increase of that after the first runner's graphs, with two GPUs."""
    layer_graphs: int = 7 * MIB
    """The first runner's first graph of 1,024 tokens: this for each layer …"""
    less_graphs: int = 70 * MIB
    """… less this: 98 MiB of gpt-oss-20b, 182 of 120b."""
    loading: int = 32 * MIB
    """What loading leaves with quantized linear layers or an fp8 cache: Qwen3-32B in AWQ,
    Llama-3.3-70B in fp8, gpt-oss-20b and Llama-3.1-8B with the cache."""
    quantizing: int = 12 * MIB
    """What quantizing at load leaves more: 24 MiB of Llama-3.1-8B, 1 of Llama-3.3-70B."""


FITTED = Fitted()

COLLECTIVES = 1880 * MIB
"""PyTorch's own communicator with NCCL, where the dummy run makes it: 1.82 GiB with two H100s and
1.88 with four, as others logged for vLLM 0.19 (tests/measured/elsewhere.json). 0.26 gathers logits
by a communicator that exists already (distributed/device_communicators/cuda_communicator.py,
CudaCommunicator.all_gather), but not on AMD."""
LORA_COMPILED = 34 * MIB
"""What compiling a model with adapters takes more: Qwen3-8B with four of rank 32, on an H200."""
MANY = 288 * MIB
"""NCCL's further buffers of each of more than two GPUs: nvlsPerRankSize, for reductions in the
NVLink switch, in the log of https://github.com/vllm-project/vllm/issues/9699. Others logged as much
with four GPUs without NVLink (tests/measured/newer.json)."""
