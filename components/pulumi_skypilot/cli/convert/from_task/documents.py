"""The files that a script writes by here-documents."""

import re
import typing
from collections.abc import Callable, Collection, Mapping

from . import shell

Files = Callable[[str], str | None]
"""Returns the text of a file by its path on the machine; None if it is not known."""

_DOCUMENT = re.compile(
    r"^[ \t]*(?:sudo )?(?:cat|tee)\b([^\n]*?)<<-?[ \t]*(['\"]?)(\w+)\2([^\n]*)\n"
    r"(.*?)^[ \t]*\3[ \t]*$",
    re.DOTALL | re.MULTILINE,
)
_TARGET = re.compile(r"(?:>\s*|(?<!\S))(?!-)([^\s<>|&;]+)")


def read(script: str, variables: shell.Known) -> dict[str, str]:
    """Return the files that a script writes: path → text."""
    return {
        target: match[5] if match[2] else shell.filled_in(match[5], variables)
        for match in _DOCUMENT.finditer(script)
        if (target := _target(match)) is not None
    }


def without(script: str, places: Collection[str]) -> str:
    """Return the script without the here-documents that write files in these places."""

    def kept(match: re.Match[str]) -> str:
        target = _target(match)
        return "" if target is not None and place(target) in places else match[0]

    return _DOCUMENT.sub(kept, script)


def of_task(
    content: Mapping[str, typing.Any], known: shell.Known, files: Files = lambda _: None
) -> Files:
    """Return a function that finds a file that the task's scripts write, or one of `files`."""
    texts = {
        place(path): text
        for script in (content.get("setup"), content["run"])
        for path, text in read(script or "", known).items()
    }
    return lambda path: texts.get(place(path)) or files(path)


def place(path: str) -> str:
    """Return a path without the home folder or the current one at its beginning."""
    return re.sub(r"^(~|\$HOME|\$\{HOME\}|\.)/", "", path)


def _target(document: re.Match[str]) -> str | None:
    """Return the file that a here-document is written to."""
    around = f"{document[1]} {document[4]}".replace("'", "").replace('"', "")
    target = _TARGET.search(around)
    return target and target[1]
