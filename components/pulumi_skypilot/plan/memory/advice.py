"""Settings that would fit where a model does not, and flags that make room; each is tried."""

import dataclasses
from collections.abc import Iterator, Sequence

from ...catalog import splitting
from ...catalog.architecture import Architecture
from . import Engine, Gpu, Settings, Verdict, fit, gib, kv_bytes_each, kv_dtype

WORTH = 0.05
"""The least gain in concurrency, as a fraction, that is worth a line."""

COUNTS = (1, 2, 4, 8)


@dataclasses.dataclass(frozen=True)
class Option:
    """Another GPU, by its name."""

    name: str
    gpu: Gpu
    fp8_cache: bool
    """Whether the model's attention takes an fp8 cache there."""
    dtype: str = "bfloat16"
    """The dtype of the model there."""


@dataclasses.dataclass(frozen=True)
class Gain:
    """A flag that would make room: its gain, and its price."""

    key: str
    value: int | str
    frees_bytes: int
    concurrency: float
    price: str

    def __str__(self) -> str:
        freed = f"frees {gib(self.frees_bytes)}, " if self.frees_bytes >= 2**26 else ""
        return f"{self.key}: {self.value} {freed}{self.concurrency:.1f} at once; {self.price}"


def nearest(
    arch: Architecture,
    now: Option,
    settings: Settings,
    engine: Engine,
    options: Sequence[Option] = (),
) -> Iterator[str]:
    """Yield the settings that would fit, nearest first, as a user would write them."""
    reckoned = fit(arch, now.gpu, settings, engine)
    shorter = reckoned.longest // 1024 * 1024
    while shorter >= 1024:
        shorter_settings = dataclasses.replace(settings, context=shorter)
        if _fits(arch, now.gpu, shorter_settings, engine):
            yield f"context {shorter}"
            break
        shorter = shorter * 3 // 4 // 1024 * 1024
    half = dataclasses.replace(settings, kv_dtype="fp8")
    if (
        now.fp8_cache
        and kv_bytes_each(kv_dtype(arch, settings)) > 1
        and _fits(arch, now.gpu, half, engine)
    ):
        yield "kvCacheDtype fp8"
    if count := fewest(arch, now.gpu, settings, engine, over=settings.tensor_parallel):
        yield f"{now.name}:{count}"
    for option in options:
        there = dataclasses.replace(settings, dtype=option.dtype)
        count = fewest(arch, option.gpu, there, engine)
        if count and option.name != now.name and count <= max(settings.tensor_parallel, 1):
            yield f"{option.name}:{count}"
            return


def fewest(
    arch: Architecture, gpu: Gpu, settings: Settings, engine: Engine, over: int = 0
) -> int | None:
    """Return the smallest number of a GPU that serves a model with room; None where none does."""
    for count in COUNTS:
        split = dataclasses.replace(settings, tensor_parallel=count)
        if count > over and splitting.splits(arch, count) and _fits(arch, gpu, split, engine):
            return count
    return None


def gains(
    arch: Architecture, gpu: Gpu, settings: Settings, engine: Engine, *, fp8_cache: bool
) -> list[Gain]:
    """Return the flags that would make room, the largest gain first; none is set unasked."""
    now = fit(arch, gpu, settings, engine)
    tried: list[tuple[str, int | str, Settings, str, bool]] = [
        (
            "maxSequences",
            256,
            dataclasses.replace(settings, max_sequences=256),
            "no more than 256 requests are answered at a time",
            now.max_sequences > 256,
        ),
        (
            "maxBatchedTokens",
            1024,
            dataclasses.replace(settings, max_batched_tokens=1024),
            "long prompts take more steps",
            now.max_batched_tokens > 1024,
        ),
        (
            "kvCacheDtype",
            "fp8",
            dataclasses.replace(settings, kv_dtype="fp8"),
            "keys and values are rounded to 8 bits",
            fp8_cache and kv_bytes_each(kv_dtype(arch, settings)) > 1,
        ),
    ]
    gains = []
    for key, value, changed, price, open_ in tried:
        if not open_:
            continue
        then = fit(arch, gpu, changed, engine)
        freed = then.available_bytes - now.available_bytes
        if then.concurrency > now.concurrency * (1 + WORTH) or freed >= 2**30:
            gains.append(Gain(key, value, freed, then.concurrency, price))
    return sorted(gains, key=lambda gain: -gain.concurrency)


def _fits(arch: Architecture, gpu: Gpu, settings: Settings, engine: Engine) -> bool:
    return fit(arch, gpu, settings, engine).verdict is Verdict.FITS
