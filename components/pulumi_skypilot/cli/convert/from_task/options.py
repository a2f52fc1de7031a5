"""The flags of a vLLM server, as keys of a deployment."""

from collections.abc import Iterator, Mapping

from .... import catalog, spec
from . import engine_keys, remarks, renamed, server, shell, vllm_parser

KeyOrRemark = tuple[str, object] | remarks.Remark

OURS = ("host", "port", "api-key")
"""Flags that a deployment sets itself; API keys have remarks of their own."""

RAY = ("distributed-executor-backend", "nnodes", "node-rank", "master-addr", "headless")
"""Flags by which several machines find each other; this package sets them."""

KEYS = {flag: key for flag, key in spec.mapping.FLAGS.items() if flag not in RAY}
"""Flags that have a key of their own."""

DTYPES = {"half": "float16", "auto": None}
"""vLLM's other names of dtypes, and the deployment's; None for the default."""


def keys(
    started: server.Server, *, gpus: int | None, nodes: int, own_image: bool
) -> Iterator[KeyOrRemark]:
    """Yield the keys of a deployment for a server's flags, and remarks on the rest.

    Args:
        started: The server that the script starts.
        gpus: Number of GPUs of one machine; None if the alternatives differ.
        nodes: Number of machines.
        own_image: True if the image brings its own vLLM, which may have other flags.

    """
    flags = dict(started.flags)
    if not own_image:
        flags, moved = renamed.current(flags)
        yield from moved
    yield "model", started.model
    yield from _parallel(flags, gpus, nodes)
    yield from engine_keys.keys(flags, started.model, own_image=own_image)
    if flags.get("enable-auto-tool-choice") is True and "tool-call-parser" in flags:
        yield "tools", True
        flags.pop("enable-auto-tool-choice")
        facts = catalog.model(started.model)
        if facts and facts.tool_parser == flags["tool-call-parser"]:
            flags.pop("tool-call-parser")
    for word in started.unread:
        yield remarks.lost("run", f"`{word}`: only the machine knows which flags these are")
    more: dict[str, object] = {}
    for flag, given in flags.items():
        if flag in OURS:
            continue
        if _is_computed(given):
            key = KEYS.get(flag, f"vllmArgs.{flag}")
            yield remarks.lost(
                f"flag {flag}", f"only the machine knows its value; write it into {key}"
            )
        elif str(given).startswith("~"):
            yield remarks.lost(
                f"flag {flag}",
                f"{given} begins with the machine's home folder, "
                f"which is known there only; write the whole path",
            )
        elif flag in KEYS:
            yield from _key(flag, given, started.model)
        elif (remark := _refused(flag, given, own_image=own_image)) is not None:
            yield remark
        else:
            more[flag] = server.value(server.plain(given))
    if more:
        yield "vllmArgs", more


def api_key(flags: Mapping[str, vllm_parser.Value]) -> str | None:
    """Return the word of the server's API key; None without one."""
    given = flags.get("api-key")
    word = given[0] if isinstance(given, list) else given
    return word if isinstance(word, str) else None


def _is_computed(given: vllm_parser.Value) -> bool:
    words = given if isinstance(given, list) else [given]
    return any(isinstance(word, str) and shell.is_computed(word) for word in words)


def _refused(flag: str, given: vllm_parser.Value, *, own_image: bool) -> remarks.Remark | None:
    if flag in RAY:
        return remarks.differs(f"flag {flag}", "nodes does this, without Ray")
    if flag in spec.OWNED:
        return remarks.lost(f"flag {flag}", spec.OWNED[flag])
    if own_image:
        return None
    if flag in vllm_parser.GONE:
        return remarks.differs(f"flag {flag}", vllm_parser.GONE[flag])
    reason = server.unknown(flag, given)
    return None if reason is None else remarks.lost(f"flag {flag}", reason)


def _parallel(
    flags: dict[str, vllm_parser.Value], gpus: int | None, nodes: int
) -> Iterator[tuple[str, object]]:
    """Yield tensor and pipeline parallel unless they are a deployment's defaults.

    vLLM's default is 1.
    """
    tensor = flags.pop("tensor-parallel-size", "1")
    if shell.variable(str(tensor)) == "SKYPILOT_NUM_GPUS_PER_NODE":
        yield "tensorParallel", "all"
    elif not str(tensor).isdecimal():
        flags["tensor-parallel-size"] = tensor  # computed: there is a remark for it
    elif int(str(tensor)) != (gpus or (1 if gpus == 0 else None)):
        yield "tensorParallel", int(str(tensor))
    pipeline = flags.pop("pipeline-parallel-size", "1")
    if not str(pipeline).isdecimal():
        flags["pipeline-parallel-size"] = pipeline
    elif int(str(pipeline)) != nodes:
        yield "pipelineParallel", int(str(pipeline))


def _key(flag: str, given: vllm_parser.Value, model: str) -> Iterator[KeyOrRemark]:
    key = KEYS[flag]
    if flag == "served-model-name" and isinstance(given, list) and len(given) > 1:
        yield key, list(dict.fromkeys(given))
        return
    if isinstance(given, list):
        yield remarks.lost(f"flag {flag}", f"only the first of {', '.join(given)} is kept")
        given = given[0]
    match flag:
        case "served-model-name" if given == model:
            return
        case "max-model-len":
            longest = vllm_parser.tokens(str(given))
            if longest is None:
                yield remarks.lost(f"flag {flag}", f"{given} is no number; write context in tokens")
            else:
                yield key, longest
        case "dtype":
            dtype = DTYPES.get(str(given), str(given))
            if dtype in ("bfloat16", "float16"):
                yield key, dtype
            elif dtype is not None:
                yield remarks.lost(f"flag {flag}", f"{given} is left to the model; see dtype")
        case _:
            yield key, server.value(server.plain(given))
