"""The numbers that vLLM takes for its flags, as its own source declares them.

A value may be text, as `pulumi config set` stores fractions. vLLM reads its command line in the
same way.
"""

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping

from ..catalog import declared
from ..spec import readers

UNITS = {
    "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12,
    "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40,
}  # fmt: skip
"""The units of vllm/utils/argparse_utils.py, human_readable_int."""

TYPES = {
    "int": "a whole number",
    "float": "a number",
    "size": "a whole number, also such as 2k or 1M,",
    "size or auto": "a whole number, also such as 2k or 1M, or auto,",
}


def name(flag: str) -> str:
    """Return the flag that this name is an alias of; else the name."""
    known = declared.ranges().get(flag)
    return (known and known.same_as) or flag


def wrong(flag: str, value: object) -> str | None:
    """Return what is wrong with the value of a flag, and what to do.

    None where no mistake is known.
    """
    known = declared.ranges().get(flag)
    if known is None:
        return next(_wrong_within(flag, value), None)
    if known.one_of and not isinstance(known.one_of[0], int):
        return None  # words have a check and hints of their own
    several = isinstance(value, list)
    if several and not known.many:
        return f"{flag} takes one value, not a list; write one"
    values = value if isinstance(value, list) else [value]
    bad = [single for single in values if not _takes(known, single)]
    if not bad:
        return None
    return (
        f"{flag} {readers.shown(bad[0])} is not {_phrase(known)}, which vLLM {declared.engine()} "
        f"asks for; {_instead(known, bad[0])}"
    )


def number(flag: str, value: object) -> float | None:
    """Return the value of a flag as the number that vLLM reads; None where it takes none."""
    known = declared.ranges()[flag]
    return _number(known.type, value) if _takes(known, value) else None


def disordered(given: Mapping[str, object]) -> Iterator[tuple[declared.Order, float, float]]:
    """Yield each pair of flags that vLLM compares and refuses, with both numbers.

    The number of the flag that must be the larger comes first. `given` has the flags of the whole
    command, by their names.
    """
    for order in declared.orders():
        if order.unless is not None and not _off(given, order.unless):
            continue
        larger, smaller = (_given(given, flag) for flag in (order.larger, order.smaller))
        if larger is not None and smaller is not None and larger < smaller:
            yield order, larger, smaller


def _given(given: Mapping[str, object], flag: str) -> float | None:
    value = given.get(flag)
    return None if value is None else number(flag, value)


def _off(given: Mapping[str, object], switch: str) -> bool:
    return given.get(switch) is False or given.get(f"no-{switch}") is True


def _takes(known: declared.Range, value: object) -> bool:
    if known.optional and value in ("", "None"):
        return True
    number = _number(known.type, value)
    if number is None or (known.one_of and number not in known.one_of):
        return False
    return not (
        (known.gt is not None and number <= known.gt)
        or (known.ge is not None and number < known.ge)
        or (known.lt is not None and number >= known.lt)
        or (known.le is not None and number > known.le)
        or (known.multiple_of is not None and number % known.multiple_of != 0)
    )


def _number(kind: str, value: object) -> float | None:
    """Return a number as vLLM's parser reads it; None where it is not finite."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    plain = readers.plain(value)
    reader = _READERS[kind]
    try:
        number = reader(str(plain).strip())
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _size(text: str) -> int:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([kKmMgGtT])", text)
    if match is None:
        return int(text)
    amount, unit = match.groups()
    # Fractions of binary units are refused.
    return int(float(amount) * UNITS[unit]) if unit.islower() else int(amount) * UNITS[unit]


def _size_or_auto(text: str) -> int:
    return -1 if text.lower() == "auto" else _size(text)


_READERS: Mapping[str, Callable[[str], float]] = {
    "int": int,
    "float": float,
    "size": _size,
    "size or auto": _size_or_auto,
}


def _phrase(known: declared.Range) -> str:
    if known.one_of:
        return f"one of {', '.join(map(str, known.one_of))}"
    low = f"above {known.gt:g}" if known.gt is not None else ""
    low = f"of {known.ge:g} or more" if known.ge is not None else low
    high = f"up to {known.le:g}" if known.le is not None else ""
    high = f"below {known.lt:g}" if known.lt is not None else high
    if high and known.ge is not None:
        low = f"from {known.ge:g}"
    multiple = f"a multiple of {known.multiple_of}" if known.multiple_of else ""
    bounds = " and ".join(part for part in (low, high, multiple) if part)
    return f"{TYPES[known.type]} {bounds}".rstrip(" ,")


def _instead(known: declared.Range, value: object) -> str:
    number = _number("float", value)
    share = known.type == "float" and 1 in (known.le, known.lt)
    if share and number is not None and 1 < number < 100:
        return f"write {number / 100:g}"
    return "change it or leave it out"


def _wrong_within(flag: str, value: object) -> Iterator[str]:
    """Yield what is wrong with the keys of a flag that takes a table.

    The table may also be written as JSON.
    """
    if isinstance(value, str) and value.lstrip().startswith("{"):
        try:
            value = json.loads(value)
        except ValueError:
            return
    if not isinstance(value, Mapping):
        return
    for key, inner in value.items():
        reason = None if inner is None else wrong(f"{flag}.{key}", inner)
        if reason is not None:
            yield reason
