"""The vLLM server that a script starts: its model, and its flags as vLLM 0.32 spells them."""

import dataclasses
import json
import re
from collections.abc import Mapping, Sequence

from .... import catalog, errors
from ....plan import vllm
from . import compose, documents, remarks, shell, vllm_parser, wrappers
from .vllm_parser import Value

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
    image: str | None = None
    """The image in which it runs, where the script starts a container."""
    told: tuple[remarks.Remark, ...] = ()
    """Remarks on what stands before it and in it and is left out."""
    read: frozenset[str] = frozenset()
    """The places of the files that were read for it."""


def find(script: str, variables: shell.Known, files: documents.Files = lambda _: None) -> Server:
    """Return the server that a script starts.

    Args:
        script: The script.
        variables: The values of its variables.
        files: Returns the text of a file on the machine, for `--config FILE` and scripts.

    Raises errors.UnreadableTask if there is none, more than one, or its model is not known.

    """
    asked: set[str] = set()

    def text_of(path: str) -> str | None:
        text = files(path)
        if text is not None:
            asked.add(documents.place(path))
        return text

    found = _Found(text_of)
    _read(script, variables, found)
    servers = [each for each in found.servers if not each.away] or found.servers
    if not servers:
        raise errors.UnreadableTask(_none(found.others))
    if len(servers) > 1:
        raise errors.UnreadableTask(
            f"it starts {len(servers)} vLLM servers; make a file of each and import them one by one"
        )
    (started,) = servers
    said = vllm_parser.read(started.arguments or (), text_of)
    if said.model is None or shell.is_computed(said.model):
        raise errors.UnreadableTask(
            f"the model of its vLLM server is {_unclear(said.model)}; write it after `vllm serve`"
            + "".join(f" ({word}: {why})" for word, why in said.refused if "--config" in word)
        )
    refused = [remarks.lost("run", f"`{shell.plain(word)}`: {why}") for word, why in said.refused]
    flags = {flag: _as_now(flag, given) for flag, given in said.flags.items()}
    without = documents.without(script, asked)
    if without != script:
        found = _Found(text_of)
        _read(without, variables, found)
    return Server(
        said.model,
        flags,
        found.environment,
        tuple(said.unread),
        tuple(found.others),
        started.image,
        (*started.told, *found.told, *refused),
        frozenset(asked),
    )


@dataclasses.dataclass
class _Found:
    """The effects of a script, as far as it was read."""

    files: documents.Files
    servers: list[wrappers.Started] = dataclasses.field(default_factory=list)
    others: list[shell.Command] = dataclasses.field(default_factory=list)
    """The commands that start no server."""
    environment: dict[str, str] = dataclasses.field(default_factory=dict)
    told: list[remarks.Remark] = dataclasses.field(default_factory=list)


def _read(script: str, variables: shell.Known, found: _Found) -> None:
    """Collect the servers, the other commands and the variables of a script."""
    for command in shell.commands(script, variables):
        started = wrappers.find(command.words)
        if not command.words:
            found.environment |= command.assignments
        elif not (
            _starts(started, command.assignments, variables, found)
            or _composes(started, variables, found)
            or started.script == ""
        ):
            found.others.append(command)


def _starts(
    started: wrappers.Started,
    assignments: Mapping[str, str],
    variables: shell.Known,
    found: _Found,
) -> bool:
    """Collect what a command starts; return whether that is a server, or may be."""
    exported = {**assignments, **started.environment}
    if started.arguments is not None:
        found.servers.append(started)
        found.environment |= exported
        return True
    script = started.script
    if started.file is not None and not shell.is_computed(started.file):
        script = found.files(shell.plain(started.file))
    if script is None or not _starts_server(script):
        return False
    before = len(found.servers)
    _read(script, _more(variables, {**found.environment, **exported}), found)
    found.environment |= exported if len(found.servers) > before else {}
    for inner in found.servers[before:]:
        inner.told[:0] = started.told
        inner.image = inner.image or started.image
        inner.away = inner.away or started.away
    return True


def _composes(started: wrappers.Started, variables: shell.Known, found: _Found) -> bool:
    """Collect the services that docker compose starts; return whether its file is known."""
    text = next(filter(None, map(found.files, started.composed)), None)
    if text is None:
        return False
    for words in compose.commands(text, _more(variables, found.environment)):
        if not _starts(wrappers.find(words), {}, variables, found):
            found.told.append(compose.left_out(words))
    return True


def _starts_server(script: str) -> bool:
    return "vllm" in script and ("serve" in script or "api_server" in script)


def _more(variables: shell.Known, environment: Mapping[str, str]) -> shell.Known:
    given = {
        name: None if shell.is_computed(value) else shell.plain(value)
        for name, value in environment.items()
    }
    return {**variables, **given}


def _none(others: Sequence[shell.Command]) -> str:
    """Return why there is no server, by the engine that is started instead."""
    text = "\n".join(shell.plain(" ".join(command.words)) for command in others)
    if any(wrappers.find(command.words).composed for command in others):
        return (
            "the file of its docker compose is not among the files of the task; write the "
            "server's `docker run` or `vllm serve` into run"
        )
    for pattern, engine in OTHER_ENGINES.items():
        if re.search(pattern, text):
            return f"it starts {engine}, and a deployment serves with vLLM only"
    return f"it starts no vLLM server (vllm serve, or python -m {wrappers.ENTRY_POINTS[0]})"


OTHER_ENGINES = {
    r"\bsglang[._]|\bsglang\b": "SGLang",
    r"text-generation-(launcher|inference)": "Hugging Face's Text Generation Inference (TGI)",
    r"text-embeddings-(router|inference)": "Hugging Face's Text Embeddings Inference (TEI)",
    r"\bollama\b": "Ollama",
    r"llama-server|llama_cpp|llama\.cpp": "llama.cpp",
    r"trtllm-serve|tensorrt_llm|tritonserver": "TensorRT-LLM",
    r"\blmdeploy\b": "LMDeploy",
    r"\baphrodite\b": "Aphrodite",
    r"\bmlc_llm\b": "MLC LLM",
    r"fastchat\.serve": "FastChat",
    r"\bjetstream\b|\bmaxengine_server\b": "JetStream",
    r"vllm\.entrypoints\.api_server": "vLLM's demonstration server, which has no OpenAI API",
}
"""Servers of other engines, by what their commands have in them."""


def plain(given: Value) -> Value:
    """Return the value as a shell would pass it on."""
    if isinstance(given, list):
        return [shell.plain(word) for word in given]
    return shell.plain(given) if isinstance(given, str) else given


def value(word: Value) -> object:
    """Return a flag's value for a stack file, with numbers and JSON tables parsed."""
    if isinstance(word, bool | dict):
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


def listed(given: Value) -> list[str]:
    """Return the words of a flag that may have several."""
    return list(given) if isinstance(given, list) else [given] if isinstance(given, str) else []


def _as_now(flag: str, given: Value) -> Value:
    if flag not in PAIRS or not isinstance(given, str):
        return given
    pairs = re.findall(r"([\w-]+)=(\d+)", given)
    table = {name: int(number) for name, number in pairs}
    return json.dumps(table) if ",".join(f"{k}={v}" for k, v in pairs) == given else given


def unknown(flag: str, given: Value) -> str | None:
    """Return why the pinned release refuses a flag and what to do; None if it accepts it."""
    if flag in vllm_parser.GONE:
        return f"vLLM {catalog.flags().engine} has no such flag: {vllm_parser.GONE[flag]}"
    return vllm.mistaken(flag, value(given))
