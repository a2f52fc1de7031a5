"""The vLLM command line and its environment, from the catalogue and the spec."""

import json
import math
import shlex
import typing
from collections.abc import Collection, Mapping, Sequence

from .. import catalog, spec
from ..catalog import suggest
from . import goals, model_flags, ranges
from .remote import default_effort

VERSION = "0.32.0"
"""The tested release, which replicas install where their image has no vLLM."""

ROCM_IMAGE = f"docker:vllm/vllm-openai-rocm:v{VERSION}"
"""vLLM's own image of that release for AMD's GPUs."""

PORT = spec.open_ports.VLLM

MACHINE_GPUS = "$SKYPILOT_NUM_GPUS_PER_NODE"
"""SkyPilot's variable for the GPUs of a machine (sky/skylet/constants.py)."""

GUARD_MIDDLEWARE = "vllm_guard.Guard"
EFFORT_MIDDLEWARE = "default_effort.DefaultEffort"
EFFORT_VARIABLE = default_effort.VARIABLE

_FIRST = (
    "served-model-name", "revision", "max-model-len", "nnodes", "tensor-parallel-size",
    "pipeline-parallel-size", "dtype", "quantization", "reasoning-parser",
)  # fmt: skip
"""Flags before the recommended ones. All other flags with a key come after them. The order never
changes, since another text of the command would roll replicas."""

T = typing.TypeVar("T")


def command(
    wanted: spec.Spec, facts: catalog.ModelFacts | None, families: Collection[str]
) -> tuple[str, ...]:
    """Return `vllm serve MODEL` and its flags, one string a flag, quoted for a shell."""
    all_flags = flags(wanted, facts, families)
    lines = [_line(name, value) for name, value in all_flags.items()]
    return (f"vllm serve {shlex.quote(wanted.model)}", *lines)


def flags(
    wanted: spec.Spec, facts: catalog.ModelFacts | None, families: Collection[str]
) -> dict[str, object]:
    """Return the flags and their values.

    The user's own flags come last and override the recommended ones.
    """
    flags: dict[str, object] = {
        "host": "0.0.0.0",  # noqa: S104  # SkyServe's load balancer asks from another machine
        "port": PORT,
        **dict.fromkeys(_FIRST),
        "max-model-len": context(wanted, facts),
    }
    if wanted.tools:
        # Without the second flag tool calls are lost, although the log says otherwise.
        flags["tool-call-parser"] = facts.tool_parser if facts else None
        flags["enable-auto-tool-choice"] = True
    if not families:
        flags["enforce-eager"] = True  # torch.compile is of no use on a CPU and takes a minute
    flags |= agreed(facts, families) | goals.flags(wanted) | given(wanted)
    flags["middleware"] = _middleware(wanted)
    return {name: value for name, value in flags.items() if value is not None}


def given(wanted: spec.Spec) -> dict[str, object]:
    """Return the flags that a stack writes, under keys of their own or in `vllmArgs`.

    A key is left out when its value is vLLM's default.
    """
    keyed: dict[str, object] = {}
    for flag, key in spec.mapping.FLAGS.items():
        value = spec.mapping.value(wanted, key)
        if value is not None and value != spec.mapping.KEYS[key].row.unless:
            keyed[flag] = _one_or_list(value)
    if wanted.tensor_parallel == "all":
        keyed["tensor-parallel-size"] = MACHINE_GPUS
    return keyed | model_flags.flags(wanted) | wanted.vllm_args


def _one_or_list(value: object) -> object:
    """Return a key's value as a flag has it: a list of one as its only word."""
    if not isinstance(value, tuple):
        return value
    return value[0] if len(value) == 1 else list(value)


def environment(
    wanted: spec.Spec, facts: catalog.ModelFacts | None, families: Collection[str]
) -> dict[str, str]:
    """Return the variables that vLLM reads; the user's env of the same name overrides them."""
    variables = _cpu(wanted, facts) if not families else _recommended(facts, families)[1]
    if wanted.model_cache is not None:
        variables["HF_HOME"] = wanted.model_cache
    return {name: value for name, value in variables.items() if name not in wanted.env}


def context(wanted: spec.Spec, facts: catalog.ModelFacts | None) -> int | None:
    """Return the tokens of one request; None leaves it to vLLM, which reads the model's own."""
    return wanted.context or (facts.max_positions if facts else None)


def agreed(facts: catalog.ModelFacts | None, families: Collection[str]) -> dict[str, object]:
    """Return the recommended flags that hold for every GPU family that a replica may get."""
    return _recommended(facts, families)[0]


def disputed(facts: catalog.ModelFacts | None, families: Collection[str]) -> tuple[str, ...]:
    """Return the flags that are recommended for only some of the families, and so not set."""
    every = {flag for family in families for flag in _flags_for(facts, family)}
    return tuple(sorted(every - agreed(facts, families).keys()))


def mistaken(flag: str, value: object) -> str | None:
    """Return what is wrong with a flag, according to the pinned release of vLLM.

    None when nothing is wrong.
    """
    known = catalog.flags()
    name = flag.partition(".")[0]
    if name.removeprefix("no-") in known.switches:
        good = isinstance(value, bool) or "." in flag
        return None if good else f"{flag} is on or off; write true or false"
    if value is False and name in known.flags and "." not in flag:
        return f"{flag} cannot be false; leave it out"
    if name in known.values and value not in known.values[name]:
        listed = f"`vllm serve --help={name}` lists them"
        hint = suggest.did_you_mean(str(value), known.values[name], listed)
        return f"vLLM {known.engine} has no {flag} {value}; {hint}"
    if name in known.flags:
        return ranges.wrong(flag, value)
    listed = "`vllm serve --help=all` lists them"
    hint = suggest.did_you_mean(name, known.flags | known.switches, listed)
    return f"vLLM {known.engine} has no flag {name}; {hint}"


def _middleware(wanted: spec.Spec) -> list[object]:
    """Return the layers around vLLM's server, outermost last (init_entrypoints_middleware)."""
    layers = wanted.vllm_args.get("middleware", [])
    effort = [EFFORT_MIDDLEWARE] if wanted.reasoning_effort else []
    return [*(layers if isinstance(layers, list) else [layers]), *effort, GUARD_MIDDLEWARE]


def _recommended(
    facts: catalog.ModelFacts | None, families: Collection[str]
) -> tuple[dict[str, object], dict[str, str]]:
    """Return the recommended flags and variables on which all families agree.

    The replicas of a service share one command.
    """
    flags = [_flags_for(facts, family) for family in sorted(families)]
    variables = [_variables_for(facts, family) for family in sorted(families)]
    return _common(flags), _common(variables)


def _common(tables: Sequence[Mapping[str, T]]) -> dict[str, T]:
    first, *rest = tables or [{}]
    return {k: v for k, v in first.items() if all(table.get(k) == v for table in rest)}


def _flags_for(facts: catalog.ModelFacts | None, family: str) -> dict[str, object]:
    recommended = facts.recommended if facts else ()
    return {
        k: v for recipe in recommended if family in recipe.families for k, v in recipe.flags.items()
    }


def _variables_for(facts: catalog.ModelFacts | None, family: str) -> dict[str, str]:
    recommended = facts.recommended if facts else ()
    return {
        k: v
        for recipe in recommended
        if family in recipe.families
        for k, v in recipe.environment.items()
    }


def _cpu(wanted: spec.Spec, facts: catalog.ModelFacts | None) -> dict[str, str]:
    """Return the variables for a machine without GPUs.

    By default vLLM takes half of its memory and pins threads.
    """
    return {
        "VLLM_CPU_KVCACHE_SPACE": str(cpu_cache_bytes(wanted, facts) // 2**30),
        "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    }


def cpu_cache_bytes(wanted: spec.Spec, facts: catalog.ModelFacts | None) -> int:
    """Return the bytes of the KV cache without a GPU.

    They are whole GiB, enough for one request of the full context.
    """
    tokens = context(wanted, facts)
    cache_bytes = facts.kv_bytes_per_token * tokens if facts and tokens else 0
    return max(1, math.ceil(cache_bytes / 2**30)) * 2**30


def _line(name: str, value: object) -> str:
    if name == "middleware" and isinstance(value, list):  # vLLM takes one a flag
        return " ".join(_line(name, layer) for layer in value)
    if value is MACHINE_GPUS:  # only the machine knows which of the alternatives it is
        return f'--{name} "{MACHINE_GPUS}"'
    return shlex.join(_flag(name, value))


def _flag(name: str, value: object) -> list[str]:
    """Return one flag as `vllm serve` takes it."""
    if isinstance(value, bool):
        return [f"--{name}" if value else f"--no-{name}"]
    if isinstance(value, list):
        return [f"--{name}", *map(_text, value)]
    return [f"--{name}", _text(value)]


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
