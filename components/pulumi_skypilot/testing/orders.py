"""Orders as other people give them: by a text of their own."""

import typing

from .. import port, task


def order(text: str, **values: typing.Any) -> port.Order:
    """Return the order of a text, with the values of its env and secrets and whatever else."""
    return port.Order(text=text, task=task.from_text(text), **values)
