"""What vLLM really took on a real H100: the rows of h100.json and their models' config.json."""

import dataclasses
import json
import pathlib
import typing

from pulumi_skypilot import catalog
from pulumi_skypilot.catalog import architecture, config_json
from pulumi_skypilot.plan import memory
from pulumi_skypilot.plan.memory import fitted, overhead, weights

HERE = pathlib.Path(__file__).parent

Row = dict[str, typing.Any]

ROWS: list[Row] = json.loads((HERE / "h100.json").read_text())["rows"]
ELSEWHERE: list[Row] = json.loads((HERE / "elsewhere.json").read_text())["rows"]
"""What others logged, in GiB."""
IDS = ("model", "tp", "pp", "kv", "quantization")
"""What tells one of these from another."""
ENGINE = memory.ENGINES["0.26.0"]
H100 = memory.Gpu(85_017_493_504, measured=True, hopper=True, large=True)


def config(model: str) -> dict[str, typing.Any]:
    """A model's config.json, as it was used."""
    found: dict[str, typing.Any] = json.loads((HERE / "configs" / f"{model}.json").read_text())
    return found


def arch(model: str) -> architecture.Architecture:
    """A model's architecture."""
    return config_json.read(config(model))


def settings(row: Row) -> memory.Settings:
    """What vLLM was told, and the context that it came to."""
    flags = row["flags"]
    return memory.Settings(
        context=row["max_model_len_used"],
        quantization=flags.get("quantization"),
        max_sequences=flags.get("max_num_seqs"),
        max_batched_tokens=flags.get("max_num_batched_tokens"),
        eager=row["enforce_eager"],
        hybrid=not flags.get("disable_hybrid_kv_cache_manager"),
    )


def fit(row: Row, constants: fitted.Fitted = fitted.FITTED) -> memory.Fit:
    """What is reckoned of it."""
    return memory.fit(arch(row["model"]), H100, settings(row), ENGINE, constants)


@dataclasses.dataclass(frozen=True)
class Elsewhere:
    """What is reckoned of a run of ELSEWHERE: of its first GPU, in GiB, and of all."""

    shape: architecture.Architecture
    weights: float
    activation: float
    fit: memory.Fit


def elsewhere(row: Row) -> Elsewhere:
    """What is reckoned of such a run, with the release that it was."""
    shape = catalog.builtin()[row["model"]].architecture
    parallel, stages = row.get("tp", 1), row.get("pp", 1)
    told = memory.Settings(
        context=8192,
        tensor_parallel=parallel,
        pipeline_parallel=stages,
        quantization=row.get("quantization"),
        kv_dtype=row.get("kv", "auto"),
        utilization=0.95,
    )
    stored = memory.quantization(shape, told)
    last = stages == 1
    share = weights.Share(parallel, range(shape.layers // stages), last=last)
    load = overhead.Load(8192, 1024, 8192, parallel, last=last, second=False, images=True)
    return Elsewhere(
        shape,
        weights.stored_bytes(shape, share, stored) / memory.GIB,
        overhead.activations(shape, stored, load).bytes / memory.GIB,
        memory.fit(shape, H100, told, memory.ENGINES["0.19.0"]),
    )
