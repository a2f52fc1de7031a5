"""The cost limit of a stack, as its config or a scope states it. Pure."""

import dataclasses
import typing
from collections.abc import Iterator, Mapping

from .. import errors
from ..catalog import suggest
from . import readers

LIMITS = ("hourly", "monthly")
UNKNOWN = ("fail", "allow")


class BudgetSpec(typing.TypedDict, total=False):
    """A budget, as a program writes it."""

    hourly: float | None
    """The most USD an hour, at the most replicas."""
    monthly: float | None
    """The most USD in a month of 730 hours."""
    unknown: typing.Literal["fail", "allow"]
    """Whether a price that is not known fails it. Default: `fail`."""


KEYS = tuple(BudgetSpec.__annotations__)
EXAMPLE = "{hourly: 40} or {monthly: 20000}"


@dataclasses.dataclass(frozen=True)
class Budget:
    """The cost limits of a stack, in USD. Without a limit there is no budget."""

    hourly: float | None = None
    monthly: float | None = None
    allows_unknown: bool = False
    """Leave out a deployment of unknown cost instead of failing the preview."""
    where: str = "budget"
    """The budget's full key in the config. Every line about the budget begins with it."""

    def __bool__(self) -> bool:
        """Return whether there is a limit."""
        return self.hourly is not None or self.monthly is not None


NONE = Budget()
"""No budget."""


def read(value: object, where: str) -> Budget:
    """Return the budget in a value; a budget without limits for None.

    `where` is its full key in the config. Raise errors.BudgetError with every mistake.
    """
    if value is None:
        return Budget(where=where)
    if not isinstance(value, Mapping):
        raise errors.BudgetError(f"{where}: {_shown(value)} is not a table of USD; write {EXAMPLE}")
    given = {str(key): item for key, item in value.items() if item is not None}
    lines = [line for key, item in given.items() for line in _problems(where, key, item)]
    if not lines and not given.keys() & set(LIMITS):
        lines = [f"{where}: it has no limit; write {EXAMPLE}"]
    if lines:
        raise errors.BudgetError(*lines)
    limits = {key: float(str(given[key])) for key in LIMITS if key in given}
    return Budget(**limits, allows_unknown=given.get("unknown") == "allow", where=where)


def _problems(where: str, key: str, value: object) -> Iterator[str]:
    if key not in KEYS:
        hint = suggest.did_you_mean(key, KEYS, EXAMPLE)
        yield f"{where}.{readers.shown(key)}: unknown key; {hint}"
    elif key == "unknown":
        if value not in UNKNOWN:
            yield f"{where}.{key}: {_shown(value)} is unknown; write fail or allow"
    else:
        amount = readers.written(value)
        is_number = isinstance(amount, int | float) and not isinstance(amount, bool)
        if not is_number or not 0 < typing.cast("float", amount) < readers.LARGEST:
            yield f"{where}.{key}: {_shown(value)} is not an amount in USD; write {EXAMPLE}"


def _shown(value: object) -> str:
    """Return a value as errors show it. A text is quoted, since it may look like a number."""
    return repr(value[:60]) if isinstance(value, str) else readers.shown(value)
