"""Write docs/messages.md, every text that users read, and the tables of docs/troubleshooting.md.

A text is a string of four words or more that is no docstring, pattern, script or row of the
reference. The one page lets a reader find the place of a message, and a reviewer see each change.
The other has the texts that end with what to do, by the key or the part that they are about.
"""

import ast
import collections
import pathlib
import re
from collections.abc import Iterator

ROOT = pathlib.Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "components" / "pulumi_skypilot"
PAGE = ROOT / "docs" / "messages.md"
TROUBLE = ROOT / "docs" / "troubleshooting.md"
ROOMS = (
    "spec", "catalog", "plan", "skypilot", "lifecycle", "report", "providers", "program", "cli",
)  # fmt: skip

_SCRIPTS = ("remote", "task_scripts.py", "script_keys.py")
"""Modules, and a folder of them, whose texts run on machines."""
_PATTERN = re.compile(r"\\[Sswdb]|\(\?|\.\*")
_FEWEST_SPACES = 3
_DO = re.compile(
    r"`?(accept|add|adjust|allow|ask|change|check|choose|declare|did|drop|give|go|join|keep|label|"
    r"leave|look|lower|make|mend|name|pass|pip|pulumi|put|raise|renew|repair|replace|run|say|see|"
    r"set|shorten|sky|solve|start|store|sweep|take|try|use|wait|write)\b"
)
"""The first words of what to do."""
_ABOUT = {
    "cli": "The command line",
    "lifecycle": "While a stack comes up, changes or goes",
    "skypilot": "The API server and its places",
}
_KEY = re.compile(r"([a-z]\w*)(?:\.[\w{…}.-]+)?: ", re.I)
_HEAD = """\
# Messages

Every text that a user may read, by the module that says it. `{…}` is filled in. A clause of a
longer line stands for itself. `python -m scripts.messages` writes this page from the code, so that
a change of a message shows in a review.
"""


def page() -> str:
    """Return the page."""
    parts = [_HEAD]
    for room in ROOMS:
        rows = [f"| `{module}` | {_cell(text)} |" for module, text in messages(room)]
        parts.append("\n".join([f"## {room}\n", "| module | text |", "|---|---|", *rows]) + "\n")
    return "\n".join(parts)


def ways_out() -> dict[str, list[tuple[str, str]]]:
    """Return the texts that end with what to do, and that end, by what they are about."""
    by_subject: dict[str, dict[str, str]] = collections.defaultdict(dict)
    for room in ROOMS:
        for _, text in messages(room):
            wrong, _, way_out = text.partition("; ")
            if _DO.match(way_out):
                by_subject[_subject(room, wrong)][wrong] = way_out
    keys = sorted((subject for subject in by_subject if subject.startswith("`")), key=str.lower)
    others = sorted(set(by_subject) - set(keys))
    return {subject: list(by_subject[subject].items()) for subject in (*keys, *others)}


def _subject(room: str, text: str) -> str:
    key = _KEY.match(text)
    if key and room != "cli":
        return f"`{key[1]}`"
    return _ABOUT.get(room, "A value, a flag or a model")


def filled(text: str) -> str:
    """Return docs/troubleshooting.md with its tables."""
    parts = [
        "\n".join(
            [f"### {subject}\n", "| message | what to do |", "|---|---|"]
            + [f"| {_cell(wrong)} | {_cell(way_out)} |" for wrong, way_out in rows]
        )
        for subject, rows in ways_out().items()
    ]
    tables = "\n\n".join(["<!-- ways out -->", *parts, "<!-- end -->"])
    return re.sub(r"<!-- ways out -->.*<!-- end -->", lambda _: tables, text, flags=re.S)


def messages(room: str) -> Iterator[tuple[str, str]]:
    """Yield each module of a room with each of its texts once, in the order of the code."""
    for file in sorted((PACKAGE / room).rglob("*.py")):
        if set(file.parts) & set(_SCRIPTS):
            continue
        texts = dict.fromkeys(_texts(ast.parse(file.read_text("utf-8"))))
        yield from ((file.relative_to(PACKAGE).as_posix(), text) for text in texts)


def _texts(tree: ast.Module) -> Iterator[str]:
    seen: set[int] = set()
    for node in ast.walk(tree):
        if _is_documentation(node):
            seen.update(id(child) for child in ast.walk(node))
    for node in ast.walk(tree):
        text = None if id(node) in seen else _text(node)
        if text and text.count(" ") >= _FEWEST_SPACES and not _PATTERN.search(text):
            seen.update(id(child) for child in ast.walk(node))
            yield text


def _is_documentation(node: ast.AST) -> bool:
    """Return whether a node is a docstring, or a row that docs/reference.md shows."""
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant)
    return isinstance(node, ast.Call) and getattr(node.func, "id", None) in ("Row", "Rule")


def _text(node: ast.AST) -> str | None:
    match node:
        case ast.Constant(value=str() as text):
            return text
        case ast.JoinedStr(values=values):
            return "".join(
                str(part.value) if isinstance(part, ast.Constant) else "{…}" for part in values
            )
        case ast.BinOp(op=ast.Add(), left=left, right=right):
            return f"{_text(left) or '{…}'}{_text(right) or '{…}'}"
    return None


def _cell(text: str) -> str:
    escaped = text.replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")
    return re.sub(" +", " ", escaped).strip()


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
    TROUBLE.write_text(filled(TROUBLE.read_text("utf-8")), "utf-8")
