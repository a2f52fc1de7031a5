"""The numbers of GPUs over which vLLM can divide the layers of a model.

It divides heads, the widths of feed-forward parts, and the vocabulary. In a quantized layer several
weights share a scale, and a GPU must have all of them.
"""

import dataclasses
import math
from collections.abc import Iterator

from .architecture import Architecture
from .stored import Quantization

VOCABULARY_PADDING = 64
"""See vllm/model_executor/layers/vocab_parallel_embedding.py, DEFAULT_VOCAB_PADDING_SIZE."""

LEAST_GROUP = 32
"""Of experts in fp8, AWQ or GPTQ vLLM divides a block or group that a GPU would have in part, down
to this size (fused_moe/oracle/fp8.py, refine_fp8_moe_block_shape; quantization/moe_wna16.py,
MoeWNA16Method.create_weights)."""
REFINED = ("awq", "fp8", "gptq")


@dataclasses.dataclass(frozen=True)
class _Side:
    """A side of layers that is divided: each GPU has a whole number of units of it."""

    name: str
    """In the plural, with its width."""
    width: int
    unit: int = 1
    unit_name: str = ""

    def splits(self, parallel: int) -> bool:
        return self.width % (parallel * self.unit) == 0


def splits(arch: Architecture, parallel: int, *, whole_experts: bool = False) -> bool:
    """Return whether vLLM can divide a model over `parallel` GPUs.

    With `whole_experts` each GPU has some experts as a whole (enable-expert-parallel).
    """
    return next(_reasons(arch, parallel, whole_experts=whole_experts), None) is None


def unsplit(
    name: str, arch: Architecture, parallel: int, *, whole_experts: bool = False
) -> str | None:
    """Return why a model does not split over so many GPUs; None where it does."""
    reason = next(_reasons(arch, parallel, whole_experts=whole_experts), None)
    if reason is None:
        return None
    able = [
        str(number)
        for number in range(1, arch.heads + 1)
        if splits(arch, number, whole_experts=whole_experts)
    ]
    return f"{name} has {reason}, which do not split over {parallel} GPUs; take " + ", ".join(
        able[:5]
    )


def _reasons(arch: Architecture, parallel: int, *, whole_experts: bool) -> Iterator[str]:
    """Yield what does not split, in words."""
    if not _heads_split(arch, parallel):
        kv_heads = arch.heads if arch.latent else arch.kv_heads
        yield f"{arch.heads} heads and {kv_heads} KV heads"
        return  # other parts are divided by heads
    for side in _sides(arch, parallel, whole_experts=whole_experts):
        if not side.splits(parallel):
            yield side.name + (f" in {side.unit_name} of {side.unit}" if side.unit > 1 else "")


def _heads_split(arch: Architecture, parallel: int) -> bool:
    """Return whether the heads split. KV heads are divided or copied.

    The sinks of gpt-oss do not allow copies (vllm/model_executor/models/gpt_oss.py,
    OAIAttention.__init__).
    """
    of_layers = {arch.kv_heads, *([arch.wide.kv] if arch.wide else [])}
    of_layers = {arch.heads} if arch.latent else of_layers
    return arch.heads % parallel == 0 and all(
        heads % parallel == 0 or (not arch.sinks and parallel % heads == 0) for heads in of_layers
    )


def _sides(arch: Architecture, parallel: int, *, whole_experts: bool) -> Iterator[_Side]:
    """Yield the sides that are divided, with the units of each.

    Of fp8 blocks the inputs count, and the outputs of a layer that has only one: layers that are
    fused of several may have blocks in part (layers/linear.py,
    ColumnParallelLinear._maybe_allow_fp8_block_shape_mismatch; quantization/utils/fp8_utils.py,
    validate_fp8_block_shape). Of groups the inputs count (auto_awq.py,
    AutoAWQLinearMethod.create_weights; kernels/linear/mixed_precision/marlin.py,
    MarlinLinearKernel.can_implement; distributed/utils.py, verify_group_size_divides_partition).
    """
    stored = arch.quantization
    dense = stored if stored and not stored.experts_only else None
    unit, unit_name = _unit(dense)
    if not all(arch.expert_layers):
        name = f"feed-forward layers of {arch.intermediate}"  # some are twice as wide
        yield _Side(name, arch.intermediate, unit, unit_name)
    experts = arch.experts
    if experts:
        if experts.shared_intermediate:
            beside = experts.shared_intermediate
            yield _Side(f"shared experts of {beside}", beside, unit, unit_name)
        if not whole_experts:
            name = f"experts of {experts.intermediate}"
            yield _Side(name, experts.intermediate, *_expert_unit(arch, stored, parallel))
    latent = arch.latent
    if stored and stored.attention_bits:
        unit, unit_name = 1, ""
    for size in (latent.value,) if latent else arch.head_sizes:
        output = arch.heads * size
        yield _Side(f"attention layers of {output}", output, unit, unit_name)
    if latent and dense and dense.block:
        queries = arch.heads * (latent.nope + latent.rope)
        yield _Side(f"queries of {queries}", queries, dense.block[0], "blocks")
    if arch.state:
        yield _Side(f"{arch.state.heads} heads with a state", arch.state.heads)
    tokens = math.ceil(arch.vocabulary / VOCABULARY_PADDING) * VOCABULARY_PADDING
    yield _Side(f"{tokens} rows in its embedding", tokens)


def _unit(stored: Quantization | None) -> tuple[int, str]:
    """Return how many inputs of a layer share a scale, and what vLLM calls them."""
    if stored and stored.block:
        return stored.block[1], "blocks"
    if stored and stored.group:
        return stored.group, "groups"
    return 1, ""


def _expert_unit(arch: Architecture, stored: Quantization | None, parallel: int) -> tuple[int, str]:
    """Return the same of experts. Those in 4-bit floats are padded."""
    experts = arch.experts
    if experts is None or stored is None or stored.scale_bits == 8:
        return 1, ""
    unit, name = _unit(stored)
    if stored.method not in REFINED:
        return unit, name
    within = math.gcd(unit, experts.intermediate // parallel, arch.hidden)
    return (within, name) if within >= min(unit, LEAST_GROUP) else (unit, name)
