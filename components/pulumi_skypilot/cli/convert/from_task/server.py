"""The vLLM server that a script starts: its model, and its flags as vLLM 0.32 spells them."""

import dataclasses
import json
import re
from collections.abc import Mapping, Sequence

from .... import catalog, errors
from ....plan import vllm
from . import shell

Value = str | bool | list[str]
"""Value of a flag: a word, on or off, or several words."""

ENTRY_POINTS = ("vllm.entrypoints.openai.api_server", "vllm.entrypoints.cli.main")
"""Modules of vLLM that serve its OpenAI API."""

SHORT = {
    "-tp": "tensor-parallel-size",
    "-pp": "pipeline-parallel-size",
    "-dp": "data-parallel-size",
    "-dcp": "decode-context-parallel-size",
    "-q": "quantization",
    "-n": "nnodes",
    "-r": "node-rank",
    "-O": "optimization-level",
    "-cc": "compilation-config",
    "-ac": "attention-config",
    "-asc": "api-server-count",
}
"""vLLM's short names of flags (vllm/engine/arg_utils.py)."""

GONE = {
    "device": "vLLM finds the GPU by itself",
    "disable-log-requests": "requests are logged only with enable-log-requests",
    "num-scheduler-steps": "vLLM schedules by itself now",
    "use-v2-block-manager": "there is no other block manager",
    "worker-use-ray": "several machines need no Ray here",
    "engine-use-ray": "several machines need no Ray here",
    "task": "vLLM reads it from the model; vllmArgs.runner or vllmArgs.convert choose another",
    "swap-space": "vLLM has no swap space for its cache any more",
    "enable-chunked-prefill": "it is on where the model allows it",
}
"""Flags of earlier releases that the pinned one lacks, and why nothing is lost."""

SEVERAL = (
    "served-model-name", "lora-modules", "lora-target-modules", "middleware", "api-key",
    "allowed-media-domains", "cudagraph-capture-sizes", "collect-detailed-traces", "device-ids",
    "ignore-patterns", "kv-cache-dtype-skip-layers", "logits-processors", "numa-bind-nodes",
    "numa-bind-cpus", "sleep-preserve-parameter-names",
)  # fmt: skip
"""Flags that take several words (the lists of vllm/engine/arg_utils.py)."""

PAIRS = ("limit-mm-per-prompt",)
"""Flags that took NAME=NUMBER in earlier releases and take JSON now."""


@dataclasses.dataclass(frozen=True)
class Server:
    """A vLLM server as a script starts it. Words may be computed: see shell.is_computed."""

    model: str
    flags: Mapping[str, Value]
    environment: Mapping[str, str]
    """Variables that the script exports or sets before the command."""
    unread: tuple[str, ...]
    """Words of its command that only the machine can turn into flags."""
    others: tuple[shell.Command, ...]
    """The script's other commands."""


def find(script: str, variables: Mapping[str, str]) -> Server:
    """Return the server that a script starts.

    Raises errors.UnreadableTask if there is none, more than one, or its model is not known.
    """
    servers: list[Sequence[str]] = []
    others: list[shell.Command] = []
    environment: dict[str, str] = {}
    for command in shell.commands(script, variables):
        arguments = _arguments(command.words)
        if arguments is not None:
            servers.append(arguments)
            environment |= command.assignments
        elif not command.words:
            environment |= command.assignments
        else:
            others.append(command)
    if not servers:
        raise errors.UnreadableTask(
            f"it starts no vLLM server (vllm serve, or python -m {ENTRY_POINTS[0]})"
        )
    if len(servers) > 1:
        raise errors.UnreadableTask(
            f"it starts {len(servers)} vLLM servers; make a file of each and import them one by one"
        )
    positional, flags, unread = _flags(servers[0])
    model = flags.pop("model", positional)
    if not isinstance(model, str) or shell.is_computed(model):
        raise errors.UnreadableTask(
            f"the model of its vLLM server is {_unclear(model)}; write it after `vllm serve`"
        )
    return Server(model, flags, environment, unread, tuple(others))


def plain(given: Value) -> Value:
    """Return the value as a shell would pass it on."""
    if isinstance(given, list):
        return [shell.plain(word) for word in given]
    return shell.plain(given) if isinstance(given, str) else given


def value(word: Value) -> object:
    """Return a flag's value for a stack file, with numbers and JSON tables parsed."""
    if isinstance(word, bool):
        return word
    if isinstance(word, list):
        return [value(item) for item in word]
    try:
        parsed = json.loads(word)
    except ValueError:
        return word
    number = isinstance(parsed, int | float) and not isinstance(parsed, bool)
    return parsed if isinstance(parsed, dict) or (number and json.dumps(parsed) == word) else word


def _unclear(model: Value | None) -> str:
    name = shell.variable(model) if isinstance(model, str) else None
    if name:
        return f"{name}, which has no value"
    return "worked out on the machine" if model else "not named"


def _arguments(words: Sequence[str]) -> Sequence[str] | None:
    """Return the arguments of `vllm serve` in any of its forms; None for other commands."""
    for at, word in enumerate(words):
        program = word.rsplit("/", 1)[-1]
        if program == "vllm" and words[at + 1 : at + 2] == ("serve",):
            return words[at + 2 :]
        if word == "-m" and words[at + 1 : at + 2] and words[at + 1] in ENTRY_POINTS:
            rest = words[at + 2 :]
            return rest[1:] if rest[:1] == ("serve",) else rest
    return None


def _flags(words: Sequence[str]) -> tuple[str | None, dict[str, Value], tuple[str, ...]]:
    """Return the positional word, the flags, and the words that may be any flags.

    The last value of a repeated flag is used.
    """
    positional: str | None = None
    unread: list[str] = []
    flags: dict[str, Value] = {}
    name: str | None = None
    for word in _layers_together(words):
        if _is_flag(word):
            flag, equals, text = word.partition("=")
            name = SHORT.get(flag) or flag.lstrip("-").replace("_", "-")
            switches = catalog.flags().switches
            off = name.removeprefix("no-")
            if off != name and off in switches:
                name, flags[off] = off, False
            else:
                flags[name] = text if equals else True
            name = None if equals else name
        elif shell.is_many(word):
            unread.append(shell.plain(word))
        elif name is None:
            positional = positional or word
        else:
            given = flags[name]
            if name in catalog.flags().switches:  # a switch has no value: the word is the model
                positional, name = positional or word, None
            elif isinstance(given, bool):
                flags[name] = word
            elif shell.is_computed(word):
                unread.append(shell.plain(word))
            elif name in SEVERAL:
                flags[name] = [*(given if isinstance(given, list) else [given]), word]
            else:
                positional, name = positional or word, None
    now = {flag: _as_now(flag, given) for flag, given in flags.items()}
    return positional, now, tuple(unread)


def _layers_together(words: Sequence[str]) -> list[str]:
    """Return the words with all layers behind the last --middleware: vLLM adds up these flags."""
    layers: list[str] = []
    others: list[str] = []
    rest = iter(words)
    for word in rest:
        flag, equals, text = word.partition("=")
        if flag == "--middleware":
            layers.append(text if equals else next(rest, ""))
        else:
            others.append(word)
    return [*others, "--middleware", *layers] if layers else others


def listed(given: Value) -> list[str]:
    """Return the words of a flag that may have several."""
    return list(given) if isinstance(given, list) else [given] if isinstance(given, str) else []


def _is_flag(word: str) -> bool:
    return word.startswith("--") or word.split("=", maxsplit=1)[0] in SHORT


def _as_now(flag: str, given: Value) -> Value:
    if flag not in PAIRS or not isinstance(given, str):
        return given
    pairs = re.findall(r"([\w-]+)=(\d+)", given)
    table = {name: int(number) for name, number in pairs}
    return json.dumps(table) if ",".join(f"{k}={v}" for k, v in pairs) == given else given


def unknown(flag: str, given: Value) -> str | None:
    """Return why the pinned release refuses a flag and what to do; None if it accepts it."""
    if flag in GONE:
        return f"vLLM {catalog.flags().engine} has no such flag: {GONE[flag]}"
    return vllm.mistaken(flag, value(given))
