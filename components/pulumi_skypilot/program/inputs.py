"""The inputs of a program, any of which may be a Pulumi Output, read without waiting."""

import inspect
import typing
from collections.abc import Callable, Mapping, Sequence

import pulumi

from .. import errors
from ..providers import properties
from ..spec import readers

T = typing.TypeVar("T")
Table = Mapping[str, typing.Any]

PLAIN = ("kind", "auth")
"""Keys that decide which resources the program declares, and whether there is an API key."""


def table(spec: object) -> dict[str, typing.Any]:
    """Return a spec in plain dicts and lists, whose values may be Outputs.

    Raises ValueRefused if the spec itself is an Output or no table, or a key of PLAIN is an Output.
    """
    if has_output(spec) and not isinstance(spec, Mapping):
        raise errors.ValueRefused(
            "spec: the table itself is an Output; write a table, whose values may be Outputs"
        )
    if not isinstance(spec, Mapping):
        raise errors.ValueRefused("spec: expected a table; write one, such as {'model': …}")
    for key in spec:
        if not isinstance(key, str):
            raise errors.ValueRefused(f"spec: {readers.shown(key)} is not text; every key must be")
    for key in PLAIN:
        plain(key, spec.get(key))
    return {key: settled(value) for key, value in spec.items()}


def plain(key: str, value: T) -> T:
    """Return the value. Raises ValueRefused if it is an Output or contains one."""
    if has_output(value):
        raise errors.ValueRefused(
            f"{key}: it is an Output, and the program needs it to say what there is to "
            "make; write the value down, or read it from the stack's config"
        )
    return value


def settled(value: object) -> typing.Any:
    """Return the value in dicts and lists, with an Output for each awaitable in it."""
    if isinstance(value, pulumi.Output):
        return value
    if inspect.isawaitable(value):
        return pulumi.Output.from_input(value)  # an Output can be read twice, an awaitable cannot
    if isinstance(value, Mapping):
        return {key: settled(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [settled(item) for item in value]
    return value


def has_output(value: object) -> bool:
    """Return whether the value is, or contains, an Output or an awaitable."""
    if isinstance(value, pulumi.Output) or inspect.isawaitable(value):
        return True
    if isinstance(value, Mapping):
        return any(has_output(item) for item in value.values())
    listed = isinstance(value, Sequence) and not isinstance(value, str | bytes)
    return listed and any(has_output(item) for item in typing.cast("Sequence[object]", value))


def read(value: object, reader: Callable[[typing.Any], T]) -> T | pulumi.Output[T]:
    """Return the reader's result for a value: now, or once the Outputs in it are known."""
    if not has_output(value):
        return reader(value)
    return typing.cast("pulumi.Output[T]", pulumi.Output.from_input(value).apply(reader))


def hidden(value: object) -> object:
    """Return a table with each value marked secret; any other value is marked as a whole.

    Marking the table as a whole would make all of it unknown if one value is.
    """
    if isinstance(value, Mapping):
        return {
            key: None if item is None else pulumi.Output.secret(item) for key, item in value.items()
        }
    return pulumi.Output.secret(value)


def secret_properties(values: Table) -> dict[str, pulumi.Output[list[str] | None] | None]:
    """Return the input that lists the keys of secret values; its value is None without any."""
    given = {key: pulumi.Output.from_input(v) for key, v in values.items() if has_output(v)}

    async def names() -> list[str] | None:
        return [key for key, value in given.items() if await value.is_secret()] or None

    return {properties.MARKED_SECRET: pulumi.Output.from_input(names()) if given else None}
