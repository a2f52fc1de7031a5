"""Other people's text, in one line and without secrets."""

import re

_SECRET = re.compile(
    r"((?:api[-_]?key|token|password|secret|authorization)\w*['\"]?[\s=:]+['\"]?(?:bearer\s+)?)"
    r"[^\s;,'\"}]+"
    r"|\b(?:sk-|hf_|ghp_|AKIA)[\w-]+"
    r"|(\bbearer\s+)[^\s;,'\"}]+",
    re.IGNORECASE,
)
_TAG = re.compile(r"<(script|style)\b.*?</\1\s*>|<[^>]*>", re.IGNORECASE | re.DOTALL)
_READ = 4096
"""The number of characters of a text that are read; only its beginning is shown."""


def masked(text: str) -> str:
    """Return a text with `***` in place of what looks like a secret."""
    return _SECRET.sub(lambda match: f"{match[1] or match[2] or ''}***", text)


def first_words(text: str, *secrets: str | None, most: int = 100) -> str:
    """Return the beginning of a text as one line, without markup, control characters and secrets.

    `secrets` are known ones; `most` is the length in characters.
    """
    for secret in secrets:
        if secret:
            text = text.replace(secret, "***")
    text = _TAG.sub(" ", text[:_READ])
    printable = "".join(char if char.isprintable() else " " for char in text)
    line = " ".join(masked(printable).split())
    return line if len(line) <= most else f"{line[: most - 3]}..."
