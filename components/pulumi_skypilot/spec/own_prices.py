"""The prices of machines of one's own, as a stack's config states them. Pure.

SkyPilot knows no price of a Kubernetes cluster, a pool of SSH hosts or a Slurm cluster, unless its
own configuration names one.
"""

import dataclasses
import json
import re
import typing
from collections.abc import Iterator, Mapping

from .. import catalog, errors
from . import readers

OwnPricesSpec = Mapping[str, float | Mapping[str, float]] | float
"""Prices, as a program writes them."""

_LINE = re.compile(r"([\w.-]+[:.]ownPrices): USD an hour a GPU of your own: (\{.*\})")

ANY = "*"
"""Every context, or every GPU, that has no price of its own."""

EXAMPLE = "{prod: {H100: 2.5, L4: 0.4}}, or one number for every GPU"


@dataclasses.dataclass(frozen=True)
class OwnPrices:
    """USD an hour of one GPU, by context and GPU. Without a price there are none."""

    rates: Mapping[str, Mapping[str, float]] = dataclasses.field(default_factory=dict)
    """By context (pool, Slurm cluster), then by GPU; ANY stands for the others."""
    where: str = "ownPrices"
    """The full key in the config. Every line about these prices begins with it."""

    def __bool__(self) -> bool:
        """Return whether there is a price."""
        return bool(self.rates)

    @property
    def line(self) -> str:
        """Return the line of a preview that says these prices. `from_line` reads it."""
        return f"{self.where}: USD an hour a GPU of your own: {json.dumps(self.rates)}"

    @property
    def contexts(self) -> tuple[str, ...]:
        """Return the contexts that are named."""
        return tuple(name for name in self.rates if name != ANY)

    def rate(self, context: str, gpu: str) -> float | None:
        """Return the price of a GPU in a context; None where there is none."""
        for name in (context, ANY):
            for kind in (gpu, ANY):
                if kind in self.rates.get(name, {}):
                    return self.rates[name][kind]
        return None


NONE = OwnPrices()
"""No prices."""


def read(value: object, where: str) -> OwnPrices:
    """Return the prices in a value; none for None.

    `where` is their full key in the config. Raise errors.OwnPricesError with every mistake.
    """
    if value is None:
        return OwnPrices(where=where)
    table = value if isinstance(value, Mapping) else {ANY: value}
    by_context = {
        str(context): prices if isinstance(prices, Mapping) else {ANY: prices}
        for context, prices in table.items()
        if prices is not None
    }
    lines = [
        line for context, prices in by_context.items() for line in _problems(where, context, prices)
    ]
    if lines:
        raise errors.OwnPricesError(*lines)
    rates = {
        context: {str(gpu): float(str(readers.written(price))) for gpu, price in prices.items()}
        for context, prices in by_context.items()
    }
    return OwnPrices(rates, where)


def from_line(text: str) -> OwnPrices | None:
    """Return the prices in a line of a preview; None for any other line."""
    match = _LINE.fullmatch(text)
    try:
        return read(json.loads(match[2]), match[1]) if match else None
    except (ValueError, errors.OwnPricesError):
        return None


def _problems(where: str, context: str, prices: Mapping[typing.Any, object]) -> Iterator[str]:
    at = where if context == ANY else f"{where}.{readers.shown(context)}"
    if catalog.gpu(context) is not None:
        yield f"{at}: this is a GPU, not a context; write {{'*': {{{context}: 2.5}}}}"
        return
    if catalog.cloud(context) is not None:
        yield f"{at}: this is a kind of place; write the name of the context, pool or cluster"
        return
    for gpu, price in prices.items():
        number = readers.written(price)
        known = isinstance(number, int | float) and not isinstance(number, bool)
        if not known or not 0 <= typing.cast("float", number) < readers.LARGEST:
            part = at if gpu == ANY else f"{at}.{readers.shown(gpu)}"
            shown = readers.got(price)
            yield f"{part}: expected USD an hour a GPU, got {shown}; write {EXAMPLE}"
