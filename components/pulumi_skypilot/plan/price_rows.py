"""The prices that a preview knows, and the alternatives of a deployment that have none. Pure.

An answer of `skypilot/prices.py` becomes Prices here.
"""

import dataclasses
import typing
from collections.abc import Mapping

from .. import catalog
from ..spec import own_prices

OWN_MACHINES = "your own machines"
"""The reason why nothing is counted for a machine that is on no bill."""


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
    """None where it is not offered on demand; 0 where it has no price."""
    spot: float | None
    """The price of a spot machine; None where there is none."""

    def rate(self, *, spot: bool) -> float | None:
        """Return USD an hour in that market."""
        return self.spot if spot else self.price


@dataclasses.dataclass(frozen=True)
class Prices:
    """The prices that a preview knows."""

    rows: tuple[Row, ...] = ()
    machines: Mapping[Machine, float] = dataclasses.field(default_factory=dict)
    """Machines without a GPU: USD an hour in the cheapest cloud."""
    dearest: Mapping[Machine, float] = dataclasses.field(default_factory=dict)
    """Machines without a GPU: USD an hour in the dearest cloud."""
    free: frozenset[Machine] = frozenset()
    """Machines without a GPU that a place without a price may also give."""
    failed: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """By cloud, or by `enabled` (the list of the server's clouds): why there is no answer."""
    failed_machines: Mapping[Machine, str] = dataclasses.field(default_factory=dict)
    """By machine without a GPU: why there is no answer."""
    asked: Mapping[str, typing.Any] | None = None
    """The question; None where the answer does not repeat it."""
    controller: bool = False
    """Whether SkyServe's controller was seen on a machine of its own."""
    away: str | None = None
    """The reason why nothing is known: no server, no answer in time, `--offline`."""
    own: own_prices.OwnPrices = own_prices.NONE
    """The stack's prices of machines of one's own."""


@dataclasses.dataclass(frozen=True)
class Unpriced:
    """An alternative that a deployment allows and whose price is unknown, and why."""

    kind: str
    """The GPU, or the size of a machine without one."""
    place: str
    why: str
    own: bool = False
    """Whether it is a machine of one's own, which is on no bill, and the stack names no price."""


def read(answer: Mapping[str, typing.Any], own: own_prices.OwnPrices = own_prices.NONE) -> Prices:
    """Return the prices of an answer (skypilot/prices.py, answer) that went through JSON.

    `own` has the stack's prices of machines of one's own.
    """
    asked = [(machine(entry["machine"]), entry) for entry in answer.get("machines") or ()]
    known = {size: entry for size, entry in asked if "failed" not in entry}
    return Prices(
        rows=tuple(Row(**row) for row in answer.get("rows") or ()),
        machines={size: entry["price"] for size, entry in known.items()},
        dearest={size: entry["dearest"] for size, entry in known.items() if "dearest" in entry},
        free=frozenset(size for size, entry in known.items() if entry.get("free")),
        failed=dict(answer.get("failed") or {}),
        failed_machines={size: entry["failed"] for size, entry in asked if "failed" in entry},
        asked=answer.get("asked"),
        controller=bool(answer.get("controller")),
        away=answer.get("away"),
        own=own,
    )


def machine(table: Mapping[str, object]) -> Machine:
    """Return the key of a machine."""
    return tuple(sorted(table.items()))


def cloud(place: str) -> str:
    """Return the cloud of an infra string, as SkyPilot calls it."""
    facts = catalog.cloud(place)
    return facts.name.lower() if facts else place.partition("/")[0].lower()


def covers(place: str, row: Row) -> bool:
    """Return whether an infra string names the place of a row."""
    _, _, rest = place.partition("/")
    if cloud(place) != row.cloud:
        return False
    region = rest.split("/", maxsplit=1)[0]
    return region in ("", "*") or row.region in (rest, region)
