"""The results of the handlers, as values of this package: any door can hand them to Pulumi."""

import dataclasses
import typing
from collections.abc import Sequence

Props = dict[str, typing.Any]
"""Pulumi's properties by name; an unknown one is pulumi.output.Unknown."""


@dataclasses.dataclass(frozen=True)
class Failure:
    """A refused property, and the reason as one line. Without a name, no value is shown."""

    property: str
    reason: str


@dataclasses.dataclass(frozen=True)
class Checked:
    """The inputs with all that they leave open filled in, or why they are refused."""

    inputs: Props
    failures: Sequence[Failure] = ()


@dataclasses.dataclass(frozen=True)
class Compared:
    """Whether a state and its inputs differ, and the keys whose change replaces the resource.

    A replacement deletes first: the new one has the name of the old.
    """

    changes: bool
    replaces: Sequence[str] = ()


@dataclasses.dataclass(frozen=True)
class Created:
    """A new resource's id and its state."""

    id: str
    outs: Props


@dataclasses.dataclass(frozen=True)
class Seen:
    """A resource as a refresh has found it; an empty id means that it is gone."""

    id: str
    outs: Props
    inputs: Props | None = None
    """Its inputs, where they are others than those of the state."""


@dataclasses.dataclass(frozen=True)
class Updated:
    """The new state."""

    outs: Props
