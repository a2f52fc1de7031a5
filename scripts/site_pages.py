"""The documentation as a site: its first page, its links into the repository, its lists.

`scripts/site_hooks.py` is what mkdocs calls. GitHub shows the same files without any of this.
"""

import pathlib
import posixpath
import re
import typing

import yaml

ROOT = pathlib.Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
HOME = "index.md"
"""The page that README.md becomes."""

_LINK = re.compile(r"(!?\[[^][]+\])\((?!#|[a-z]+:)([^)\s]+)\)")
_MARKER = re.compile(r"(- |\d+\. )")
_FENCE = re.compile(r" *(```|~~~)")


def listed() -> list[str]:
    """Return the pages that mkdocs.yml lists, in its order."""
    return list(_leaves(yaml.safe_load((ROOT / "mkdocs.yml").read_text("utf-8"))["nav"]))


def _leaves(entry: typing.Any) -> typing.Iterator[str]:
    if isinstance(entry, str):
        yield entry
    elif isinstance(entry, dict):
        for value in entry.values():
            yield from _leaves(value)
    else:
        for item in entry:
            yield from _leaves(item)


def home() -> str:
    """Return README.md with its links as seen from the folder of the documentation."""
    text = (ROOT / "README.md").read_text("utf-8")
    return _LINK.sub(lambda link: f"{link[1]}({_from_docs(link[2])})", text)


def _from_docs(path: str) -> str:
    return path.removeprefix("docs/") if path.startswith("docs/") else f"../{path}"


def for_site(text: str, page: str, repository: str) -> str:
    """Return a page's Markdown for mkdocs.

    A link to a file outside of the documentation leads to the repository, or becomes plain text if
    it has no address. What belongs to an item of a list is indented as Python-Markdown wants it.
    """

    def link(match: re.Match[str]) -> str:
        path = posixpath.normpath(posixpath.join("docs", posixpath.dirname(page), match[2]))
        if path.startswith("docs/"):
            return match[0]
        if path.partition("#")[0] == "README.md":
            return f"{match[1]}({match[2].removeprefix('../').replace('README.md', HOME)})"
        return f"{match[1]}({repository}/{path})" if repository else match[1][1:-1]

    return _LINK.sub(link, indented(text))


def indented(text: str) -> str:
    """Return Markdown in which what belongs to an item of a list is indented by 4 or more."""
    lines = []
    more = 0
    fenced = False
    for line in text.split("\n"):
        marker = _MARKER.match(line)
        if _FENCE.match(line):
            fenced = not fenced
        if marker and not fenced:
            more = 4 - len(marker[0])
        elif line and not line.startswith("  "):
            more = 0
        lines.append(" " * more + line if line.startswith("  ") else line)
    return "\n".join(lines)
