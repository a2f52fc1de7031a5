"""The settings of the memory fit, read from the flags and the environment of `vllm serve`."""

import dataclasses
import json
import re
import typing
from collections.abc import Mapping

from .. import spec
from ..spec import readers
from . import headroom, memory, ranges

Flags = Mapping[str, object]

NUMBERS = (
    *headroom.FLAGS, "block-size", "max-cudagraph-capture-size", "max-loras", "max-lora-rank",
    "optimization-level",
)  # fmt: skip
"""Flags among vllmArgs whose numbers the fit counts."""

COMPILATION = frozenset(
    {"cudagraph_mode", "cudagraph_capture_sizes", "max_cudagraph_capture_size", "mode"}
)
"""The keys of compilation-config that the fit counts."""
SPECULATION = frozenset(
    {"method", "num_speculative_tokens", "prompt_lookup_max", "prompt_lookup_min"}
)
"""The keys of speculative-config that it counts, where the method is ngram."""

SCORES = frozenset({"architectures", "classifier_from_token", "is_original_qwen3_reranker"})
"""The keys of hf-overrides that make a reranker of a model, and change nothing of its size."""

ESTIMATE = "VLLM_MEMORY_PROFILER_ESTIMATE_CUDAGRAPHS"
"""The variable that takes CUDA graphs out of vLLM's own arithmetic."""


def settings(
    wanted: spec.Spec, accelerator: spec.Accelerator, flags: Flags, context: int
) -> memory.Settings:
    """Return the settings of vLLM that its memory depends on."""
    asked_share = headroom.share(wanted)
    return dataclasses.replace(
        of_flags(flags, context),
        tensor_parallel=wanted.layer_gpus(accelerator.count),
        pipeline_parallel=wanted.pipeline_parallel,
        utilization=asked_share[1] if asked_share else 0.92,
        graphs_estimated=_number(wanted.env.get(ESTIMATE)) != 0,
    )


def of_flags(flags: Flags, context: int) -> memory.Settings:
    """Return the settings that flags make, apart from how many GPUs there are and their share."""

    def number(flag: str) -> int | None:
        return int(ranges.number(flag, flags.get(flag)) or 0) or None

    compilation = _table(flags, "compilation-config")
    level = ranges.number("optimization-level", flags.get("optimization-level"))
    mode = str(compilation.get("cudagraph_mode") or _mode(level)).upper()
    largest = compilation.get("max_cudagraph_capture_size")
    return memory.Settings(
        context=context,
        quantization=typing.cast("str | None", flags.get("quantization")),
        kv_dtype=str(flags.get("kv-cache-dtype") or "auto"),
        max_sequences=number("max-num-seqs"),
        max_batched_tokens=number("max-num-batched-tokens"),
        eager=flags.get("enforce-eager") is True,
        hybrid=flags.get("disable-hybrid-kv-cache-manager") is not True,
        async_scheduling=flags.get("async-scheduling") is not False
        and flags.get("no-async-scheduling") is not True,
        compiled=level != 0 and str(compilation.get("mode", "")).upper() not in ("0", "NONE"),
        graph_mode=mode,
        largest_graph=number("max-cudagraph-capture-size") or _number(largest) or None,
        graph_sizes=_sizes(flags, compilation),
        lora=_lora(flags),
        ngram=_method(flags) == "ngram",
        pooling=flags.get("runner") == "pooling",
        towers=not _without_towers(flags),
        block_tokens=number("block-size"),
    )


def counted(flags: Flags) -> set[str]:
    """Return the flags that the fit counts because of their value."""
    names = set()
    compilation = _table(flags, "compilation-config")
    mode = compilation.get("cudagraph_mode")
    known_mode = mode is None or str(mode).upper() in memory.graphs.MODES
    if compilation and compilation.keys() <= COMPILATION and known_mode:
        names.add("compilation-config")
    if _method(flags) == "ngram" and _table(flags, "speculative-config").keys() <= SPECULATION:
        names |= {"speculative-config", "spec-method", "spec-tokens"}
    overrides = _table(flags, "hf-overrides").keys()
    if overrides and overrides <= SCORES:
        names.add("hf-overrides")
    if flags.get("runner") in ("auto", "generate", "pooling"):
        names.add("runner")
    if "limit-mm-per-prompt" in flags and _table(flags, "limit-mm-per-prompt"):
        names.add("limit-mm-per-prompt")
    return names


def counted_variable(wanted: spec.Spec, name: str) -> bool:
    """Return whether the fit counts a variable of the environment."""
    return name == ESTIMATE and _number(wanted.env.get(name)) is not None


def _mode(level: float | None) -> str:
    """Return the mode of CUDA graphs at a level (config/vllm.py, OPTIMIZATION_LEVEL_00 and others).

    The lowest has none and the next has no whole graphs.
    """
    if level is not None and level < 2:
        return memory.graphs.NONE if level == 0 else memory.graphs.PIECEWISE
    return "FULL_AND_PIECEWISE"


def _sizes(flags: Flags, compilation: Flags) -> tuple[int, ...]:
    """Return the batch sizes of CUDA graphs that are written; empty for none."""
    written = flags.get("cudagraph-capture-sizes", compilation.get("cudagraph_capture_sizes"))
    values = written if isinstance(written, list) else str(written or "").split()
    sizes = (_number(value) for value in values)
    return tuple(size for size in sizes if size)


def _lora(flags: Flags) -> memory.Lora | None:
    if flags.get("enable-lora") is not True:
        return None
    usual = memory.Lora()
    slots, rank = (
        int(ranges.number(flag, flags.get(flag)) or 0) for flag in ("max-loras", "max-lora-rank")
    )
    sharded = flags.get("fully-sharded-loras") is True
    return memory.Lora(slots or usual.slots, rank or usual.rank, sharded=sharded)


def _without_towers(flags: Flags) -> bool:
    """Return whether no image and no video may be in a prompt.

    Then vLLM leaves out what encodes them (model_executor/models/interfaces.py,
    _mark_tower_model).
    """
    limits = _table(flags, "limit-mm-per-prompt")
    return all(limits.get(name) == 0 for name in ("image", "video"))


def _method(flags: Flags) -> str | None:
    method = flags.get("spec-method") or _table(flags, "speculative-config").get("method")
    return None if method is None else str(method)


def _table(flags: Flags, flag: str) -> dict[str, object]:
    """Return a flag's table: as one, as JSON, or key by key (flag.key)."""
    value = flags.get(flag)
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            value = None
    table = dict(value) if isinstance(value, Mapping) else {}
    for name, inner in flags.items():
        if name.startswith(f"{flag}."):
            table[name.removeprefix(f"{flag}.").replace("-", "_")] = inner
    return {key: inner for key, inner in table.items() if inner is not None}


def _number(value: object) -> int | None:
    """Return a whole number that may be text; None where it is none."""
    plain = readers.plain(value)
    return int(str(plain)) if re.fullmatch(r"\d+", str(plain)) else None
