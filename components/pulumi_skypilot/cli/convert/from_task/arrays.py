"""The arrays of a shell script: NAME=(…), NAME+=(…), "${NAME[@]}".

An array is set aside in the script before its words are split. Its members are kept among the
known variables, under NAME[@].
"""

import re
import shlex
from collections.abc import Mapping

from . import quoting

_ARRAY, _BETWEEN = "\ue004", "\ue005"
"""A mark around the members of an array, and one between the members that are known."""

_START = re.compile(r"(?<!\S)([A-Za-z_]\w*\+?=)\(")


def set_aside(script: str) -> str:
    """Return the script with the members of each array as one word."""
    parts, at = [], 0
    for match in _START.finditer(script):
        end = _end(script, match.end()) if match.start() >= at else None
        if end is not None:
            inner = " ".join(script[match.end() : end].split())
            parts += [script[at : match.start()], match[1], shlex.quote(f"{_ARRAY}{inner}{_ARRAY}")]
            at = end + 1
    return "".join([*parts, script[at:]])


def members(word: str) -> list[str] | None:
    """Return the members of an array that was set aside; None for another word."""
    if not word.startswith(_ARRAY) or not word.endswith(_ARRAY):
        return None
    return shlex.split(word[1:-1])


def assign(
    variables: dict[str, str], name: str, words: list[str], *, more: bool, depends: bool
) -> None:
    """Set an array, or add to it. Where that depends on the machine, the rest is not known."""
    before = (known(variables, name) or []) if more else []
    added = [f"${{{name}[@]}}"] if depends else words
    variables[f"{name}[@]"] = _BETWEEN.join([*before, *added])


def known(variables: Mapping[str, str | None], name: str) -> list[str] | None:
    """Return the members of an array; None if it is not known."""
    value = variables.get(f"{name}[@]")
    return None if value is None else value.split(_BETWEEN) if value else []


def joined(variables: Mapping[str, str | None], name: str) -> str | None:
    """Return the members of an array in one word; None if it is not known."""
    parts = known(variables, name)
    return None if parts is None else " ".join(parts)


def written(word: str) -> str:
    """Return the word as in the script."""
    return re.sub(rf"{_ARRAY}(.*){_ARRAY}", r"(\1)", word, flags=re.DOTALL)


def _end(script: str, start: int) -> int | None:
    """Return the place of the bracket that closes an array; None if none does."""
    return next((at for at, char in quoting.outside(script, start) if char == ")"), None)
