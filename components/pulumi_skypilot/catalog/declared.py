"""What vLLM declares and enforces of its flags and quantizations: data, read from files beside."""

import dataclasses
import functools
import importlib.resources
import tomllib
import typing
from collections.abc import Mapping


@dataclasses.dataclass(frozen=True)
class Range:
    """What a flag of `vllm serve` takes, where that is a number or one of some."""

    source: str
    """The symbol in vLLM that says so."""
    type: str = "int"
    """int, float, size (also 2k or 2K), or size or auto."""
    gt: float | None = None
    ge: float | None = None
    lt: float | None = None
    le: float | None = None
    multiple_of: int | None = None
    one_of: tuple[typing.Any, ...] = ()
    many: bool = False
    """Several values."""
    optional: bool = False
    """May be None."""
    same_as: str | None = None
    """The flag that this is another name of."""


@dataclasses.dataclass(frozen=True)
class Order:
    """Two flags of which one must be at least as large as the other, where both are given."""

    larger: str
    smaller: str
    source: str
    unless: str | None = None
    """The switch that lifts it unless it is off."""


@dataclasses.dataclass(frozen=True)
class Method:
    """What a quantization asks of a GPU."""

    name: str
    min_compute_capability: tuple[int, int]
    dtypes: frozenset[str]
    """Of the weights and activations that it leaves as they are."""
    source: str


@dataclasses.dataclass(frozen=True)
class Backend:
    """An attention backend with some caches, on some of NVIDIA's GPUs, for some models."""

    name: str
    source: str
    cache: frozenset[str]
    """The spellings of kv-cache-dtype that it takes."""
    block: int
    """A block of the cache is a multiple of so many tokens."""
    least: tuple[int, int]
    """Compute capability."""
    most: tuple[int, int] = (99, 0)
    dtypes: frozenset[str] = frozenset({"bfloat16", "float16"})
    heads: frozenset[int] = frozenset()
    """Sizes of a head; none: any from `more` to below `below`."""
    more: int = 0
    below: int = 2**16
    latent: bool = False
    """For attention over one compressed vector a token (MLA), and only for it."""
    sinks: bool = False
    windows: bool = False
    prefix: bool = False
    """For models that see all of an image at once (mm_prefix)."""


@functools.cache
def backends() -> tuple[Backend, ...]:
    """The attention backends, a row for each of their conditions."""
    return tuple(_backend(row) for row in _read("attention.toml")["backend"])


@functools.cache
def not_float16() -> frozenset[str]:
    """The families of models, by model_type, that vLLM refuses to serve in float16."""
    return frozenset(_read("attention.toml")["float16"]["refused"])


@functools.cache
def lifted(rule: str) -> frozenset[str]:
    """The flags and variables that change a rule, so that it is told and not refused by."""
    return frozenset(_read("attention.toml")["lifted"][rule])


@functools.cache
def ranges() -> Mapping[str, Range]:
    """What each flag takes: declared, and over it what is enforced in code."""
    declared, enforced = _read("ranges.toml"), _read("enforced.toml")["range"]
    declared.pop("engine")
    return {
        flag: Range(**{**row, "one_of": tuple(row.get("one_of", ())), **enforced.get(flag, {})})
        for flag, row in declared.items()
    }


@functools.cache
def orders() -> tuple[Order, ...]:
    """The pairs of flags that vLLM compares."""
    return tuple(Order(**row) for row in _read("enforced.toml")["order"])


@functools.cache
def for_checkpoint(method: str) -> frozenset[str] | None:
    """The quantizations that a checkpoint of a method may be served with; None: not known."""
    others = _read("enforced.toml")["checkpoint"].get(method)
    return None if others is None else frozenset({*others, method, "humming"})


@functools.cache
def methods() -> Mapping[str, Method]:
    """Each quantization, by vLLM's name."""
    table = _read("methods.toml")
    table.pop("engine")
    return {
        name: Method(
            name, divmod(row["min_capability"], 10), frozenset(row["dtypes"]), row["source"]
        )
        for name, row in table.items()
    }


def engine() -> str:
    """The release of vLLM that the files are of."""
    return str(_read("ranges.toml")["engine"])


def _backend(row: dict[str, typing.Any]) -> Backend:
    """TOML has neither sets nor tuples."""
    sets = ("cache", "dtypes", "heads")
    pairs = ("least", "most")
    made: dict[str, typing.Any] = {
        key: frozenset(value) if key in sets else tuple(value) if key in pairs else value
        for key, value in row.items()
    }
    return Backend(**made)


def _read(file: str) -> dict[str, typing.Any]:
    return tomllib.loads(importlib.resources.files(__package__).joinpath(file).read_text("utf-8"))
