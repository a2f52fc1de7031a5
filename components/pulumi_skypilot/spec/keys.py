"""The API keys of a deployment: the valid ones, and the one that clients receive. Pure.

Every key of a list is valid, and clients receive the last. To rotate a key without refusing a
request, make both valid first. Derived keys come from a seed in the stack's state, so that a
repeated create gets the same key.
"""

import hashlib
import hmac
import re
import typing
from collections.abc import Iterator, Mapping, Sequence

from .. import errors
from . import readers

_KEY = re.compile(r"(?!-)[\x21-\x2b\x2d-\x7e]{8,}")
"""vLLM takes a key that begins with a dash for an unknown flag and logs it
(FlexibleArgumentParser._pull_args_from_config)."""

MANY = 2
"""The most keys that are valid at a time: the previous one and the next one."""


def versions(value: object) -> tuple[int, ...]:
    """Return the versions in `keyVersion`: N, or [N-1, N]. Raise ValueRefused for another value."""
    read = readers.whole(1, "a version")
    numbers = tuple(read(item) for item in _listed(value))
    _check_list(numbers, "keyVersion: 2 after keyVersion: [1, 2]")
    return numbers


def problems(data: Mapping[str, typing.Any]) -> Iterator[str]:
    """Yield a line for each mistake in a deployment's key settings."""
    none = data.get("auth") == "none"
    for key, read in (("apiKey", names), ("keyVersion", versions)):
        if data.get(key) is None:
            continue
        try:
            read(data[key])
        except errors.ValueRefused as error:
            yield f"{key}: {error}"
        if none:
            yield f"{key}: with auth: none there is no key; leave one of the two out"
    if data.get("apiKey") is not None and data.get("keyVersion") is not None:
        yield "keyVersion: it numbers the keys that are made for you; leave it out beside apiKey"


def names(value: object) -> tuple[str, ...]:
    """Return the config keys that `apiKey` names: one, or [previous, next].

    Raise ValueRefused for another value.
    """
    listed = tuple(_listed(value))
    if not all(isinstance(name, str) and name for name in listed):
        raise errors.ValueRefused("it must name a secret of this stack's config, or two in a list")
    _check_list(listed, "apiKey: newName after apiKey: [oldName, newName]")
    return typing.cast("tuple[str, ...]", listed)


def derive(seed: str, service: str, version: int) -> str:
    """Return the API key of a service. The same arguments always give the same key."""
    # Version 1 adds no number, so that keys of releases without versions stay valid.
    message = service if version == 1 else f"{service}#{version}"
    return "sk-" + hmac.new(seed.encode(), message.encode(), hashlib.sha256).hexdigest()


def wrong(key: object) -> str | None:
    """Return what is wrong with a user's own key, without showing it; None when it is valid."""
    if isinstance(key, str) and _KEY.fullmatch(key):
        return None
    return (
        "it must be 8 or more visible ASCII characters without a comma, and not begin with a dash"
    )


def _listed(value: object) -> Sequence[object]:
    return value if isinstance(value, list | tuple) else [value]


def _check_list(items: Sequence[object], example: str) -> None:
    if not 1 <= len(items) <= MANY or len(set(items)) < len(items):
        raise errors.ValueRefused(
            "write one value, or two distinct ones of which clients receive the last, such as "
            f"{example}"
        )
