"""The places of a script that are outside of quotes, and what stands there."""

import re
from collections.abc import Iterator

_REDIRECTION = re.compile(
    r"(?<!\S)\d?(>>|>&|&>|>|<<<|<)\s*&?(\"(?:\\.|[^\"\\])*\"|'[^']*'|[^\s;|&()'\"])+"
)


def outside(script: str, start: int = 0) -> Iterator[tuple[int, str]]:
    """Yield the characters outside of quotes, with their places."""
    quote, escaped = "", False
    for at in range(start, len(script)):
        char = script[at]
        if escaped:
            escaped = False
        elif char == "\\" and quote != "'":
            escaped = True
        elif quote:
            quote = "" if char == quote else quote
        elif char in "\"'":
            quote = char
        else:
            yield at, char


def without_redirections(script: str) -> str:
    """Return the script without its redirections; those in quotes are another shell's."""
    parts, end = [], 0
    for at, _ in outside(script):
        redirection = _REDIRECTION.match(script, at) if at >= end else None
        if redirection is not None:
            parts += [script[end:at], " "]
            end = redirection.end()
    return "".join([*parts, script[end:]])
