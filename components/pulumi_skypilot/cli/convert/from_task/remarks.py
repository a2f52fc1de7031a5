"""Remarks of an import on what differs from the task."""

import dataclasses
import typing

Kind = typing.Literal["not carried over", "differs", "to do"]


@dataclasses.dataclass(frozen=True)
class Remark:
    """A line for the user."""

    kind: Kind
    """`not carried over`: lost unless the user acts. `differs`: this package does the same in
    another way. `to do`: needed before the deployment can be brought up."""
    path: str
    """The place in the task, such as service.tls, or `flag NAME`."""
    text: str
    """The consequence and what to do, in one line."""

    def __str__(self) -> str:
        return f"{self.kind}: {self.path}: {self.text}"


def lost(path: str, text: str) -> Remark:
    """Return a remark on a part of the task that the deployment lacks."""
    return Remark("not carried over", path, text)


def differs(path: str, text: str) -> Remark:
    """Return a remark on a part that is done in another way."""
    return Remark("differs", path, text)


def to_do(path: str, text: str) -> Remark:
    """Return a remark on something that the user must supply."""
    return Remark("to do", path, text)
