"""A deployment as a program declares it: read once, and handed on to all that ask about it."""

import dataclasses
import functools
import typing
from collections.abc import Callable, Mapping

import pulumi

from .. import errors, plan
from .. import spec as specs
from . import inputs

Table = Mapping[str, typing.Any]


@dataclasses.dataclass(frozen=True)
class Declaration:
    """What a program says of a deployment, in which values may be Outputs."""

    table: Table
    """What goes to the engine, in plain dicts and lists."""
    planned: plan.Plan | None = None
    """What it comes to, where that is known: of a stack's config, which names secrets by key."""

    @functools.cached_property
    def later(self) -> tuple[str, ...]:
        """The keys that come from other resources, but those whose values a plan only names."""
        return tuple(
            key
            for key, value in self.table.items()
            if key not in specs.VALUES and inputs.has_output(value)
        )

    @functools.cached_property
    def plain(self) -> Table:
        """The table without what comes later. Of values that a plan only names it has the names."""
        return {
            key: _with_unknown(value) if key in specs.VALUES else value
            for key, value in self.table.items()
            if key not in self.later and not isinstance(value, pulumi.Output)
        }

    @functools.cached_property
    def spec(self) -> specs.Spec | errors.SpecError | None:
        """The spec, or what is wrong with it; None where some of it comes later."""
        if self.planned is not None:
            return self.planned.spec
        return None if self.later else _parsed(self.plain)

    @property
    def served_name(self) -> str | pulumi.Output[str]:
        """The name that clients ask for."""
        if isinstance(self.spec, specs.Spec):
            return self.spec.served_name
        return inputs.read({key: self.table.get(key) for key in _NAMES}, _served_name)

    def needs(self, reader: Callable[[specs.Spec], object]) -> typing.Any:
        """Return what a reader makes of the spec, at once or once all of it is known.

        None, which the type of no argument has, for a wrong spec: check refuses it.
        """
        if self.later:
            return self._whole.apply(lambda spec: _read(spec, reader))
        return _read(self.spec, reader)

    @functools.cached_property
    def _whole(self) -> pulumi.Output[specs.Spec | errors.SpecError]:
        """The spec, once all of it is known."""
        given = {**self.plain, **{key: self.table[key] for key in self.later}}
        return pulumi.Output.from_input(given).apply(_parsed)


def declared(where: str, spec: Table | Declaration, says: Table | None = None) -> Declaration:
    """Read what a program says, unless that was done already.

    `says` is what the resource says itself. Raises RunError for what is no table.
    """
    if isinstance(spec, Declaration):
        return spec
    return Declaration(inputs.table(where, {**inputs.table(where, spec), **(says or {})}))


_NAMES = ("servedName", "model")


def _served_name(table: Table) -> str:
    return str(next((table[key] for key in _NAMES if table.get(key)), ""))


def _with_unknown(table: object) -> object:
    if not isinstance(table, Mapping):
        return table
    return {
        name: specs.UNKNOWN if inputs.has_output(value) else value for name, value in table.items()
    }


def _parsed(table: Table) -> specs.Spec | errors.SpecError:
    try:
        return specs.parse(table)
    except errors.SpecError as error:
        return error


def _read(
    spec: specs.Spec | errors.SpecError | None, reader: Callable[[specs.Spec], object]
) -> object:
    return reader(spec) if isinstance(spec, specs.Spec) else None
