"""The words after `vllm serve`, read as vLLM's own parser reads them.

The parser is FlexibleArgumentParser (vllm/utils/argparse_utils.py), an argparse with a file of
options, parts of JSON options (`--x.y`) and -O. Which option takes how many words is in the
catalogue, read from the parser itself. Forms that only an earlier release took are read too.
"""

import dataclasses
import json
import re
import typing
from collections.abc import Sequence

import yaml

from .... import catalog
from . import shell
from .documents import Files

Value = str | bool | list[str] | dict[str, typing.Any]
"""Value of a flag: a word, on or off, several words, or the parts of a JSON option."""

ADDED_UP = ("middleware",)
"""Flags that vLLM adds up where they are repeated (action "append")."""

GONE = {
    "device": "vLLM finds the GPU by itself",
    "disable-log-requests": "requests are logged only with enable-log-requests",
    "num-scheduler-steps": "vLLM schedules by itself now",
    "use-v2-block-manager": "there is no other block manager",
    "worker-use-ray": "several machines need no Ray here",
    "engine-use-ray": "several machines need no Ray here",
    "task": "vLLM reads it from the model; modelTask or vllmArgs.convert chooses another",
    "swap-space": "vLLM has no swap space for its cache any more",
    "enable-reasoning": "reasoning-parser alone switches it on",
}
"""Flags of earlier releases that the pinned one lacks, and why nothing is lost."""

SWITCHES_ONCE = frozenset({
    "disable-log-requests", "enable-reasoning", "engine-use-ray", "use-v2-block-manager",
    "worker-use-ray",
})  # fmt: skip
"""Switches of earlier releases. The word after one of them is not its value."""

TRUTH = {"true": True, "false": False}
"""Words that a switch took in earlier releases (StoreBoolean of vllm/utils)."""

CONFIG = "compilation-config"
"""The option that -O stood for before it was the optimization level."""

_SUFFIXES = {"k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12,
             "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}  # fmt: skip
_NUMBER = re.compile(r"-\d+|-\d*\.\d+")


@dataclasses.dataclass
class Arguments:
    """The model and the flags of a server, and the words that give neither."""

    model: str | None = None
    flags: dict[str, Value] = dataclasses.field(default_factory=dict)
    """By their full names, without dashes."""
    unread: list[str] = dataclasses.field(default_factory=list)
    """Words that only the machine can turn into flags."""
    refused: list[tuple[str, str]] = dataclasses.field(default_factory=list)
    """Words that vLLM would refuse or ignore, and why."""


def read(words: Sequence[str], files: Files = lambda _: None) -> Arguments:
    """Return what the words say. The last value of a repeated flag is used."""
    result = Arguments()
    parts: dict[str, dict[str, typing.Any]] = {}
    positional: list[str] = []
    rest = _with_file(list(words), files, result)
    while rest:
        word = rest.pop(0)
        if word == "--":
            positional += rest
            break
        if not _is_option(word):
            positional.append(word)
        else:
            _option(word, rest, result, parts)
    _positional(positional, result)
    whole: dict[str, str] = {}
    for spelling, table in parts.items():
        name = _full_name(spelling) or spelling
        if name in whole:
            reason = f"vLLM takes the parts of {spelling} instead; write all by one name"
            result.refused.append((f"{whole[name]}.…", reason))
        whole[name] = spelling
        result.flags[name] = table
    return result


def tokens(text: str) -> int | None:
    """Return a number as vLLM reads it: 32k is 32,000 and 32K is 32,768; None if it is none."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([kKmMgGtT]?)", text.strip())
    if match is None or ("." in match[1] and not match[2].islower()):
        return None
    return int(float(match[1]) * _SUFFIXES.get(match[2], 1))


def _with_file(words: list[str], files: Files, result: Arguments) -> list[str]:
    """Return the words with those of their --config file before them, so that they are weaker."""
    if "--config" not in words[:-1]:
        return words
    at = words.index("--config")
    path = shell.plain(words[at + 1])
    text = None if shell.is_computed(words[at + 1]) else files(path)
    try:
        content = yaml.safe_load(text) if text is not None else None
    except yaml.YAMLError:
        content = None
    rest = words[:at] + words[at + 2 :]
    leading = rest[:1] if rest and not rest[0].startswith("-") else []
    if not isinstance(content, dict):
        reason = "is not among the files of the task" if text is None else "is no table of flags"
        result.refused.append(
            (f"--config {path}", f"the file {reason}; write its flags into vllmArgs")
        )
        return rest
    if leading:
        content.pop("model", None)  # the one on the command line is the stronger
    before = [word for key, value in content.items() for word in _line(str(key), value)]
    return [*leading, *before, *rest[len(leading) :]]


def _line(key: str, value: object) -> list[str]:
    """Return the words for one row of a --config file (load_config_file)."""
    if isinstance(value, bool):
        off = key.replace("_", "-") in catalog.flags().switches
        return [f"--{key}"] if value else [f"--no-{key}"] if off else []
    if isinstance(value, list):
        return [f"--{key}", *map(str, value)] if value else []
    return [f"--{key}", json.dumps(value) if isinstance(value, dict) else str(value)]


def _is_option(word: str) -> bool:
    """Return whether argparse takes the word for an option."""
    if not word.startswith("-") or word == "-" or _NUMBER.fullmatch(word):
        return False
    first = word.partition(" ")[0]
    return first == word or "=" in first or word.startswith(("--", "-O"))


def _option(
    word: str, rest: list[str], result: Arguments, parts: dict[str, dict[str, typing.Any]]
) -> None:
    """Read one option, and take its words from the rest."""
    if word.startswith("-O"):
        rest[:0] = _in_full(word, rest)
        return
    written, equals, attached = word.partition("=")
    given = [attached] if equals else []
    written, dot, path = written.partition(".")
    name = _full_name(written)
    if name == "" and not dot and not equals and (short := _joined(written)):
        written, given = short[0], [short[1]]
        name = _full_name(written)
    if name is None:
        said = " ".join(
            [word, *([rest.pop(0)] if not given and rest and _is_word(rest[0]) else [])]
        )
        result.refused.append((said, "more than one flag begins so; write the whole name"))
        return
    if name == "config" and given:
        result.refused.append((word, "vLLM reads the file only of `--config FILE`"))
        return
    full = name or written.lstrip("-").replace("_", "-")
    if dot:
        value = given[0] if given else rest.pop(0) if rest else None
        if value is None:
            result.refused.append((word, "it has no value"))
        elif shell.is_computed(value):
            result.unread.append(shell.plain(f"{written}.{path} {value}"))
        elif full in catalog.flags().flags:
            _part(parts.setdefault(written.replace("_", "-"), {}), path, shell.plain(value))
        else:
            result.flags[f"{full}.{path}"] = value
        return
    _store(full, given, rest, result)


def _store(name: str, given: list[str], rest: list[str], result: Arguments) -> None:
    known = catalog.flags()
    switch = name.removeprefix("no-")
    if switch in known.switches or name in known.alone or name in SWITCHES_ONCE:
        if not given and rest and rest[0].lower() in TRUTH:
            given = [rest.pop(0)]
        on = TRUTH.get(given[0].lower(), True) if given else True
        if switch in known.switches:
            result.flags[switch] = on is (switch == name)
        else:
            result.flags[name] = on
        return
    if not given and not (rest and _is_word(rest[0])):
        result.flags[name] = True
        return
    first = given[0] if given else rest.pop(0)
    if name in ADDED_UP:
        before = result.flags.get(name, [])
        result.flags[name] = [*before, first] if isinstance(before, list) else [first]
        return
    words = [first]
    while name in known.several and not given and rest and _is_word(rest[0]):
        word = rest.pop(0)
        if shell.is_computed(word):
            result.unread.append(shell.plain(word))
        else:
            words.append(word)
    result.flags[name] = words if len(words) > 1 else first


def _positional(words: list[str], result: Arguments) -> None:
    """Set the model, and name the other words that are no flags: vLLM takes one."""
    given = result.flags.pop("model", None)
    known = [word for word in words if not shell.is_computed(word)]
    model = given if isinstance(given, str) else next(iter([*known, *words]), None)
    others = list(words)
    if not isinstance(given, str) and model in others:
        others.remove(model)
    for word in others:
        if shell.is_computed(word):
            result.unread.append(shell.plain(word))
        else:
            reason = "vLLM takes one model and refuses more words"
            result.refused.append((shell.plain(word), reason))
    result.model = model


def _in_full(word: str, rest: list[str]) -> list[str]:
    """Return what -O says, by the name of the flag that it means; take its value from the rest."""
    text = word[3:] if word[2:3] == "=" else word[2:]
    if text.startswith("."):
        return [f"--{CONFIG}{text}"]
    value = text or (rest.pop(0) if rest and _is_word(rest[0]) else "")
    flag = CONFIG if value.startswith("{") else "optimization-level"
    return [f"--{flag}={value}"] if value else [f"--{flag}"]


def _full_name(written: str) -> str | None:
    """Return the flag that an option means; "" if vLLM has none, None if it is ambiguous."""
    known = catalog.flags()
    option = written.partition(".")[0]
    option = f"--{option[2:].replace('_', '-')}" if option.startswith("--") else option
    if option in known.names:
        return known.names[option]
    if not option.startswith("--"):
        return ""
    name = option[2:]
    every = known.flags | known.switches | {f"no-{switch}" for switch in known.switches}
    if name in every or name in GONE or not name:
        return name
    # A unique beginning stands for the whole (argparse, allow_abbrev).
    begun = {known.names.get(f"--{full}", full) for full in every if full.startswith(name)}
    return next(iter(begun)) if len(begun) == 1 else None if begun else ""


def _joined(written: str) -> tuple[str, str] | None:
    """Return the option and the value of a word such as -qawq; None if it is no such word."""
    short = written[:2]
    return (short, written[2:]) if short in catalog.flags().names and written[2:] else None


def _is_word(word: str) -> bool:
    return not _is_option(word) and not shell.is_many(word) and word != "--"


def _part(table: dict[str, typing.Any], path: str, text: str) -> None:
    """Set a part of a JSON option, as `--x.y 1` and `--x.y+ a,b` do."""
    value: object
    if path.endswith("+"):
        path, text = path[:-1], json.dumps(text.split(","))
    try:
        value = json.loads(text)
    except ValueError:
        number = tokens(text)
        value = text if number is None else number
    *above, last = path.split(".")
    for key in above:
        inner = table.get(key)
        table[key] = inner if isinstance(inner, dict) else {}
        table = table[key]
    before = table.get(last)
    together = isinstance(before, list) and isinstance(value, list)
    table[last] = [*before, *value] if together else value  # type: ignore[misc]
