"""A small reader of shell scripts: words and variables, as a server's command needs them.

Not a shell. It knows quotes (shlex), line continuations, comments, $NAME and ${NAME} whose value
the task gives, ${NAME:-…} and its like, arrays, and $((…)) of whole numbers. A word with anything
else that a shell would compute is_computed.
"""

import ast
import dataclasses
import operator
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence

from .... import errors
from . import arrays, quoting

_LITERAL, _BACKTICK, _QUOTED, _COMPUTED = "\ue000", "\ue001", "\ue002", "\ue003"
"""Marks for a literal dollar, a literal backtick, a dollar inside double quotes, and a part that a
shell computes."""

_QUOTES_AND_COMMENTS = re.compile(r"(?<!\S)#[^\n]*|'[^']*'|\"(?:\\.|[^\"\\])*\"|\\.", re.DOTALL)
_VARIABLE = re.compile(
    rf"[${_QUOTED}](?:([A-Za-z_]\w*)|\{{([A-Za-z_]\w*)(\[[@*]\])?(?:(:?[-=+])([^{{}}]*))?\}})"
)
_NAME = re.compile(rf"[${_QUOTED}]\{{?([A-Za-z_]\w*)")
_DOLLAR = re.compile(rf"[${_QUOTED}][\w{{@*#?!$-]")
"""Whatever a shell would replace."""
_OF_THE_MACHINE = re.compile(
    r"SKYPILOT_\w+|CUDA_\w+|NVIDIA_\w+|CONDA_\w+|SLURM_\w+|HOME|HOSTNAME|LANG|LD_LIBRARY_PATH|"
    r"LOGNAME|PATH|PWD|PYTHONPATH|SHELL|TERM|TMPDIR|USER|VIRTUAL_ENV"
)
"""Variables that a machine may have though no task sets them."""
_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)(\+?)=(.*)", re.DOTALL)
_DECLARING = ("declare", "local", "typeset", "readonly")
_TESTS = ("[", "[[", "test", "command", "which")
_HERE_DOCUMENT = re.compile(
    r"(?<!<)<<(?!<)-?\s*(['\"]?)(\w+)\1([^\n]*)\n.*?\n[ \t]*\2(?=\n|$)", re.DOTALL
)
_ARITHMETIC = re.compile(rf"[${_QUOTED}]\(\((.*)\)\)", re.DOTALL)
_OPERATORS = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.floordiv,
    ast.Mod: operator.mod,
}
_ENDS = ";|&()\n"

_OPENING = ("if", "while", "until", "for", "case")
_CLOSING = ("fi", "done", "esac")
_LEADING = (*_OPENING, "then", "else", "elif", "do", "!", "{", "exec", "nohup", "time")


@dataclasses.dataclass(frozen=True)
class Command:
    """A simple command."""

    words: tuple[str, ...]
    """Without quotes, with variables filled in and with marks: see is_computed and plain."""
    assignments: Mapping[str, str]
    """NAME=value before the command, or exported by it; with marks."""
    text: str
    """The command as written, on one line."""
    nested: bool
    """True inside an if or a loop."""
    piped: bool
    """True if it reads another command's output."""
    alone: bool
    """True if it is neither nested nor joined with another by |, && or ||."""


Known = Mapping[str, str | None]
"""The value of each variable; None where it has one that nobody knows here."""


def commands(script: str, variables: Known) -> Iterator[Command]:
    """Yield the simple commands of a script in order; an assignment applies to later commands.

    SkyPilot quotes variables' values (sky.skylet.log_lib.make_task_bash_script), so a dollar in a
    value is literal.

    A here-document becomes the word <<NAME. Raises UnreadableTask for quotes that do not close.
    """
    known = {
        name: f"${name}" if value is None else _literal(value) for name, value in variables.items()
    }
    depth, before = 0, ""
    tested = False
    texts: list[str] = []
    for marked, end in _split(_prepared(script, texts)):
        words = [_calculated(word, texts, known) for word in marked]
        depth -= sum(word in _CLOSING for word in words[:1])
        opened = sum(word in _OPENING for word in words[:1])
        nested = depth + opened > 0
        depends = nested or before == "||" or (before == "&&" and tested)
        rest, assignments = _assignments(words, known, depends=depends)
        if words[:1] in (["for"], ["read"]):
            known |= {name: f"${name}" for name in words[1:] if name.isidentifier()}
        if rest or assignments:
            filled = [part for word in rest for part in _filled(word, known)]
            yield Command(
                words=tuple(filled),
                assignments=assignments,
                text=_written(words, texts),
                nested=nested,
                piped=before == "|",
                alone=not nested and not {before, end} & {"|", "||", "&&"},
            )
        depth = max(0, depth + opened)
        before, tested = end, words[:1] != [] and words[0] in _TESTS


def is_computed(word: str) -> bool:
    """Return whether only a shell on the machine knows this word's value."""
    return _COMPUTED in word or bool(_DOLLAR.search(word))


def is_many(word: str) -> bool:
    """Return whether the word is an array, which stands for any number of words."""
    return bool((match := _VARIABLE.fullmatch(word)) and match[3])


def plain(word: str) -> str:
    """Return the word as a shell would pass it on."""
    return word.replace(_LITERAL, "$").replace(_QUOTED, "$").replace(_BACKTICK, "`")


def variable(word: str) -> str | None:
    """Return the variable's name if the word is a variable and nothing else; else None."""
    match = _VARIABLE.fullmatch(word)
    return (match[1] or match[2]) if match else None


def filled_in(text: str, variables: Known) -> str:
    """Return the text with variables replaced by their values as far as these are known.

    Arrays stay. A variable that nothing sets takes the value that ${NAME:-…} says.
    """
    for _ in range(_DEEPEST if _NESTED.search(text) else 1):
        text = _VARIABLE.sub(lambda m: _replaced(m, variables), text)
    return text


_NESTED = re.compile(r"\{[^{}]*\{")
_DEEPEST = 3
"""Levels of ${A:-${B:-…}} that are filled in, the innermost first."""


def _replaced(match: re.Match[str], variables: Known) -> str:
    name, operator, other = match[1] or match[2], match[4] or "", match[5]
    value = variables.get(name)
    if match[3]:
        return arrays.joined(variables, name) or match[0]
    if value is None and (name in variables or _OF_THE_MACHINE.fullmatch(name)):
        return match[0]
    if value == f"${name}" or (value is None and not operator):
        return match[0]
    is_set = value is not None and (value != "" or ":" not in operator)
    if operator.endswith("+"):
        return other if is_set else ""
    return str(value) if is_set else other or ""


def names_in(text: str) -> set[str]:
    """Return the names of the variables in a text."""
    return {match[1] for match in _NAME.finditer(text)}


def _prepared(script: str, texts: list[str]) -> str:
    """Return the script with dollars and computations marked, without comments and redirections."""
    without = _HERE_DOCUMENT.sub(r" '<<\2' \3", script)
    joined = re.sub(r"\\\n[ \t]*", " ", without)
    marked = _QUOTES_AND_COMMENTS.sub(_marked, joined)
    return quoting.without_redirections(arrays.set_aside(_set_aside(marked, texts)))


def _marked(matched: re.Match[str]) -> str:
    text = matched[0]
    match text[0]:
        case "#":
            return ""
        case "'":
            return _literal(text)
        case '"':
            return text.replace("\\$", _LITERAL).replace("$", _QUOTED)
        case _:
            return _LITERAL if text == "\\$" else text


def _literal(text: str) -> str:
    """Return the text with its dollars and backticks marked as literal."""
    return text.replace("$", _LITERAL).replace("`", _BACKTICK)


def _set_aside(script: str, texts: list[str]) -> str:
    """Replace every `...`, $(...) and $((...)) by a mark, and append its text to `texts`."""

    def mark(text: str) -> str:
        texts.append(text)
        return f"{_COMPUTED}{len(texts) - 1}{_COMPUTED}"

    script = re.sub(r"`[^`]*`", lambda m: mark(m[0]), script)
    parts, at = [], 0
    for match in re.finditer(rf"[${_QUOTED}]\(", script):
        if match.start() < at:
            continue
        depth, end = 1, match.end()
        while depth and end < len(script):
            depth += {"(": 1, ")": -1}.get(script[end], 0)
            end += 1
        parts += [script[at : match.start()], mark(script[match.start() : end])]
        at = end
    return "".join([*parts, script[at:]])


def _calculated(word: str, texts: Sequence[str], known: Mapping[str, str]) -> str:
    """Return the word with each $((…)) computed whose numbers are known."""

    def result(match: re.Match[str]) -> str:
        inner = _ARITHMETIC.fullmatch(texts[int(match[1])])
        expression = inner and re.sub(
            r"\$?\{?\b([A-Za-z_]\w*)\b\}?", lambda m: known.get(m[1], m[0]), plain(inner[1])
        )
        try:
            return str(_number(ast.parse(str(expression).strip(), mode="eval").body))
        except (SyntaxError, KeyError, TypeError, ZeroDivisionError):
            return match[0]

    return re.sub(rf"{_COMPUTED}(\d+){_COMPUTED}", result, word)


def _number(node: ast.expr) -> int:
    match node:
        case ast.Constant(value=int(value)):
            return value
        case ast.BinOp(left, op, right):
            return int(_OPERATORS[type(op)](_number(left), _number(right)))
    raise TypeError(node)


def _split(script: str) -> Iterator[tuple[list[str], str]]:
    """Yield the words of each simple command, and the token that ends it."""
    lexer = shlex.shlex(script, posix=True, punctuation_chars=_ENDS)
    lexer.whitespace = " \t\r"
    lexer.whitespace_split = True
    lexer.commenters = ""
    words: list[str] = []
    try:
        for token in lexer:
            if token and set(token) <= set(_ENDS):
                yield words, token.strip("\n")
                words = []
            else:
                words.append(token)
    except ValueError as error:
        raise errors.UnreadableTask(f"its quotes do not close ({error})") from None
    yield words, ""


def _assignments(
    words: Sequence[str], known: dict[str, str], *, depends: bool
) -> tuple[list[str], dict[str, str]]:
    """Return a command without keywords and assignments, and the assignments; add them to known."""
    rest = list(words)
    while rest and rest[0] in (*_LEADING, *_CLOSING):
        rest.pop(0)
    exported = bool(rest) and rest[0] == "export"
    declared = bool(rest) and rest[0] in _DECLARING
    if exported or declared:
        rest.pop(0)
    while declared and rest and rest[0].startswith("-"):
        rest.pop(0)
    assignments: dict[str, str] = {}
    while rest and (assigned := _ASSIGNMENT.fullmatch(rest[0])):
        inner = arrays.members(assigned[3])
        if inner is not None:
            filled = [part for word in inner for part in _filled(word, known)]
            arrays.assign(known, assigned[1], filled, more=bool(assigned[2]), depends=depends)
            rest.pop(0)
            continue
        # Inside an if the value depends on what only the machine knows.
        before = known.get(assigned[1], "") if assigned[2] else ""
        value = f"${assigned[1]}" if depends else before + filled_in(assigned[3], known)
        assignments[assigned[1]] = value
        known[assigned[1]] = value
        rest.pop(0)
    if exported:
        return [], assignments | {name: known[name] for name in rest if name in known}
    if declared:
        return [], {}
    return rest, assignments if rest else {}


def _filled(word: str, known: Mapping[str, str]) -> list[str]:
    """Return the word with its variables filled in: several words if unquoted, or an array."""
    name = variable(word)
    if name and is_many(word) and (members := arrays.known(known, name)) is not None:
        return members
    value = filled_in(word, known)
    if name and not word.startswith(_QUOTED) and not is_computed(value):
        return shlex.split(value)
    return [value]


def _written(words: Sequence[str], texts: Sequence[str]) -> str:
    text = " ".join(map(arrays.written, words))
    return plain(re.sub(rf"{_COMPUTED}(\d+){_COMPUTED}", lambda m: texts[int(m[1])], text))
