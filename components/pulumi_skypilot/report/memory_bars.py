"""The use of one GPU's memory, as a bar of text."""

from collections.abc import Sequence

from ..plan import memory

WIDTH = 40
Part = tuple[str, float]
"""The letter that a part is drawn with, and its size."""


def bar(parts: Sequence[Part], total: float, width: int = WIDTH) -> str:
    """Return each part in proportion to the whole, and the free rest as dots.

    A part that is not empty has at least one letter. What does not fit is cut off and marked with
    `!`.
    """
    drawn = ""
    end = 0.0
    for letter, size in parts:
        end += max(size, 0)
        letters = round(end / total * width) - len(drawn)
        drawn += letter * max(letters, 1 if size > 0 else 0)
    if end > total or len(drawn) > width:
        return drawn[: width - 1] + ("!" if end > total else drawn[width - 1])
    return drawn + "·" * (width - len(drawn))


LEGEND = (
    "█ weights, ▓ activations and CUDA graphs, ▒ the KV cache of one request of the whole "
    "context, ░ that of more requests, · kept free"
)


def of_fit(fit: memory.Fit) -> str:
    """Return the bar of a fit, as LEGEND explains it."""
    cache = max(fit.available_bytes, 0)
    one_request = min(fit.needed_bytes, cache)
    missing = max(fit.needed_bytes - fit.available_bytes, 0)
    parts = [
        ("█", fit.weights_bytes),
        ("▓", fit.activation_bytes + fit.graph_bytes + fit.other_bytes),
        ("▒", one_request + missing),
        ("░", cache - one_request),
    ]
    return bar(parts, fit.total_bytes)
