"""The wrappers before a server's command: env, conda run, bash -c, docker run and their like.

Known wrappers are taken off, and what they do becomes a part of the deployment or a remark. Of any
other, a remark tells that it was left out.
"""

import dataclasses
import re
from collections.abc import Collection, Sequence

from . import compose, container, leftovers, remarks, sessions, shell

ENTRY_POINTS = ("vllm.entrypoints.openai.api_server", "vllm.entrypoints.cli.main")
"""Modules of vLLM that serve its OpenAI API."""

_ENTRY_FILE = "vllm/entrypoints/openai/api_server.py"


@dataclasses.dataclass(frozen=True)
class Wrapper:
    """A program that runs another one."""

    verbs: tuple[tuple[str, ...], ...] = ((),)
    """The words, one of these, that must follow its name."""
    values: tuple[str, ...] = ()
    """Its options that take the next word."""
    skips: int = 0
    """Words of its own that stand before the command."""
    lost: str | None = None
    """The loss without it; None if no deployment needs it."""
    told: tuple[str, ...] = ()
    """Its options that change what the server does."""


_UV = ("--with", "--with-requirements", "--with-editable", "--python", "-p", "--extra", "--group",
       "--only-group", "--index", "--default-index", "--index-url", "--extra-index-url",
       "--index-strategy", "--find-links", "-f", "--torch-backend", "--env-file", "--directory",
       "--project", "--package", "--from", "--cache-dir", "--config-file", "--prerelease",
       "--link-mode", "--color", "--managed-python", "--refresh-package", "-w")  # fmt: skip
_PACKAGES = ("--with", "-w")
_UV_TOLD = ("--with", "-w", "--with-requirements", "--with-editable", "--env-file", "--directory")
_CONDA = Wrapper((("run",),), ("-n", "--name", "-p", "--prefix", "--cwd"), told=("--cwd",))
_RUN = Wrapper((("run",),), ("-e", "--environment", "-p", "-C", "--directory"))
_ON_CPUS = "it binds the server to some of the machine's processors"

WRAPPERS: dict[str, Wrapper] = {
    "builtin": Wrapper(),
    "catchsegv": Wrapper(),
    "chrt": Wrapper(skips=1, lost="it sets the server's priority"),
    "command": Wrapper(),
    "conda": _CONDA,
    "dumb-init": Wrapper(),
    "env": Wrapper(
        values=("-u", "--unset", "-C", "--chdir", "-S", "--split-string"),
        told=("-u", "--unset", "-C", "--chdir", "-S", "--split-string", "-i",
              "--ignore-environment", "-"),
    ),
    "exec": Wrapper(values=("-a",)),
    "gosu": Wrapper(skips=1),
    "hatch": _RUN,
    "ionice": Wrapper(values=("-c", "-n", "-p"), lost="it sets the server's priority"),
    "mamba": _CONDA,
    "micromamba": _CONDA,
    "nice": Wrapper(values=("-n", "--adjustment"), lost="it sets the server's priority"),
    "nohup": Wrapper(),
    "numactl": Wrapper(
        values=("-N", "-m", "-C", "-i", "-p", "-l", "--cpunodebind", "--membind", "--physcpubind",
                "--interleave", "--preferred"),
        lost=_ON_CPUS,
    ),
    "pdm": _RUN,
    "pipenv": _RUN,
    "pipx": Wrapper((("run",),), ("--spec", "--python", "--pip-args", "--index-url", "-i")),
    "pixi": _RUN,
    "poetry": _RUN,
    "rye": _RUN,
    "setsid": Wrapper(),
    "stdbuf": Wrapper(values=("-i", "-o", "-e")),
    "sudo": Wrapper(values=("-u", "--user", "-g", "--group", "-D", "-R", "-T", "-C", "-h", "-p")),
    "taskset": Wrapper(skips=1, lost=_ON_CPUS),
    "time": Wrapper(values=("-f", "-o")),
    "timeout": Wrapper(
        values=("-k", "--kill-after", "-s", "--signal"), skips=1,
        lost="it ends the server after a time, and a deployment serves on",
    ),
    "tini": Wrapper(values=("-p", "-e")),
    "unbuffer": Wrapper(),
    "uv": Wrapper((("run",), ("tool", "run")), _UV, told=_UV_TOLD),
    "uvx": Wrapper(values=_UV, told=_UV_TOLD),
}  # fmt: skip

SHELLS = ("bash", "sh", "zsh", "dash", "eval")
NO_SERVERS = (
    "echo", "printf", "pkill", "pgrep", "grep", "which", "type", "kill", "man", "alias", "trap",
)  # fmt: skip
"""Programs that start nothing in this place, whatever words follow."""


@dataclasses.dataclass
class Started:
    """The program that a command starts."""

    arguments: tuple[str, ...] | None = None
    """The words after `vllm serve`; None if the command starts no server itself."""
    script: str | None = None
    """The script that a shell runs instead."""
    environment: dict[str, str] = dataclasses.field(default_factory=dict)
    image: str | None = None
    """The image in which the server runs."""
    file: str | None = None
    """The file of the script that is run instead."""
    composed: tuple[str, ...] = ()
    """The names of the file of docker compose that is started instead."""
    away: bool = False
    """The script runs on another machine."""
    told: list[remarks.Remark] = dataclasses.field(default_factory=list)
    """The parts that are left out, if the command starts a server."""


def find(words: Sequence[str]) -> Started:
    """Return what a command starts, without the wrappers before it."""
    started = Started()
    rest: Sequence[str] | None = words
    while rest:
        started.arguments = _arguments(rest)
        if started.arguments is not None:
            return started
        program = _program(rest[0])
        if program in NO_SERVERS:
            break
        if program in SHELLS:
            started.script = _script(program, rest[1:])
            started.file = _file(rest[1:]) if started.script is None else None
            break
        if program.endswith(".sh"):
            started.file = rest[0]
            break
        if (names := compose.files(rest)) is not None:
            started.composed = names
            break
        if program in sessions.PROGRAMS:
            _typed(program, rest, started)
            break
        if container.runs(rest):
            rest = _contained(rest, started)
        elif (
            program in WRAPPERS and (inner := _inner(WRAPPERS[program], rest, started)) is not None
        ):
            rest = inner
        else:
            rest = _unknown(rest, started)
    return started


def _program(word: str) -> str:
    """Return the name of a program, without its folder and a release that uvx takes."""
    return word.rsplit("/", 1)[-1].partition("@")[0]


def _arguments(words: Sequence[str]) -> tuple[str, ...] | None:
    """Return the arguments of `vllm serve` in any of its forms; None for other commands."""
    program = _program(words[0])
    if program == "vllm" and words[1:2] == ("serve",):
        return tuple(words[2:])
    if not re.fullmatch(r"python[\d.]*", program):
        return None
    at = 1
    while at < len(words) and words[at].startswith("-") and words[at] != "-m":
        at += 2 if words[at] in ("-X", "-W") else 1
    if words[at : at + 1] == ("-m",) and words[at + 1 : at + 2]:
        rest = tuple(words[at + 2 :])
        if words[at + 1] in ENTRY_POINTS:
            return rest[1:] if rest[:1] == ("serve",) else rest
        return rest[1:] if words[at + 1] == "vllm" and rest[:1] == ("serve",) else None
    file = words[at] if at < len(words) else ""
    if file.endswith(_ENTRY_FILE):
        return tuple(words[at + 1 :])
    return _arguments(tuple(words[at:])) if file.endswith("/vllm") else None


def _script(program: str, words: Sequence[str]) -> str | None:
    """Return the script in a shell's arguments; None if it reads a file."""
    if program == "eval":
        return shell.plain(" ".join(words))
    for at, word in enumerate(words):
        if re.fullmatch(r"-[a-z]*c", word):
            following = [after for after in words[at + 1 :] if not after.startswith(("-", "+"))]
            return shell.plain(following[0]) if following else None
        if not word.startswith(("-", "+")) and words[at - 1] not in ("-o", "-euo", "-eo", "-eux"):
            return None
    return None


def _file(words: Sequence[str]) -> str | None:
    """Return the file that a shell reads."""
    return next((word for word in words if word.endswith(".sh")), None)


def _typed(program: str, words: Sequence[str], started: Started) -> None:
    """Put down what a program types into another shell."""
    session = sessions.read(program, words)
    if session is not None:
        started.script, started.away = session.script, session.away
        started.environment |= session.environment
        started.told += session.told


def _inner(wrapper: Wrapper, words: Sequence[str], started: Started) -> Sequence[str] | None:
    """Return the command that a wrapper runs; None if it runs none here."""
    options, rest = _options(words[1:], wrapper.values)
    verb = next((v for v in wrapper.verbs if tuple(rest[: len(v)]) == v), None)
    if verb is None:
        return None
    more, rest = _options(rest[len(verb) :], wrapper.values)
    skipped = rest[: wrapper.skips]
    rest = rest[wrapper.skips :]
    while rest and (assigned := re.fullmatch(r"([A-Za-z_]\w*)=(.*)", rest[0], re.DOTALL)):
        started.environment[assigned[1]] = assigned[2]
        rest = rest[1:]
    said = [*options, *more]
    if wrapper.lost:
        before = " ".join([words[0], *verb, *(" ".join(option) for option in said), *skipped])
        started.told.append(_left_out(before, wrapper.lost))
    for option, *value in said:
        name, _, attached = option.partition("=")
        brought = leftovers.is_brought(attached or "".join(value))
        if name in wrapper.told and not (name in _PACKAGES and brought):
            why = "write what the model needs of it into setup, env or workdir"
            started.told.append(_left_out(" ".join([words[0], option, *value]), why))
    return rest


def _options(
    words: Sequence[str], values: Collection[str]
) -> tuple[list[list[str]], Sequence[str]]:
    """Return the options at the beginning, each with its value, and the words after them."""
    options = []
    rest = list(words)
    while rest and rest[0].startswith("-"):
        word = rest.pop(0)
        if word == "--":
            break
        options.append([word, rest.pop(0)] if word in values and rest else [word])
    return options, tuple(rest)


def _contained(words: Sequence[str], started: Started) -> Sequence[str] | None:
    """Return the command that runs in a container, and put down what it runs with."""
    ran = container.read(words)
    started.image = ran.image
    started.environment |= ran.environment
    started.told += ran.told
    if ran.serves:
        started.arguments = ran.command
        return None
    return ran.command


def _unknown(words: Sequence[str], started: Started) -> Sequence[str] | None:
    """Return the server's command behind a program that is not known; None without one."""
    for at in range(1, len(words)):
        if _arguments(words[at:]) is not None:
            before = " ".join(words[:at])
            started.told.append(_left_out(before, "what it does is not known here"))
            return words[at:]
    return None


def _left_out(before: str, why: str) -> remarks.Remark:
    text = shell.plain(before)
    short = text if len(text) <= 60 else f"{text[:57]}..."
    return remarks.lost("run", f"`{short}` stands before the server and is left out: {why}")
