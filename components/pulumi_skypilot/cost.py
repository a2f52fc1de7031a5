"""What a deployment costs an hour, from the prices that the API server's catalogue knows.

Pure. Prices come from `prices.py`, once a preview; no resource has them as inputs, so that a new
price is never a change. What is not known is None with the reason, and fails nothing.
"""

import dataclasses
import typing
from collections.abc import Iterator, Mapping, Sequence

from . import catalog, spec

HOURS_A_MONTH = 730
OWN = ("kubernetes", "ssh", "slurm")
"""Places of one's own: SkyPilot knows no price there unless its configuration names one."""
CONTROLLER = {"cpus": "4+", "memory": "8+"}
"""SkyServe's controller, where it is a machine of its own (sky/serve/constants.py:87)."""

Machine = tuple[tuple[str, object], ...]
"""A machine without a GPU, as a question and its answer name it: sorted pairs."""


@dataclasses.dataclass(frozen=True)
class Row:
    """One offer of the catalogue: an instance type in a region, USD an hour."""

    cloud: str
    region: str
    instance: str | None
    accelerator: str
    count: float
    cpus: float | None
    memory: float | None
    price: float | None
    spot: float | None


@dataclasses.dataclass(frozen=True)
class Prices:
    """All that a preview knows of prices."""

    rows: tuple[Row, ...] = ()
    machines: Mapping[Machine, float] = dataclasses.field(default_factory=dict)
    failed: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Cloud, or `machines`: why it has no prices."""
    controller: bool = False
    """Whether SkyServe's controller was seen on a machine of its own."""
    away: str | None = None
    """Why nothing is known at all: no server, no answer in time, `--offline`."""


@dataclasses.dataclass(frozen=True)
class Range:
    """USD an hour, from the cheapest place that the spec allows to the dearest."""

    low: float
    high: float

    def __add__(self, other: "Range") -> "Range":
        return Range(self.low + other.low, self.high + other.high)

    def times(self, factor: float) -> "Range":
        """Of so many."""
        return Range(self.low * factor, self.high * factor)


@dataclasses.dataclass(frozen=True)
class Cost:
    """Of one deployment an hour; None with a reason where it is not known."""

    replica: Range | None
    """One replica, all its nodes."""
    fewest: Range | None
    most: Range | None
    unknown: str | None = None
    notes: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Budget:
    """The most that a stack may cost, in USD."""

    hourly: float | None = None
    monthly: float | None = None


def question(specs: Sequence[spec.Spec]) -> dict[str, typing.Any]:
    """What to ask the API server for these deployments: plain data, nothing twice."""
    clouds = {_cloud(place) for one in specs for place in one.infra if one.accelerators}
    anywhere = any(one.accelerators and not one.infra for one in specs)
    machines = {machine for one in specs for machine in _machines(one)}
    service = next((one for one in specs if one.kind == "service"), None)
    if service is not None:
        machines.add(_controller(service))  # one for all services of the server
    return {
        "clouds": None if anywhere else sorted(clouds),
        "accelerators": sorted({gpu.name for one in specs for gpu in one.accelerators}),
        "machines": [dict(one) for one in sorted(machines, key=str)],
    }


def read(answer: Mapping[str, typing.Any]) -> Prices:
    """The prices of an answer (prices.answer, through JSON)."""
    return Prices(
        rows=tuple(Row(**row) for row in answer.get("rows") or ()),
        machines={machine(one["machine"]): one["price"] for one in answer.get("machines") or ()},
        failed=dict(answer.get("failed") or {}),
        controller=bool(answer.get("controller")),
        away=answer.get("away"),
    )


def machine(table: Mapping[str, object]) -> Machine:
    """A machine's name as a key."""
    return tuple(sorted(table.items()))


def cost(wanted: spec.Spec, prices: Prices) -> Cost:
    """What a deployment costs at its fewest and at its most replicas."""
    if prices.away:
        return Cost(None, None, None, prices.away)
    regular, why = _range(wanted, prices, spot=False)
    each, notes = regular, tuple(_uncounted(wanted, prices))
    if wanted.spot:
        each, why_spot = _range(wanted, prices, spot=True)
        if wanted.spot.fallback and regular:
            if each is None:
                notes = (*notes, f"on-demand prices, since {why_spot}")
            each = Range((each or regular).low, regular.high)
        elif each is None:
            why = why_spot
    always = (wanted.spot.on_demand if wanted.spot else None) or 0
    if each is None or (always and regular is None):
        return Cost(None, None, None, why or "no price", notes)

    def of(count: int) -> Range:
        fixed = min(always, count)
        total = each.times(count - fixed) + (regular or each).times(fixed)
        return total.times(wanted.nodes)

    fewest, most = replicas(wanted)
    return Cost(each.times(wanted.nodes), of(fewest), of(most), notes=notes)


def total(costs: Sequence[Cost]) -> tuple[Range, Range, int]:
    """The stack at the fewest and the most replicas, and how many deployments are unknown."""
    known = [one for one in costs if one.fewest is not None and one.most is not None]
    nothing = Range(0.0, 0.0)
    fewest = sum((one.fewest for one in known if one.fewest), nothing)
    most = sum((one.most for one in known if one.most), nothing)
    return fewest, most, len(costs) - len(known)


def controller(wanted: spec.Spec, prices: Prices) -> float | None:
    """USD an hour of SkyServe's controller on a machine of its own, in the deployment's place."""
    return prices.machines.get(_controller(wanted))


def over_budget(costs: Mapping[str, Cost], budget: Budget) -> str | None:
    """One line for a stack that may cost more than its budget; None when it keeps to it.

    It is held to the most replicas at the dearest place. What is unknown counts as nothing, and is
    said.
    """
    _, most, unknown = total(list(costs.values()))
    limits = (
        ("hourly", budget.hourly, most.high, "an hour"),
        ("monthly", budget.monthly, most.high * HOURS_A_MONTH, "a month"),
    )
    for key, limit, sum_, unit in limits:
        if limit is None or sum_ <= limit:
            continue
        dear = sorted(
            ((one.most.high, name) for name, one in costs.items() if one.most), reverse=True
        )
        factor = HOURS_A_MONTH if key == "monthly" else 1
        named = ", ".join(f"{name} {money(price * factor)}" for price, name in dear[:3])
        doubt = f" ({unknown} of unknown cost not counted)" if unknown else ""
        return (
            f"budget.{key}: {money(sum_)} USD {unit} at the most replicas{doubt} is over "
            f"{money(limit)}; most goes to {named}; lower replicas.max, take other GPUs or raise "
            "the budget"
        )
    return None


def replicas(wanted: spec.Spec) -> tuple[int, int]:
    """How many machines' worth of it run at the fewest and at the most."""
    if wanted.kind == "cluster":
        return 1, 1
    spare = wanted.replicas.overprovision or 0
    return wanted.replicas.min + spare, wanted.replicas.max + spare


def money(amount: float) -> str:
    """An amount as people write it: cents where they matter."""
    return f"{amount:,.2f}" if amount < 100 else f"{amount:,.0f}"


def shown(range_: Range | None) -> str:
    """A range as people write it, without a unit."""
    if range_ is None:
        return "unknown"
    low, high = money(range_.low), money(range_.high)
    return low if low == high else f"{low} to {high}"


def _range(wanted: spec.Spec, prices: Prices, *, spot: bool) -> tuple[Range | None, str | None]:
    """From the cheapest to the dearest place; each at its own cheapest machine that will do.

    A region that is out of that machine may give the next larger one, which is not counted.
    """
    find = _cheapest if wanted.accelerators else _machine_prices
    cheapest = find(wanted, prices, spot)
    if cheapest:
        return Range(min(cheapest), max(cheapest)), None
    return None, _reason(wanted, prices, spot)


def _cheapest(wanted: spec.Spec, prices: Prices, spot: bool) -> list[float]:
    """The least price of each GPU in each region."""
    best: dict[tuple[str, str, str, float], float] = {}
    for row in _fitting(wanted, prices.rows):
        price = _price(row, spot)
        if price is not None:
            key = (row.cloud, row.region, row.accelerator, row.count)
            best[key] = min(price, best.get(key, price))
    return list(best.values())


def _price(row: Row, spot: bool) -> float | None:
    price = row.spot if spot else row.price
    return price if price else None  # Kubernetes without configured prices says 0


def _fitting(wanted: spec.Spec, rows: Sequence[Row]) -> Iterator[Row]:
    asked = {(one.name, one.count) for one in wanted.accelerators}
    kind = wanted.instance_type
    for row in rows:
        if (
            (row.accelerator, row.count) in asked
            and (kind is None or kind == row.instance)
            and _enough(wanted.cpus, row.cpus)
            and _enough(wanted.memory, row.memory)
            and (not wanted.infra or any(_covers(place, row) for place in wanted.infra))
        ):
            yield row


def _enough(asked: str | None, offered: float | None) -> bool:
    if asked is None or offered is None:
        return True
    if asked.endswith("+"):
        return offered >= float(asked[:-1])
    return offered == float(asked)


def _covers(place: str, row: Row) -> bool:
    cloud, _, rest = place.partition("/")
    if _cloud(cloud) != row.cloud:
        return False
    return not rest or row.region in (rest, rest.split("/", maxsplit=1)[0])


def _cloud(place: str) -> str:
    found = catalog.cloud(place)
    return found.name.lower() if found else place.partition("/")[0].lower()


def _machines(wanted: spec.Spec) -> Iterator[Machine]:
    """The machines without a GPU that a spec may run on, one a place."""
    if wanted.accelerators:
        return
    asked = {"cpus": wanted.cpus, "memory": wanted.memory}
    kind = wanted.instance_type
    kinds = [False] if wanted.spot is None else [True, False] if wanted.spot.fallback else [True]
    for place in wanted.infra or (None,):
        if place is not None and _cloud(place) in OWN:
            continue
        for spot in kinds:
            table = {**asked, "instance_type": kind, "infra": place, "use_spot": spot}
            yield machine({key: value for key, value in table.items() if value is not None})


def _machine_prices(wanted: spec.Spec, prices: Prices, spot: bool) -> list[float]:
    return [
        prices.machines[one]
        for one in _machines(wanted)
        if dict(one)["use_spot"] is spot and one in prices.machines
    ]


def _controller(wanted: spec.Spec) -> Machine:
    """It goes where the replicas go (sky/utils/controller_utils.py:766)."""
    place = next((one for one in wanted.infra if _cloud(one) not in OWN), None)
    table = {**CONTROLLER, "infra": place, "use_spot": False}
    return machine({key: value for key, value in table.items() if value is not None})


def _reason(wanted: spec.Spec, prices: Prices, spot: bool) -> str:
    """Why there is no price."""
    clouds = list(dict.fromkeys(_cloud(place) for place in wanted.infra))
    if clouds and all(cloud in OWN for cloud in clouds):
        return f"machines of your own ({', '.join(clouds)}) have no price in SkyPilot"
    told = [f"{cloud}: {prices.failed[cloud]}" for cloud in clouds if cloud in prices.failed]
    if told:
        return "; ".join(told)
    if not wanted.accelerators:
        return prices.failed.get("machines", "SkyPilot names no machine of that size")
    named = ", ".join(map(str, wanted.accelerators))
    return f"the server's catalogue has no {'spot ' if spot else ''}price of {named} there"


def _uncounted(wanted: spec.Spec, prices: Prices) -> Iterator[str]:
    """Alternatives that the spec allows and that no price is known of."""
    if not wanted.accelerators:
        return
    fitting = list(_fitting(wanted, prices.rows))
    for place in wanted.infra:
        if not any(_covers(place, row) and row.price for row in fitting):
            why = prices.failed.get(_cloud(place))
            yield f"nothing is counted for {place}" + (f" ({why})" if why else "")
    for gpu in wanted.accelerators:
        if not any((row.accelerator, row.count) == (gpu.name, gpu.count) for row in fitting):
            yield f"nothing is counted for {gpu}"
