"""What vLLM really took on real H100s and H200s: their rows, and their models' config.json."""

import dataclasses
import json
import pathlib
import typing

from pulumi_skypilot import catalog
from pulumi_skypilot.catalog import architecture, config_json, stored
from pulumi_skypilot.plan import memory, memory_settings, vllm
from pulumi_skypilot.plan.memory import fitted, overhead, weights

HERE = pathlib.Path(__file__).parent

Row = dict[str, typing.Any]

ROWS: list[Row] = json.loads((HERE / "h100.json").read_text())["rows"]
H200_ROWS: list[Row] = json.loads((HERE / "h200.json").read_text())["rows"]
"""Each rank of a pipeline has a row of its own."""
ELSEWHERE: list[Row] = json.loads((HERE / "elsewhere.json").read_text())["rows"]
"""What others logged, in GiB."""
NEWER: list[Row] = json.loads((HERE / "newer.json").read_text())["rows"]
"""What others logged of releases after 0.26, in GiB."""
IDS = ("model", "tp", "pp", "kv", "quantization")
"""What tells one of these from another."""
ENGINE = memory.ENGINES["0.26.0"]
H100 = memory.Gpu(85_017_493_504, measured=True, hopper=True, large=True)
H200 = memory.Gpu(150_109_880_320, measured=True, hopper=True, large=True)


def config(model: str) -> dict[str, typing.Any]:
    """A model's config.json, as it was used."""
    found: dict[str, typing.Any] = json.loads((HERE / "configs" / f"{model}.json").read_text())
    return found


def arch(model: str) -> architecture.Architecture:
    """A model's architecture."""
    return config_json.read(config(model))


def settings(row: Row) -> memory.Settings:
    """What vLLM was told, and the context that it came to."""
    flags = {name.replace("_", "-"): value for name, value in row["flags"].items()}
    return dataclasses.replace(
        memory_settings.of_flags(flags, row["max_model_len_used"]),
        tensor_parallel=row.get("tp", 1),
        pipeline_parallel=row.get("pp", 1),
        utilization=row["gpu_memory_utilization"],
        eager=row["enforce_eager"],
    )


def fit(row: Row, constants: fitted.Fitted = fitted.FITTED) -> memory.Fit:
    """What is reckoned of it."""
    return memory.fit(arch(row["model"]), gpu(row), settings(row), ENGINE, constants)


def stage(row: Row, constants: fitted.Fitted = fitted.FITTED) -> memory.Stage:
    """What is reckoned of the row's own GPU."""
    stages = memory.reckon_stages(arch(row["model"]), gpu(row), settings(row), ENGINE, constants)
    return stages[int(row.get("rank", 0) // row.get("tp", 1))]


def gpu(row: Row) -> memory.Gpu:
    """The GPU of a run."""
    return H200 if row["gpu"] == "NVIDIA H200" else H100


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
    quantized = memory.quantization(shape, told)
    last = stages == 1
    share = weights.Share(parallel, range(shape.layers // stages), last=last)
    load = overhead.Load(
        8192,
        1024,
        8192,
        parallel,
        gpus=parallel * stages,
        last=last,
        second=False,
        images=True,
        gathers_late=True,
    )
    return Elsewhere(
        shape,
        weights.stored_bytes(shape, share, quantized, blocks=memory.Blocks.SPLIT) / memory.GIB,
        overhead.activations(shape, quantized, load).bytes / memory.GIB,
        memory.fit(shape, H100, told, memory.ENGINES["0.19.0"]),
    )


def newer(row: Row) -> memory.Fit:
    """What is reckoned of a run of NEWER, with the release that replicas install."""
    shape = catalog.builtin()[row["model"]].architecture
    if row.get("checkpoint") == "fp8":
        shape = dataclasses.replace(shape, quantization=stored.Quantization("fp8", 8))
    hopper = row["gpu"].startswith("H")
    card = memory.Gpu(int(row["total"] * memory.GIB), measured=True, hopper=hopper, large=True)
    told = memory.Settings(
        context=row["context"],
        tensor_parallel=row.get("tp", 1),
        max_sequences=row.get("sequences"),
        utilization=row.get("utilization", 0.92),
    )
    return memory.fit(shape, card, told, memory.ENGINES[vllm.VERSION])
