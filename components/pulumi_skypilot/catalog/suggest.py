"""The nearest known word, for every "did you mean"."""

import difflib
from collections.abc import Iterable

MANY = 12
"""A longer list of what is known is of no use in an error."""


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that was most likely meant, or None when none is near. Case is ignored."""
    by_folded = {known_word.casefold(): known_word for known_word in known}
    close = difflib.get_close_matches(word.casefold(), by_folded, n=1, cutoff=0.6)
    return by_folded[close[0]] if close else None


def did_you_mean(word: str, known: Iterable[str], listed: str) -> str:
    """Return the end of an error about an unknown word: the nearest one, else all that are known.

    Where those are many, it is what `listed` says.
    """
    known = sorted(known)
    close = nearest(word, known)
    if close:
        return f"did you mean {close}?"
    return f"known are {', '.join(known)}" if len(known) <= MANY else listed
