"""The search for the nearest known word, for every "did you mean"."""

import difflib
from collections.abc import Iterable

MANY = 12
"""The most words that an error lists. A longer list does not help."""


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the nearest known word, ignoring case; None when none is near."""
    by_folded = {known_word.casefold(): known_word for known_word in known}
    close = difflib.get_close_matches(word.casefold(), by_folded, n=1, cutoff=0.6)
    return by_folded[close[0]] if close else None


def did_you_mean(word: str, known: Iterable[str], listed: str) -> str:
    """Return the end of an error about an unknown word: the nearest word, else every known word.

    With more than MANY known words, return `listed` instead of a list.
    """
    known = sorted(known)
    close = nearest(word, known)
    if close:
        return f"did you mean {close}?"
    return f"known are {', '.join(known)}" if len(known) <= MANY else listed
