"""The API keys of a deployment: which ones are valid, and which one is handed out. Pure.

All of a list are valid, and the last is handed out: so a key is changed without a refusal by making
both valid first. Derived keys come from a seed in the stack's state, so that a create that is
repeated has the same key.
"""

import hashlib
import hmac
import re
import typing
from collections.abc import Iterator, Mapping, Sequence

from .. import errors
from . import readers

_KEY = re.compile(r"(?!-)[\x21-\x2b\x2d-\x7e]{8,}")
"""vLLM takes a key that begins with a dash for a flag, and writes it to its log as one that it does
not know (FlexibleArgumentParser._pull_args_from_config)."""

MANY = 2
"""The earlier and the next."""


def versions(value: object) -> tuple[int, ...]:
    """The versions of `keyVersion`: N, or [N-1, N]. Raises Wrong."""
    read = readers.whole(1, "a version")
    found = tuple(read(one) for one in _listed(value))
    _check_list(found, "keyVersion: 2 after keyVersion: [1, 2]")
    return found


def problems(data: Mapping[str, typing.Any]) -> Iterator[str]:
    """What is wrong with what a deployment says of its keys, one line each."""
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
    """The config keys of `apiKey`: one, or [earlier, next]. Raises Wrong."""
    found = tuple(_listed(value))
    if not all(isinstance(one, str) and one for one in found):
        raise errors.ValueRefused("it must name a secret of this stack's config, or two in a list")
    _check_list(found, "apiKey: newName after apiKey: [oldName, newName]")
    return typing.cast("tuple[str, ...]", found)


def derive(seed: str, service: str, version: int) -> str:
    """A key: the same for the same name and version, however often it is made."""
    # The first version has no number: that is how it was before there were any.
    what = service if version == 1 else f"{service}#{version}"
    return "sk-" + hmac.new(seed.encode(), what.encode(), hashlib.sha256).hexdigest()


def wrong(key: object) -> str | None:
    """What is wrong with a key of the user's own; it is not shown."""
    if isinstance(key, str) and _KEY.fullmatch(key):
        return None
    return (
        "it must be 8 or more visible ASCII characters without a comma, and not begin with a dash"
    )


def _listed(value: object) -> Sequence[object]:
    return value if isinstance(value, list | tuple) else [value]


def _check_list(found: Sequence[object], example: str) -> None:
    if not 1 <= len(found) <= MANY or len(set(found)) < len(found):
        raise errors.ValueRefused(
            f"write one, or two different ones of which the last is handed out, such as {example}"
        )
