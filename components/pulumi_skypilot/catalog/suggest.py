"""The search for the nearest known word, for the "did you mean" of errors."""

import difflib
from collections.abc import Iterable

NEAR = 0.6
"""The similarity (difflib's ratio, from 0 to 1) from which a known word is near."""

SHORT, NEAR_SHORT = 5, 0.75
"""The similarity for a word of at most SHORT letters with another first letter. Most misspellings
keep the first one: `ports` and `spot` have 0.67, and so have `fp9` and `fp8`."""

MANY = 12
"""The most words that an error lists. A longer list does not help."""


def nearest(word: str, known: Iterable[str], cutoff: float | None = None) -> str | None:
    """Return the nearest known word, ignoring case; None when none is near.

    `cutoff` is the least similarity, from 0 to 1; None: NEAR, or NEAR_SHORT for some short words.
    """
    folded = word.casefold()
    matcher = difflib.SequenceMatcher(b=folded)
    near: dict[str, float] = {}
    for name in known:
        matcher.set_seq1(name.casefold())
        short = len(folded) <= SHORT and folded[:1] != name.casefold()[:1]
        if matcher.ratio() >= (cutoff or (NEAR_SHORT if short else NEAR)):
            near[name] = matcher.ratio()
    return max(near, key=lambda name: (near[name], name), default=None)


def did_you_mean(word: str, known: Iterable[str], listed: str) -> str:
    """Return the end of an error about an unknown word: the nearest word, else every known word.

    With more than MANY known words, return `listed` instead of a list.
    """
    known = sorted(known)
    close = nearest(word, known)
    if close:
        return f"did you mean {close}?"
    return f"known are {', '.join(known)}" if len(known) <= MANY else listed
