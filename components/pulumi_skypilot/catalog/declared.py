"""Limits of vLLM's flags, quantizations and attention backends, read from data files."""

import dataclasses
import functools
import importlib.resources
import tomllib
import typing
from collections.abc import Mapping


@dataclasses.dataclass(frozen=True)
class Range:
    """The values that a flag of `vllm serve` accepts: numbers in a range, or one of a list."""

    source: str
    """The symbol in vLLM that sets the limit."""
    type: str = "int"
    """int, float, size (2k or 2K too), or size or auto."""
    gt: float | None = None
    ge: float | None = None
    lt: float | None = None
    le: float | None = None
    multiple_of: int | None = None
    one_of: tuple[typing.Any, ...] = ()
    many: bool = False
    """The flag accepts several values."""
    optional: bool = False
    """The flag accepts None."""
    same_as: str | None = None
    """The flag for which this is another name."""


@dataclasses.dataclass(frozen=True)
class Order:
    """Two flags: if both are given, `larger` must be at least as large as `smaller`."""

    larger: str
    smaller: str
    source: str
    unless: str | None = None
    """The switch that removes this rule unless it is off."""


@dataclasses.dataclass(frozen=True)
class Method:
    """The requirements of a quantization."""

    name: str
    min_compute_capability: tuple[int, int]
    dtypes: frozenset[str]
    """The types of weights and activations that are not quantized."""
    source: str


@dataclasses.dataclass(frozen=True)
class Backend:
    """An attention backend, and the caches, NVIDIA GPUs and models that it supports."""

    name: str
    source: str
    cache: frozenset[str]
    """The values of kv-cache-dtype that it supports."""
    block: int
    """The tokens of which a block of the cache must be a multiple."""
    least: tuple[int, int]
    """The lowest compute capability; `most` is the highest."""
    most: tuple[int, int] = (99, 0)
    dtypes: frozenset[str] = frozenset({"bfloat16", "float16"})
    heads: frozenset[int] = frozenset()
    """The sizes of a head; empty: any size from `more` up to, not including, `below`."""
    more: int = 0
    below: int = 2**16
    latent: bool = False
    """It supports only attention over one compressed vector per token (MLA)."""
    sinks: bool = False
    windows: bool = False
    prefix: bool = False
    """It supports models in which the tokens of an image attend to each other (mm_prefix)."""


@functools.cache
def backends() -> tuple[Backend, ...]:
    """Return the attention backends, one row for each set of conditions."""
    return tuple(_backend(row) for row in _read("attention.toml")["backend"])


@functools.cache
def not_float16() -> frozenset[str]:
    """Return the model_types that vLLM refuses to serve in float16."""
    return frozenset(_read("attention.toml")["float16"]["refused"])


@functools.cache
def lifted(rule: str) -> frozenset[str]:
    """Return the flags and variables that may lift a rule, which then only warns."""
    return frozenset(_read("attention.toml")["lifted"][rule])


@functools.cache
def ranges() -> Mapping[str, Range]:
    """Return the range of each flag. Limits that vLLM's code enforces override declared ones."""
    declared, enforced = _read("ranges.toml"), _read("enforced.toml")["range"]
    declared.pop("engine")
    return {
        flag: Range(**{**row, "one_of": tuple(row.get("one_of", ())), **enforced.get(flag, {})})
        for flag, row in declared.items()
    }


@functools.cache
def orders() -> tuple[Order, ...]:
    """Return the pairs of flags that vLLM compares."""
    return tuple(Order(**row) for row in _read("enforced.toml")["order"])


@functools.cache
def for_checkpoint(method: str) -> frozenset[str] | None:
    """Return the quantizations with which a checkpoint of `method` can be served; None: unknown."""
    others = _read("enforced.toml")["checkpoint"].get(method)
    return None if others is None else frozenset({*others, method, "humming"})


@functools.cache
def methods() -> Mapping[str, Method]:
    """Return the quantizations, by vLLM's name."""
    table = _read("methods.toml")
    table.pop("engine")
    return {
        name: Method(
            name, divmod(row["min_capability"], 10), frozenset(row["dtypes"]), row["source"]
        )
        for name, row in table.items()
    }


def engine() -> str:
    """Return the release of vLLM from which the data files come."""
    return str(_read("ranges.toml")["engine"])


def _backend(row: dict[str, typing.Any]) -> Backend:
    """Return a backend from its row, with sets and tuples for TOML's lists."""
    sets = ("cache", "dtypes", "heads")
    pairs = ("least", "most")
    made: dict[str, typing.Any] = {
        key: frozenset(value) if key in sets else tuple(value) if key in pairs else value
        for key, value in row.items()
    }
    return Backend(**made)


def _read(file: str) -> dict[str, typing.Any]:
    return tomllib.loads(importlib.resources.files(__package__).joinpath(file).read_text("utf-8"))
