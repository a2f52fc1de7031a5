"""A deployment as a program declares it, read once and then passed on."""

import dataclasses
import functools
import typing
from collections.abc import Callable, Mapping

import pulumi

from .. import errors, plan
from .. import spec as specs
from . import inputs, typed_specs

Table = Mapping[str, typing.Any]


@dataclasses.dataclass(frozen=True)
class Declaration:
    """A deployment in a program; its values may be Outputs."""

    table: Table
    """The inputs for the engine, in plain dicts and lists."""
    planned: plan.Plan | None = None
    """Its plan, if it comes from a stack's config, which names secrets by key."""
    refusal: str | None = None
    """The line about a spec that cannot be read as a table; the table is then empty."""
    beside: tuple[str, ...] = ()
    """Lines about mistakes beside the spec."""

    @functools.cached_property
    def later(self) -> tuple[str, ...]:
        """Return the keys that come from other resources, except those that a plan only names."""
        return tuple(
            key
            for key, value in self.table.items()
            if key not in specs.VALUES and inputs.has_output(value)
        )

    @functools.cached_property
    def plain(self) -> Table:
        """Return the table without `later` keys; values that a plan only names are UNKNOWN."""
        return {
            key: _with_unknown(value) if key in specs.VALUES else value
            for key, value in self.table.items()
            if key not in self.later and not isinstance(value, pulumi.Output)
        }

    @functools.cached_property
    def spec(self) -> specs.Spec | errors.SpecError | None:
        """Return the spec or its error; None if a part comes later."""
        if self.planned is not None:
            return self.planned.spec
        return None if self.later else _parsed(self.plain)

    @property
    def served_name(self) -> str | pulumi.Output[str]:
        """Return the model name that clients request."""
        if isinstance(self.spec, specs.Spec):
            return self.spec.first_name
        return inputs.read({key: self.table.get(key) for key in _NAMES}, _served_name)

    def needs(self, reader: Callable[[specs.Spec], object]) -> typing.Any:
        """Return the reader's result for the spec, now or once all of it is known.

        Return None for a wrong spec: check refuses it later.
        """
        if self.later:
            return self._whole.apply(lambda spec: _read(spec, reader))
        return _read(self.spec, reader)

    @functools.cached_property
    def _whole(self) -> pulumi.Output[specs.Spec | errors.SpecError]:
        """Return the spec, or its error, once all of it is known."""
        given = {**self.plain, **{key: self.table[key] for key in self.later}}
        return pulumi.Output.from_input(given).apply(_parsed)


def passed_on(made: Declaration) -> typed_specs.DeploymentSpec:
    """Return a declaration as the argument `spec`, whose type names only what users write."""
    return typing.cast("typed_specs.DeploymentSpec", made)


def declared(spec: object, says: Table | None = None) -> Declaration:
    """Return the declaration of a spec; a Declaration is returned as it is.

    `says` has the keys that the resource's class sets if the spec does not.
    """
    if isinstance(spec, Declaration):
        return spec
    says = says or {}
    try:
        table = inputs.table(spec)
    except errors.ValueRefused as error:
        return Declaration(says, refusal=str(error))
    return Declaration({**table, **{key: says[key] for key in says if table.get(key) is None}})


_NAMES = ("servedName", "model")


def _served_name(table: Table) -> str:
    names = next((table[key] for key in _NAMES if table.get(key)), "")
    return str(next(iter(names), "") if isinstance(names, list | tuple) else names)


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
