"""A task that this package exported, and what it cannot say of its deployment.

The comment at its head says the rest: names of secrets in the config, and keys that no part of a
task holds. A task without the comment is read all the same.
"""

import copy
import json
import re
import typing
from collections.abc import Mapping, Sequence

from .... import errors, spec
from ....plan import task_scripts
from ....spec import stack
from .. import to_task
from . import options, remarks

Table = dict[str, typing.Any]

BEGINS = "# pulumi-skypilot: "
"""The beginning of the comment."""

WHOLE = (*stack.BESIDE_SPEC, "host", "optimize", "timeouts", "updateMode")
"""Keys of a deployment that a task has no place for."""

DERIVED = frozenset({
    "context", "disk", "dtype", "env", "kvCacheDtype", "loadBalancing", "maxBatchedTokens",
    "maxSequences", "quantization", "readinessProbe", "reasoningParser", "replicas", "vllmArgs",
})  # fmt: skip
"""Keys that an export says though nobody wrote them: defaults, and what a recipe recommends."""

_NAME = re.compile(r"(?!hf_|sk-)[A-Za-z][A-Za-z0-9_-]{0,31}")
"""A word that may name a setting. A user may have written a secret in its place."""

_SAID_OF_ALL = tuple(f"flag {flag}" for flag in options.RAY)
"""The places of remarks that hold of every deployment of several machines."""

A_KEY_IS_MADE = remarks.differs(
    f"secret {spec.API_KEYS}",
    "clients need a key, which is made for you; apiKey names a setting that holds another",
)


def comment(key: str, table: Mapping[str, typing.Any], volumes: Mapping[str, str]) -> str:
    """Return the comment of a deployment's task.

    Args:
        key: Its key in the stack.
        table: Its table.
        volumes: The names of the stack's volumes on the API server: key → name.

    """
    said: Table = {name: table[name] for name in WHOLE if name in table}
    for name in ("secrets", *spec.SECRETS):
        inner = table.get(name)
        parts = spec.SECRETS.get(name) or tuple(inner or ())
        if isinstance(inner, Mapping):
            said[name] = {part: inner[part] for part in parts if _is_name(inner.get(part))}
    keys = said.get("apiKey")
    if not all(map(_is_name, keys if isinstance(keys, list) else [keys])):
        said.pop("apiKey", None)
    names = {name: own for own, name in volumes.items()}
    text = json.dumps({"key": key, **{k: v for k, v in said.items() if v != {}},
                       **({"volumes": names} if names else {})})  # fmt: skip
    return f"{BEGINS}{text}\n"


def _is_name(value: object) -> bool:
    return isinstance(value, str) and _NAME.fullmatch(value) is not None


def beside(text: str) -> Table | None:
    """Return what the comment of an exported task says; None without one."""
    line = next((line for line in text.splitlines() if line.startswith(BEGINS)), None)
    try:
        said = json.loads(line.removeprefix(BEGINS)) if line else None
    except ValueError:
        return None
    return said if isinstance(said, dict) else None


def bare(content: Mapping[str, typing.Any]) -> Table:
    """Return an exported task without the lines of its scripts that every deployment has."""
    setup = task_scripts.own_setup(content.get("setup") or "")
    return {**content, "run": task_scripts.server_only(content["run"]), "setup": setup}


def completed(
    table: Table, told: Sequence[remarks.Remark], said: Mapping[str, typing.Any] | None
) -> list[remarks.Remark]:
    """Add to a deployment what the comment says; return the remarks that are still needed."""
    told = [remark for remark in told if remark.path not in _SAID_OF_ALL]
    if said is None:
        return told
    table |= {name: said[name] for name in WHOLE if name in said}
    named: dict[str, str] = {}
    for name in ("secrets", *spec.SECRETS):
        inner, names = table.get(name), said.get(name)
        if isinstance(inner, dict) and isinstance(names, Mapping):
            known = {part: names[part] for part in inner if part in names}
            named |= {inner[part]: name for part in known}
            inner |= known
    own = said.get("volumes")
    if isinstance(own, Mapping) and "volumes" in table:
        table["volumes"] = {p: own.get(name, name) for p, name in table["volumes"].items()}

    def is_known(remark: remarks.Remark) -> bool:
        setting = re.search(r"--secret (\S+)", remark.text)
        return remark == A_KEY_IS_MADE or bool(
            remark.kind == "to do" and setting and setting[1] in named
        )

    return [remark for remark in told if not is_known(remark)]


def shorten(table: Table, name: str) -> None:
    """Remove the keys without which the deployment makes the same task."""
    try:
        task = to_task.export(table, name)
    except errors.SpecError:
        return
    for key, value in list(table.items()):
        if key not in DERIVED:
            continue
        if _makes(task, {k: v for k, v in table.items() if k != key}, name):
            del table[key]
        elif isinstance(value, dict):
            for part in list(value):
                trial = copy.deepcopy(table)
                del trial[key][part]
                if _makes(task, trial, name):
                    del value[part]


def _makes(task: Table, table: Table, name: str) -> bool:
    try:
        return to_task.export(table, name) == task
    except errors.SpecError:
        return False
