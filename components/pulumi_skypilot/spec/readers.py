"""Readers of one value. Each returns it, or raises ValueRefused with what to write instead.

Pulumi's numbers are doubles: a whole number arrives as 131072.0 and is returned as 131072.
"""

import contextlib
import ipaddress
import math
import re
import typing
from collections.abc import Callable, Mapping, Sequence

import pydantic

from .. import catalog, errors

ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
"""sky/utils/common_utils.py, is_valid_env_var."""

LARGEST = 2**53
"""Pulumi passes numbers as doubles, which are exact for whole numbers up to this one."""

Units = Mapping[str, float]
"""From a unit that users write after a number, in lower case, to its size in the key's own unit."""

SECONDS: Units = {"s": 1, "m": 60, "min": 60, "h": 3600}
MINUTES: Units = {"m": 1, "min": 1, "h": 60}
TOKENS: Units = {"k": 2**10, "m": 2**20}
GIB: Units = {
    f"{prefix}{end}": size
    for prefix, size in (("k", 2**-20), ("m", 2**-10), ("g", 1), ("t", 2**10), ("p", 2**20))
    for end in ("", "b", "i", "ib")
}
_NO_UNITS: Units = {}

_WITH_UNIT = re.compile(r"(\d+(?:\.\d+)?) ?([A-Za-z]+)")
_QUANTITY = re.compile(r"(\d+(?:\.\d+)?)(\+?)")
_NUMBER = re.compile(r"[+-]?[0-9]{1,17}(?:\.[0-9]{1,17})?")
_ACCELERATOR = re.compile(r"([A-Za-z][A-Za-z0-9-]*)(?::([1-9][0-9]*))?")
_HOST = re.compile(r"(?![\d.]+$)\w[\w-]*(\.\w[\w-]*)*\.?", re.ASCII)
"""A name with no part that begins with a dash. Digits and dots alone are a mistyped address."""
_FLAG = re.compile(r"[a-z][a-z0-9-]*(?:\.[A-Za-z0-9_.+-]+)?")


def shown(value: object) -> str:
    """Return a value as errors show it: as written, in at most 60 characters."""
    value = plain(value)
    text = value if isinstance(value, str) and value.isprintable() and value else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def got(value: object) -> str:
    """Return a value as errors show it, with its kind before it: the number 3."""
    value = plain(value)
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f"the text '{shown(value)}'" if value.isprintable() else f"the text {value!r}"
    kinds = ((int | float, "number"), (list, "list"), (dict, "table"))
    kind = next((name for type_, name in kinds if isinstance(value, type_)), type(value).__name__)
    return f"the {kind} {shown(value)}"


def plain(value: object) -> object:
    """Return a value with whole doubles turned back into integers, at every depth."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [plain(item) for item in value]
    return value


def whole(least: int, expected: str, units: Units = _NO_UNITS) -> Callable[[object], int]:
    """Return a reader of whole numbers from `least` up.

    `expected` names them in errors. For a number with one of the `units`, such as 1h, the error
    has the number to write.
    """

    def read(value: object) -> int:
        number = plain(written(value))
        if isinstance(number, bool) or not isinstance(number, int):
            meant = _without_unit(value, units)
            number_meant = f": {meant}" if isinstance(meant, int) else ""
            raise errors.ValueRefused(
                f"{shown(value)} is not a whole number; give {expected}{number_meant}"
            )
        if number < least:
            raise errors.ValueRefused(f"{number} is too small; give {expected}, {least} or more")
        if number > LARGEST:
            raise errors.ValueRefused(f"{number:.0e} is too large; give {expected}")
        return number

    return read


def _without_unit(value: object, units: Units) -> object:
    """Return the number that a text such as 1h means in the key's own unit; None if unclear."""
    match = _WITH_UNIT.fullmatch(value.strip()) if isinstance(value, str) else None
    size = units.get(match[2].lower()) if match else None
    return None if match is None or size is None else plain(float(match[1]) * size)


def positive(expected: str) -> Callable[[object], float]:
    """Return a reader of numbers above zero. `expected` names them in errors."""

    def read(value: object) -> float:
        number = written(value)
        known = isinstance(number, int | float) and not isinstance(number, bool)
        if not known or not 0 < typing.cast("float", number) < math.inf:
            raise errors.ValueRefused(f"{shown(value)} is not a number above 0; give {expected}")
        return float(typing.cast("float", number))

    return read


def written(value: object) -> object:
    """Return the number in a text, as `pulumi config set` stores some numbers; else the value."""
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        return float(value) if "." in value else int(value)
    return value


def truth(value: object) -> object:
    """Return true and false for their texts, which `pulumi config set` stores; else the value."""
    return {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value


def quantity(expected: str, units: Units = _NO_UNITS) -> Callable[[object], str]:
    """Return a reader of SkyPilot's amounts: 8, or "8+" for at least 8.

    `expected` names the amount in errors. A number may have one of the `units`. SkyPilot reads it
    with Resources._set_cpus and _set_memory (sky/resources.py).
    """

    def read(value: object) -> str:
        text = str(plain(value)) if isinstance(value, int | float) else sized(value, units)
        match = _QUANTITY.fullmatch(text) if isinstance(text, str) else None
        if isinstance(value, bool) or match is None or float(match[1]) == 0:
            raise errors.ValueRefused(
                f'{shown(value)} is not {expected}; write a number, or "8+" for 8 or more'
            )
        return f"{plain(float(match[1]))}{match[2]}"

    return read


def gib(least: int) -> Callable[[object], int]:
    """Return a reader of whole GiB from `least` up; it takes 512GB and 1Ti too."""
    number = whole(least, "GiB")

    def read(value: object) -> int:
        try:
            return number(sized(value, GIB))
        except errors.ValueRefused:
            return number(value)  # its error shows what was written

    return read


def sized(value: object, units: Units) -> object:
    """Return the text of a size such as 1Ti or 64GB+ in the key's own unit; else the value."""
    text = value.strip() if isinstance(value, str) else ""
    number = _without_unit(text.removesuffix("+"), units)
    return value if number is None else f"{number}{'+' if text.endswith('+') else ''}"


def one_or_many(value: object, example: str) -> tuple[str, ...]:
    """Return the texts of a text or a list of texts. Errors end with the example."""
    items = [value] if isinstance(value, str) else value
    if not isinstance(items, Sequence):
        raise errors.ValueRefused(f"expected a text or a list, got {got(value)}; write {example}")
    odd = [item for item in items if not isinstance(item, str)]
    if odd:
        raise errors.ValueRefused(
            f"expected a list of texts, got {got(odd[0])} in it; write {example}"
        )
    if not items:
        raise errors.ValueRefused("the list is empty; name at least one, or leave it out")
    return tuple(items)


def no_host(host: object) -> str | None:
    """Return why a value is not the host of endpoints; None when it may be."""
    text = host if isinstance(host, str) else ""
    with contextlib.suppress(ValueError):
        ipaddress.ip_address(text[1:-1] if text[:1] == "[" and text[-1:] == "]" else text)
        return None
    if _HOST.fullmatch(text):
        return None
    return (
        f"{shown(host)} is not a host; write a name or an address, without http:// and "
        "without a port: each service has its own port"
    )


def host(value: object) -> str:
    """Return a host's name or address."""
    reason = no_host(value)
    if reason is not None:
        raise errors.ValueRefused(reason)
    return str(value)


def accelerator(text: str) -> tuple[str, int]:
    """Return the name and the count in NAME:COUNT; without a count it is 1."""
    match = _ACCELERATOR.fullmatch(text)
    if match is None:
        kind = catalog.other_kind(text.partition(":")[0])
        if kind is not None:
            raise errors.ValueRefused(
                f"{shown(text)}: {kind} are not supported; write a GPU such as H100:1"
            )
        raise errors.ValueRefused(f"{shown(text)} is not NAME:COUNT, such as H100:1")
    return match[1], int(match[2] or 1)


def flags(value: object) -> dict[str, object]:
    """Return a table from flags of `vllm serve`, without dashes, to their values."""
    table = plain(value)
    if not isinstance(table, dict):
        raise errors.ValueRefused(
            f"expected a table, got {got(value)}; write e.g. {{seed: 1, enforce-eager: true}}"
        )
    for flag, item in table.items():
        if re.fullmatch("-*O[0-9]?", flag):
            raise errors.ValueRefused(
                f"{shown(flag)}: write it as optimization-level, with a number"
            )
        if not _FLAG.fullmatch(flag):
            head, dot, rest = flag.lstrip("-").partition(".")
            raise errors.ValueRefused(
                f"{shown(flag)}: write it as {head.replace('_', '-').lower()}{dot}{rest}"
            )
        if item is None:
            raise errors.ValueRefused(f"{flag} has no value; write true for a flag that takes none")
    return table


def strings(value: object, example: str = "{NAME: value}") -> dict[str, str]:
    """Return a table of strings. Errors never show the values, which may be secret."""
    if not isinstance(value, Mapping):
        raise errors.ValueRefused(f"expected a table; write {example}")
    for key, item in value.items():
        if not isinstance(item, str):
            raise errors.ValueRefused("expected a text; put its value in quotes", str(key))
    return dict(value)


def nested(annotation: object) -> type[pydantic.BaseModel] | None:
    """Return the model of the table that a key holds, directly or under names of the user's."""
    for option in (annotation, *typing.get_args(annotation)):
        if isinstance(option, type) and issubclass(option, pydantic.BaseModel):
            return option
    return None
