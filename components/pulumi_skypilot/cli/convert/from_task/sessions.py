"""Programs that type a command into another shell: tmux, screen, ssh."""

import dataclasses
import re
from collections.abc import Collection, Sequence

from . import remarks, shell

PROGRAMS = ("tmux", "screen", "ssh")

_STARTING = ("new-session", "new", "new-window", "neww", "split-window", "splitw",
             "respawn-pane", "respawnp", "respawn-window", "respawnw")  # fmt: skip
_TYPING = ("send-keys", "send")
_VALUES = {
    "tmux": ("-L", "-S", "-f", "-T", "-c", "-e", "-F", "-n", "-s", "-t", "-x", "-y", "-l", "-p"),
    "typing": ("-t", "-N", "-c"),
    "screen": ("-S", "-c", "-e", "-h", "-p", "-s", "-t", "-T", "-Logfile", "-dmS", "-DmS", "-dmLS",
               "-LdmS", "-AdmS", "-mdS"),
    "ssh": ("-B", "-b", "-c", "-D", "-E", "-e", "-F", "-I", "-i", "-J", "-L", "-l", "-m", "-O",
            "-o", "-P", "-p", "-Q", "-R", "-S", "-W", "-w"),
}  # fmt: skip
"""The options that take the next word (tmux(1), screen(1), ssh(1))."""

_KEYS = re.compile(r"C-[mMjJ]|\^[MJ]|KPEnter|Enter")


@dataclasses.dataclass(frozen=True)
class Session:
    """The commands that are typed into another shell."""

    script: str
    environment: dict[str, str] = dataclasses.field(default_factory=dict)
    away: bool = False
    """It runs on another machine."""
    told: tuple[remarks.Remark, ...] = ()


def read(program: str, words: Sequence[str]) -> Session | None:
    """Return what a program types into another shell; None if it types nothing."""
    match program:
        case "tmux":
            return _tmux(words[1:])
        case "screen":
            return _screen(words[1:])
        case _:
            return _ssh(words[1:])


def _tmux(words: Sequence[str]) -> Session | None:
    _, rest = _split(words, _VALUES["tmux"])
    verb = rest[0] if rest else ""
    if verb in _TYPING:
        _, typed = _split(rest[1:], _VALUES["typing"])
        return Session("".join("\n" if _KEYS.fullmatch(word) else _plain(word) for word in typed))
    if verb not in _STARTING:
        return None
    options, command = _split(rest[1:], _VALUES["tmux"])
    given = [value.partition("=") for name, value in options if name == "-e"]
    script = _plain(command[0]) if len(command) == 1 else " ".join(map(_again, command))
    return Session(script, {name: value for name, equals, value in given if equals})


def _screen(words: Sequence[str]) -> Session | None:
    _, rest = _split(words, _VALUES["screen"])
    if rest[:1] == ("stuff",):
        return Session("".join(map(_plain, rest[1:])).replace("\\n", "\n"))
    return Session(" ".join(map(_again, rest))) if rest else None


def _ssh(words: Sequence[str]) -> Session | None:
    _, rest = _split(words, _VALUES["ssh"])
    if len(rest) < 2:
        return None
    remark = remarks.lost(
        "run", f"`ssh {_plain(rest[0])}` stands before the server and is left out: a deployment "
        "serves on its own machine",
    )  # fmt: skip
    return Session(" ".join(map(_plain, rest[1:])), away=True, told=(remark,))


def _split(
    words: Sequence[str], values: Collection[str]
) -> tuple[list[tuple[str, str]], tuple[str, ...]]:
    """Return the options at the beginning with their values, and the words after them."""
    options = []
    rest = list(words)
    while rest and rest[0].startswith("-") and rest[0] != "-":
        word = rest.pop(0)
        if word == "--":
            break
        options.append((word, rest.pop(0) if word in values and rest else ""))
    return options, tuple(rest)


def _plain(word: str) -> str:
    return shell.plain(word)


def _again(word: str) -> str:
    """Return a word as a shell reads it as one."""
    text = _plain(word)
    return text if re.fullmatch(r"[^\s'\"]+", text) else "'" + text.replace("'", "'\\''") + "'"
