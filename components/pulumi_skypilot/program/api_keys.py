"""The API keys of a service or cluster, as a program chooses them: its own, or derived ones."""

import typing
from collections.abc import Callable, Mapping, Sequence

import pulumi

from .. import errors
from ..spec import keys
from . import inputs

ApiKey = str | pulumi.Output[str] | Sequence[str | pulumi.Output[str]]
"""A key, or two valid keys of which clients receive the last."""


def valid(
    spec: Mapping[str, typing.Any],
    derived: Callable[[int], pulumi.Output[str]],
    own: ApiKey | None,
    version: int | Sequence[int] | None,
) -> dict[str, pulumi.Output[str] | None]:
    """Return the valid keys, at most two. Raises ValueRefused for an invalid choice of keys."""
    none = spec.get("auth") == "none"
    options = [option for option in (own, version) if option is not None]
    if len(options) + none > 1:
        raise errors.ValueRefused("give only one of auth: none, api_key and key_version")
    if own is not None:
        given = inputs.settled(own)
        listed = given if isinstance(given, list) else [given]
        if not 1 <= len(listed) <= keys.MANY:
            raise errors.ValueRefused("api_key: give one, or the earlier and the next")
        for key in listed:
            reason = None if inputs.has_output(key) else keys.wrong(key)
            if reason is not None:
                raise errors.ValueRefused(f"api_key: {reason}")
        accepted = [pulumi.Output.secret(inputs.read(key, _text)) for key in listed]
    else:
        accepted = [] if none else [derived(number) for number in _versions(version)]
    earlier, handed = [None, None, *accepted][-2:]
    return {"apiKey": handed, "earlierKey": earlier}


def _versions(version: int | Sequence[int] | None) -> tuple[int, ...]:
    number = inputs.plain("key_version", version)
    try:
        return keys.versions(1 if version is None else number)
    except ValueError as error:
        raise errors.ValueRefused(f"key_version: {error}") from None


def _text(value: object) -> str:
    """Return the key; a value that is no text becomes empty, and check refuses it."""
    return value if isinstance(value, str) else ""
