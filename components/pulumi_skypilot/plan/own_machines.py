"""The prices of machines of one's own, by the stack's config. Pure.

A price of the stack overrides one in SkyPilot's configuration.
"""

import re
from collections.abc import Iterator, Sequence

from .. import catalog, spec
from ..spec import own_prices
from .cloud_limits import OWN
from .price_rows import Prices, Row, Unpriced, cloud, covers

_PLACE = re.compile(r"(\w+) \((.+)\)")
"""Of what runs, by sky.utils.infra_utils.InfraInfo.formatted_str."""


def rates(wanted: spec.Spec, prices: Prices) -> Iterator[float]:
    """Yield the stack's prices of a machine of one's own, one a context and GPU."""
    for context, gpu in _machines(wanted, prices, wanted.infra or (None,)):
        rate = prices.own.rate(context, gpu.name)
        if rate is not None:
            yield rate * gpu.count


def hourly(wanted: spec.Spec, place: str, prices: own_prices.OwnPrices) -> float | None:
    """Return the stack's price of what runs in a place, as SkyPilot writes it: Kubernetes (prod).

    None where there is none, and where the GPUs that it may be have different ones.
    """
    match = _PLACE.fullmatch(place)
    known = catalog.cloud(match[1]) if match else None
    if match is None or known is None or known.name.lower() not in OWN:
        return None
    context = _context(known.name.lower(), match[2])
    each = {
        None if rate is None else rate * gpu.count * wanted.nodes
        for gpu in wanted.accelerators
        for rate in [prices.rate(context, gpu.name)]
    }
    return each.pop() if len(each) == 1 else None


def overridden(row: Row, prices: Prices) -> bool:
    """Return whether the stack has a price of a row's machine."""
    rate = prices.own.rate(_context(row.cloud, row.region), row.accelerator)
    return row.cloud in OWN and rate is not None


def gaps(wanted: spec.Spec, prices: Prices, place: str, gpu: str) -> Iterator[Unpriced]:
    """Yield that place where the stack has prices of one's own, and none of this GPU there."""
    for context, kind in _machines(wanted, prices, [place]):
        if str(kind) != gpu or prices.own.rate(context, kind.name) is not None:
            continue
        there = "any context" if context == own_prices.ANY else context
        if not any(row.rate(spot=False) for row in _listed(kind, place, prices)):
            yield Unpriced(gpu, place, f"{prices.own.where} has no price of {kind.name} in {there}")


def _machines(
    wanted: spec.Spec, prices: Prices, among: Sequence[str | None]
) -> Iterator[tuple[str, spec.Accelerator]]:
    """Yield each context and GPU of one's own that a spec allows in these places.

    Where a place names no context, they are those in which the server lists the GPU, and those in
    which the stack has a price of it: the server lists its current context alone
    (sky.catalog.kubernetes_catalog._list_accelerators). Nothing where the stack has no prices.
    """
    for place in among if prices.own else ():
        for gpu in wanted.accelerators:
            contexts = [_context(row.cloud, row.region) for row in _listed(gpu, place, prices)]
            if place is not None and cloud(place) in OWN:
                named = _context(cloud(place), place.partition("/")[2])
                priced = (name for name in prices.own.contexts if prices.own.rate(name, gpu.name))
                contexts = [named] if named else [*contexts, *priced] or [own_prices.ANY]
            yield from ((context, gpu) for context in dict.fromkeys(contexts))


def _listed(gpu: spec.Accelerator, place: str | None, prices: Prices) -> list[Row]:
    """Return the rows of one's own machines with that GPU in that place."""
    return [
        row
        for row in prices.rows
        if row.cloud in OWN
        and (row.accelerator, row.count) == (gpu.name, gpu.count)
        and (place is None or covers(place, row))
    ]


def _context(cloud_name: str, region: str) -> str:
    """Return the context of a region: without SkyPilot's prefix of a pool, or Slurm's partition."""
    if cloud_name == "slurm":
        return region.partition("/")[0]
    return region.removeprefix("ssh-") if cloud_name == "ssh" else region
