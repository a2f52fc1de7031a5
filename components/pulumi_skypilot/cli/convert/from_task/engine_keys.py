"""The flags of pooling, adapters, speculation, images and tools, as keys of a deployment.

What a key cannot express stays a flag.
"""

import json
from collections.abc import Callable, Iterator

from .... import catalog, errors
from ....plan import tool_server
from ....spec import model_tables
from . import server, shell, vllm_parser

Flags = dict[str, vllm_parser.Value]
KeyAndValue = tuple[str, object]

TASKS = {
    "classify": "rerank",
    "embed": "embed",
    "embedding": "embed",
    "generate": "generate",
    "rerank": "rerank",
    "score": "rerank",
}
"""The words that the flag task of earlier releases took, and what the key says."""

_NUMBERS = {"maxRank": "max-lora-rank", "maxLoaded": "max-loras"}
"""Keys of lora, and their flags."""
_GUESS = {"method": "method", "model": "model", "num_speculative_tokens": "tokens"}
"""Parts of speculative-config, and the keys of speculation."""


def keys(flags: Flags, model: str, *, own_image: bool) -> Iterator[KeyAndValue]:
    """Yield the keys, and remove their flags.

    Args:
        flags: The flags of a server.
        model: Its model.
        own_image: True if the image brings its own vLLM, which may be older than some flags.

    """
    yield from _task(flags, model, own_image=own_image)
    yield from _lora(flags)
    yield from _speculation(flags, own_image=own_image)
    limits = _known(flags, "limit-mm-per-prompt")
    if isinstance(limits, dict) and limits and _accepted(lambda: model_tables.per_prompt(limits)):
        flags.pop("limit-mm-per-prompt")
        yield "perPrompt", limits
    yield from _tool_server(flags, model)


def _task(flags: Flags, model: str, *, own_image: bool) -> Iterator[KeyAndValue]:
    facts = catalog.model(model)
    scores = (
        flags.get("convert") == "classify"
        or "ForSequenceClassification" in str(flags.get("hf-overrides"))
        or (facts is not None and facts.task == "rerank")
    )
    runners = {"generate": "generate", "pooling": "rerank" if scores else "embed"}
    runner = runners.get(str(flags.get("runner")))
    if runner is not None:
        flags.pop("runner")
        yield "modelTask", runner
    elif not own_image and str(flags.get("task")) in TASKS:
        yield "modelTask", TASKS[str(flags.pop("task"))]


def _lora(flags: Flags) -> Iterator[KeyAndValue]:
    if flags.get("enable-lora") is not True:
        return
    modules = [_adapter(word) for word in server.listed(flags.get("lora-modules", []))]
    numbers = {key: _known(flags, flag) for key, flag in _NUMBERS.items() if flag in flags}
    adapters = dict(pair for pair in modules if pair)
    table = {**({"adapters": adapters} if adapters else {}), **numbers}
    unclear = None in (*modules, *numbers.values())
    if unclear or not _accepted(lambda: model_tables.Lora.model_validate(table)):
        return
    for flag in ("enable-lora", "lora-modules", *_NUMBERS.values()):
        flags.pop(flag, None)
    yield "lora", table


def _tool_server(flags: Flags, model: str) -> Iterator[KeyAndValue]:
    """Yield the tool servers of a model that has use for them; a flag for others stays one."""
    named = _known(flags, "tool-server")
    facts = catalog.model(model)
    if (
        not isinstance(named, str)
        or facts is None
        or facts.architecture.family != tool_server.FAMILY
    ):
        return
    addresses = named.split(",")
    if _accepted(lambda: model_tables.tool_server(addresses)):
        flags.pop("tool-server")
        yield "toolServer", addresses if len(addresses) > 1 else named


def _adapter(word: str) -> tuple[str, str] | None:
    """Return an adapter's name and place; None when the word says more, or is worked out later."""
    if shell.is_computed(word):
        return None
    text = shell.plain(word)
    if "," not in text:
        name, equals, place = text.partition("=")
        return (name, place) if equals else None
    try:
        table = json.loads(text)
    except ValueError:
        return None
    if not isinstance(table, dict) or table.keys() != {"name", "path"}:
        return None
    return str(table["name"]), str(table["path"])


def _speculation(flags: Flags, *, own_image: bool) -> Iterator[KeyAndValue]:
    if own_image and "speculative-config" in flags:
        return
    said = {part: _known(flags, f"spec-{part}") for part in ("method", "model", "tokens")}
    table = {part: value for part, value in said.items() if value is not None}
    config = _known(flags, "speculative-config")
    parts = config if isinstance(config, dict) else {}
    given = {**{_GUESS[name]: value for name, value in parts.items() if name in _GUESS}, **table}
    rest = {name: value for name, value in parts.items() if name not in _GUESS}
    plain = all(isinstance(value, str | int | float) for value in rest.values())
    if (
        not given
        or not plain
        or not _accepted(lambda: model_tables.Speculation.model_validate(given))
    ):
        return
    for part in said:
        flags.pop(f"spec-{part}", None)
    if parts:
        flags.pop("speculative-config")
        flags |= {f"speculative-config.{name}": _word(value) for name, value in rest.items()}
    yield "speculation", given


def _known(flags: Flags, flag: str) -> object:
    """Return a flag's value for a stack file; None without one, or when it is worked out later."""
    given = flags.get(flag)
    if given is None or (isinstance(given, str) and shell.is_computed(given)):
        return None
    return server.value(server.plain(given))


def _word(value: object) -> vllm_parser.Value:
    return value if isinstance(value, bool | str) else json.dumps(value)


def _accepted(read: Callable[[], object]) -> bool:
    """Return whether a deployment takes the value."""
    try:
        read()
    except (errors.ValueRefused, ValueError):
        return False
    return True
