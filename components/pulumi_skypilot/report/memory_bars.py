"""What fills the memory of one GPU, as a bar of text."""

from collections.abc import Sequence

WIDTH = 40
Part = tuple[str, float]
"""The letter that a part is drawn with, and its size."""


def bar(parts: Sequence[Part], total: float, width: int = WIDTH) -> str:
    """Each part in proportion to the whole; what is left of the whole as dots.

    What there is at all has a letter of its own, however small; what does not fit is cut off and
    marked.
    """
    drawn = ""
    end = 0.0
    for letter, size in parts:
        end += max(size, 0)
        wanted = round(end / total * width) - len(drawn)
        drawn += letter * max(wanted, 1 if size > 0 else 0)
    if end > total or len(drawn) > width:
        return drawn[: width - 1] + ("!" if end > total else drawn[width - 1])
    return drawn + "·" * (width - len(drawn))
