"""The differences between two run scripts, by the keys of a stack file. Pure."""

import dataclasses
import functools
import re
import shlex
from collections.abc import Collection, Iterator, Mapping, Sequence

from ..spec import mapping
from . import task_scripts, vllm
from .remote import vllm_guard

_SERVE = re.compile(r"(exec .*?\bvllm serve|exec vllm serve) (\S+)")
_EFFORT = re.compile(rf"export {vllm.EFFORT_VARIABLE}=(\w+)")
_GUARD = re.compile(rf"export {vllm_guard.KEYS}=(\S+) {vllm_guard.PROBE}=(.+)")
_FLAG = re.compile(r"--([\w.-]+)(?: (.*))?")


@dataclasses.dataclass(frozen=True)
class Content:
    """The content of a script: settings, and all other lines."""

    settings: Mapping[str, object]
    """By the key of a stack file: the model and vLLM's flags, e.g. context → 4096."""
    others: tuple[str, ...]
    """The other lines."""


@dataclasses.dataclass(frozen=True)
class Difference:
    """A key whose value differs between two scripts, and both values."""

    key: str
    old: object
    new: object


_KEYS = {"enable-auto-tool-choice": "tools"}
"""Flags that a key sets together with others."""
_PARSER = "vllmArgs.tool-call-parser"


def differences(old: str, new: str) -> Iterator[Difference]:
    """Yield the keys whose values differ between two scripts, in the order of the scripts."""
    was, now = read(old).settings, read(new).settings
    keys = [key for key in dict.fromkeys([*was, *now]) if was.get(key) != now.get(key)]
    for key in keys:
        if key != _PARSER or "tools" not in keys:  # `tools` brings the model's parser along
            yield Difference(key, was.get(key), now.get(key))


def other_lines(old: str, new: str, changed: Collection[str]) -> tuple[str, str]:
    """Return the lines that only one of two scripts has, except those that changed keys explain.

    `changed` holds keys of a stack file, e.g. `autostop.idle`.
    """
    was, now = read(old).others, read(new).others
    roots = {key.partition(".")[0] for key in changed}

    def only(here: Sequence[str], there: Sequence[str]) -> str:
        rest = (line for line in here if line not in there)
        return "; ".join(line for line in rest if not roots & _keys_of_lines().get(line, set()))

    return only(was, now), only(now, was)


def read(script: str) -> Content:
    """Return the content of a script, key by key where a stack file has a key for it."""
    settings: dict[str, object] = {}
    others: list[str] = []
    for line in task_scripts.lines(script):
        if serve := _SERVE.fullmatch(line):
            settings["model"] = _unquoted(serve[2])
            others.append(serve[1])
        elif effort := _EFFORT.fullmatch(line):
            settings["reasoningEffort"] = effort[1]
        elif guard := _GUARD.fullmatch(line):
            settings["auth"] = "none" if guard[1] == vllm_guard.NO_KEYS else "key"
            method, _, settings["readinessProbe.path"] = _unquoted(guard[2]).partition(" ")
            if method == "POST":
                settings["readinessProbe.postData"] = "set"
        elif line.startswith("--middleware "):
            layers = [layer for layer in line.split() if layer not in _OWN_LAYERS]
            if layers:
                settings["vllmArgs.middleware"] = " ".join(layers)
        elif (flag := _FLAG.fullmatch(line)) and flag[1] != "config":
            settings.update([_setting(flag[1], flag[2])])
        else:
            others.append(line)
    return Content(settings, tuple(others))


_OWN_LAYERS = ("--middleware", vllm.EFFORT_MIDDLEWARE, vllm.GUARD_MIDDLEWARE)


@functools.cache
def _keys_of_lines() -> Mapping[str, set[str]]:
    keys: dict[str, set[str]] = {}
    for key, lines in task_scripts.blocks().items():
        for line in lines:
            keys.setdefault(line, set()).add(key)
    return keys


def _setting(flag: str, text: str | None) -> tuple[str, object]:
    """Return the key for a flag, and its value as a stack file has it."""
    name = flag if text is not None else flag.removeprefix("no-")
    key = _KEYS.get(name) or mapping.SHARED.get(name) or mapping.key_of_flag(name)
    key = f"vllmArgs.{name}" if key == "vllmArgs" else key
    if text is None:
        return key, not flag.startswith("no-")
    value = _unquoted(text)
    return key, int(value) if value.isdecimal() else value


def _unquoted(text: str) -> str:
    if text == f'"{vllm.MACHINE_GPUS}"':
        return "all"
    try:
        return " ".join(shlex.split(text))
    except ValueError:  # a script that others wrote
        return text
