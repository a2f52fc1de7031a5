"""The offers of the API server for a deployment's machines, and what has no price.

Pure. `cost.py` adds the prices up, and `budget_check.py` refuses what has no price. "Not asked",
"no answer" and "listed without a price" are three different reasons.
"""

import typing
from collections.abc import Iterator, Sequence

from .. import spec
from . import own_machines
from .cloud_limits import OWN
from .price_rows import OWN_MACHINES, Machine, Prices, Row, Unpriced, cloud, covers, machine

CONTROLLER = {"cpus": "4+", "memory": "8+"}
"""SkyServe's controller where it has a machine of its own (CONTROLLER_RESOURCES in
sky/serve/constants.py)."""


def question(specs: Sequence[spec.Spec]) -> dict[str, typing.Any]:
    """Return the question to the API server about these deployments, as plain data."""
    clouds = {cloud(place) for wanted in specs for place in wanted.infra if wanted.accelerators}
    sizes = {size for wanted in specs for size in _machines(wanted)}
    service = next((wanted for wanted in specs if wanted.kind == "service"), None)
    if service is not None:
        sizes.add(controller(service))  # one for all services of the server
    return {
        "clouds": sorted(clouds),
        "anywhere": any(wanted.accelerators and not wanted.infra for wanted in specs),
        "accelerators": sorted({gpu.name for wanted in specs for gpu in wanted.accelerators}),
        "machines": [dict(size) for size in sorted(sizes, key=str)],
    }


def controller(wanted: spec.Spec) -> Machine:
    """Return the machine of SkyServe's controller, which goes where the replicas go.

    SkyPilot chooses it so in sky/utils/controller_utils.py.
    """
    place = next((named for named in wanted.infra if cloud(named) not in OWN), None)
    table = {**CONTROLLER, "infra": place, "use_spot": False}
    return machine({key: value for key, value in table.items() if value is not None})


def rates(wanted: spec.Spec, prices: Prices, *, spot: bool) -> list[float]:
    """Return USD an hour of a machine in each place, at its cheapest there.

    A region without that machine may give the next larger one, which is not counted.
    """
    if not wanted.accelerators:
        sizes = [size for size in _machines(wanted) if dict(size)["use_spot"] is spot]
        tables = (prices.machines, prices.dearest)
        return [table[size] for size in sizes for table in tables if size in table]
    best: dict[tuple[str, str, str, float], float] = {}
    for row in _fitting(wanted, prices.rows):
        rate = row.rate(spot=spot)
        allowed = rate is not None and rate > 0 and _allowed(wanted, row, rate)
        if rate is not None and allowed and not own_machines.overridden(row, prices):
            key = (row.cloud, row.region, row.accelerator, row.count)
            best[key] = min(rate, best.get(key, rate))
    return [*best.values(), *own_machines.rates(wanted, prices)]


def unpriced(wanted: spec.Spec, prices: Prices, *, spot: bool) -> tuple[Unpriced, ...]:
    """Return every alternative of the spec that has no price in that market."""
    find = _unpriced_gpus if wanted.accelerators else _unpriced_machines
    return tuple(dict.fromkeys(find(wanted, prices, spot)))


def by_reason(alternatives: Sequence[Unpriced]) -> dict[str, str]:
    """Return by reason the GPUs and places that have no price, in words."""
    reasons: dict[str, tuple[dict[str, None], dict[str, None]]] = {}
    for alternative in alternatives:
        kinds, places = reasons.setdefault(alternative.why, ({}, {}))
        kinds[alternative.kind] = places[alternative.place] = None
    return {
        why: f"{' or '.join(kinds)}, {' or '.join(places)}"
        for why, (kinds, places) in reasons.items()
    }


def _fitting(wanted: spec.Spec, rows: Sequence[Row]) -> Iterator[Row]:
    asked = {(accelerator.name, accelerator.count) for accelerator in wanted.accelerators}
    kind = wanted.instance_type
    for row in rows:
        if (
            (row.accelerator, row.count) in asked
            and (kind is None or kind == row.instance)
            and _enough(wanted.cpus, row.cpus)
            and _enough(wanted.memory, row.memory)
            and (not wanted.infra or any(covers(place, row) for place in wanted.infra))
        ):
            yield row


def _allowed(wanted: spec.Spec, row: Row, rate: float) -> bool:
    """Return whether maxHourlyCost allows a machine; SkyPilot ignores it for one's own machines."""
    most = wanted.max_hourly_cost
    return most is None or row.cloud in OWN or rate <= most


def _enough(asked: str | None, offered: float | None) -> bool:
    if asked is None or offered is None:
        return True
    if asked.endswith("+"):
        return offered >= float(asked[:-1])
    return offered == float(asked)


def _unpriced_gpus(wanted: spec.Spec, prices: Prices, spot: bool) -> Iterator[Unpriced]:
    """Yield each GPU in each place without a price.

    A catalogue that answers and does not list a GPU cannot give it. That counts only where it
    leaves a place, or a GPU, without any price.
    """
    priced = [(row, row.rate(spot=spot)) for row in _fitting(wanted, prices.rows)]
    rows = [row for row, rate in priced if rate is not None and _allowed(wanted, row, rate)]
    pairs = {
        (place, gpu.name, str(gpu)): [
            row
            for row in rows
            if (row.accelerator, row.count) == (gpu.name, gpu.count)
            and (place is None or covers(place, row))
        ]
        for place in wanted.infra or (None,)
        for gpu in wanted.accelerators
    }
    for (place, name, gpu), offered in pairs.items():
        where = place or "anywhere"
        if prices.own and place is not None and cloud(place) in OWN:
            yield from own_machines.gaps(wanted, prices, place, gpu)
            continue
        unanswered = _unanswered(place, name, prices)
        yield from (Unpriced(gpu, *row) for row in unanswered)
        others = [row for row in offered if not own_machines.overridden(row, prices)]
        for region in _free(others, spot):
            mine = cloud(region) in OWN
            why = f"{prices.own.where} has no price of {name} there"
            why = why if mine and prices.own else _no_price(region)
            yield Unpriced(gpu, region, why, own=mine and not prices.own)
        if offered or unanswered:
            continue
        in_place = any(rows_of_pair for key, rows_of_pair in pairs.items() if key[0] == place)
        of_gpu = any(rows_of_pair for key, rows_of_pair in pairs.items() if key[2] == gpu)
        if place is not None and cloud(place) in OWN:
            yield Unpriced(gpu, where, _no_price(place), own=True)
        elif not (in_place and of_gpu):
            market = "spot " if spot else ""
            limit = wanted.max_hourly_cost
            most = "" if limit is None else f" of {limit:g} USD/h (maxHourlyCost) or less"
            why = f"the server's catalogue has no {market}price of {gpu}{most} there"
            yield Unpriced(gpu, where, why)


def _unanswered(place: str | None, gpu: str, prices: Prices) -> list[tuple[str, str]]:
    """Return where there is no answer for that GPU in that place, and why."""
    if prices.away:
        return [(place or "anywhere", prices.away)]
    name = None if place is None else cloud(place)
    failed = [
        (place or failing, f"{failing}: {why}")
        for failing, why in prices.failed.items()
        if failing != "enabled" and name in (None, failing)
    ]
    if place is None and "enabled" in prices.failed:
        failed.append(("anywhere", prices.failed["enabled"]))
    asked = prices.asked
    if not failed and asked is not None:
        places = asked["anywhere"] if name is None else name in asked["clouds"]
        if not places or gpu not in asked["accelerators"]:
            return [(place or "anywhere", f"no price of {gpu} was asked for there")]
    return failed


def _free(offered: Sequence[Row], spot: bool) -> Iterator[str]:
    """Yield the regions in which nothing that is offered has a price."""
    regions: dict[str, bool] = {}
    for row in offered:
        region = f"{row.cloud}/{row.region}" if row.region else row.cloud
        regions[region] = regions.get(region, False) or (row.rate(spot=spot) or 0) > 0
    return (region for region, priced in regions.items() if not priced)


def _no_price(place: str) -> str:
    if cloud(place) in OWN:
        return OWN_MACHINES
    return f"the server's catalogue lists it in {place} without a price"


def _machines(wanted: spec.Spec) -> Iterator[Machine]:
    """Yield the machines without a GPU that a spec may run on, one a place and market."""
    if wanted.accelerators:
        return
    for place in wanted.infra or (None,):
        if place is None or cloud(place) not in OWN:
            for spot in (True, False) if wanted.spot else (False,):
                yield _machine(wanted, place, spot)


def _machine(wanted: spec.Spec, place: str | None, spot: bool) -> Machine:
    table = {
        "cpus": wanted.cpus,
        "memory": wanted.memory,
        "instance_type": wanted.instance_type,
        "infra": place,
        "use_spot": spot,
    }
    return machine({key: value for key, value in table.items() if value is not None})


def _unpriced_machines(wanted: spec.Spec, prices: Prices, spot: bool) -> Iterator[Unpriced]:
    parts = ((wanted.instance_type, ""), (wanted.cpus, " CPUs"), (wanted.memory, " GiB"))
    kind = " ".join(f"{value}{unit}" for value, unit in parts if value) or "any machine"
    for place in wanted.infra or (None,):
        size = _machine(wanted, place, spot)
        own = False
        if place is not None and cloud(place) in OWN:
            why, own = OWN_MACHINES, True
        elif prices.away:
            why = prices.away
        elif size in prices.failed_machines:
            why = prices.failed_machines[size]
            own = why == OWN_MACHINES
        elif size not in prices.machines:
            why = "no price of it was asked for"
        elif size in prices.free:
            why, own = OWN_MACHINES, True
        else:
            continue
        yield Unpriced(kind, place or "anywhere", why, own)
