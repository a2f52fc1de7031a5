"""What vLLM really took on a real H100: the rows of h100.json and their models' config.json."""

import json
import pathlib
import typing

from pulumi_skypilot import memory
from pulumi_skypilot.catalog import architecture
from pulumi_skypilot.memory import fitted

HERE = pathlib.Path(__file__).parent

Row = dict[str, typing.Any]

ROWS: list[Row] = json.loads((HERE / "h100.json").read_text())["rows"]
ENGINE = memory.ENGINES["0.26.0"]
H100 = memory.Gpu(85_017_493_504, measured=True, hopper=True, large=True)


def config(model: str) -> dict[str, typing.Any]:
    """A model's config.json, as it was used."""
    found: dict[str, typing.Any] = json.loads((HERE / "configs" / f"{model}.json").read_text())
    return found


def arch(model: str) -> architecture.Architecture:
    """A model's architecture."""
    return architecture.read(config(model))


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
