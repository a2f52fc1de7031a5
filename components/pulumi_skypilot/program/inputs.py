"""What a program gives, where any value may be a Pulumi Output: read without waiting for it."""

import inspect
import typing
from collections.abc import Callable, Mapping, Sequence

import pulumi

from ..providers import properties
from ..spec import readers

T = typing.TypeVar("T")
Table = Mapping[str, typing.Any]

PLAIN = ("kind", "auth")
"""What shapes the program: which resources it makes, and whether there is a key."""


def table(where: str, spec: object) -> dict[str, typing.Any]:
    """Return a spec in plain dicts and lists, whose values may be Outputs.

    Raises RunError when the spec itself is an Output or no table, or when one of PLAIN is an
    Output.
    """
    if has_output(spec) and not isinstance(spec, Mapping):
        raise pulumi.RunError(
            f"{where}: spec: the table itself is an Output; write a table, whose values may be "
            "Outputs"
        )
    if not isinstance(spec, Mapping):
        raise pulumi.RunError(f"{where}: spec: expected a table; write one, such as {{'model': …}}")
    for key in spec:
        if not isinstance(key, str):
            raise pulumi.RunError(
                f"{where}: spec: {readers.shown(key)} is not text; every key must be"
            )
    for key in PLAIN:
        plain(where, key, spec.get(key))
    return {key: settled(value) for key, value in spec.items()}


def plain(where: str, key: str, value: T) -> T:
    """Return the value. Raises RunError when it, or something in it, is an Output."""
    if has_output(value):
        raise pulumi.RunError(
            f"{where}: {key}: it is an Output, and the program needs it to say what there is to "
            "make; write the value down, or read it from the stack's config"
        )
    return value


def settled(value: object) -> typing.Any:
    """Return the value in dicts and lists, with an Output for each awaitable in it."""
    if isinstance(value, pulumi.Output):
        return value
    if inspect.isawaitable(value):
        return pulumi.Output.from_input(value)  # which may be read twice
    if isinstance(value, Mapping):
        return {key: settled(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [settled(item) for item in value]
    return value


def has_output(value: object) -> bool:
    """Whether the value, or something in it, is an Output or an awaitable."""
    if isinstance(value, pulumi.Output) or inspect.isawaitable(value):
        return True
    if isinstance(value, Mapping):
        return any(has_output(item) for item in value.values())
    listed = isinstance(value, Sequence) and not isinstance(value, str | bytes)
    return listed and any(has_output(item) for item in typing.cast("Sequence[object]", value))


def read(value: object, reader: Callable[[typing.Any], T]) -> T | pulumi.Output[T]:
    """Return what a reader makes of a value: at once, or once the Outputs in it are known."""
    if not has_output(value):
        return reader(value)
    return typing.cast("pulumi.Output[T]", pulumi.Output.from_input(value).apply(reader))


def hidden(value: object) -> object:
    """Return a table of secrets with each value marked as one, and any other value as a whole.

    One unknown value would make the table as a whole unknown.
    """
    if isinstance(value, Mapping):
        return {
            key: None if item is None else pulumi.Output.secret(item) for key, item in value.items()
        }
    return pulumi.Output.secret(value)


def secret_properties(values: Table) -> dict[str, pulumi.Output[list[str] | None] | None]:
    """Return the input that names those of the values that are secret; empty where none is."""
    given = {key: pulumi.Output.from_input(v) for key, v in values.items() if has_output(v)}

    async def names() -> list[str] | None:
        return [key for key, value in given.items() if await value.is_secret()] or None

    return {properties.MARKED_SECRET: pulumi.Output.from_input(names()) if given else None}
