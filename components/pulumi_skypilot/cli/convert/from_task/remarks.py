"""What an import has to say beside the deployment."""

import dataclasses
import typing

Kind = typing.Literal["not carried over", "differs", "to do"]


@dataclasses.dataclass(frozen=True)
class Remark:
    """One line for the user."""

    kind: Kind
    """`not carried over` is lost unless something is done; `differs` is this package's way of doing
    the same; `to do` is what the deployment needs before it can be brought up."""
    path: str
    """The place in the task, such as service.tls, or `flag NAME`."""
    text: str
    """What becomes of it and what to do, in one line."""

    def __str__(self) -> str:
        return f"{self.kind}: {self.path}: {self.text}"


def lost(path: str, text: str) -> Remark:
    """Something of the task that the deployment does not say."""
    return Remark("not carried over", path, text)


def differs(path: str, text: str) -> Remark:
    """Something that is done in another way."""
    return Remark("differs", path, text)


def to_do(path: str, text: str) -> Remark:
    """Something that the user has yet to supply."""
    return Remark("to do", path, text)
