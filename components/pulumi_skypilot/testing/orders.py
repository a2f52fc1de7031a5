"""Orders as other people give them: by a text of their own."""

import typing

from ..plan import task
from ..skypilot import interface


def order(text: str, **values: typing.Any) -> interface.Order:
    """Return the order of a text, with the values of its env and secrets and whatever else."""
    return interface.Order(text=text, task=task.from_text(text), **values)
