"""Flags of earlier releases of vLLM that the pinned one has under another name."""

import json
import typing
from collections.abc import Iterator, Mapping

from . import remarks, shell
from .vllm_parser import Value

RENAMED: Mapping[str, tuple[str, str]] = {
    # vLLM's page features/context_extension
    "rope-scaling": ("hf-overrides", "rope_parameters"),
    "rope-theta": ("hf-overrides", "rope_parameters.rope_theta"),
    # vLLM's page features/structured_outputs
    "guided-decoding-backend": ("structured-outputs-config", "backend"),
}
"""The flag that a flag has become, and the part of its JSON."""

BESIDE = {"rope-theta": "rope-scaling"}
"""Flags that have become nothing without another: vLLM refuses rope_parameters without a rope_type
(transformers_utils/config.py, patch_rope_parameters_dict)."""

_KIND, _OLD_KIND = "rope_type", "type"


def current(flags: Mapping[str, Value]) -> tuple[dict[str, Value], list[remarks.Remark]]:
    """Return the flags under the names of the pinned release, and remarks on what has moved."""
    old = {
        flag: given
        for flag, given in flags.items()
        if flag in RENAMED and _is_known(given) and BESIDE.get(flag, flag) in flags
    }
    result = {flag: given for flag, given in flags.items() if flag not in old}
    for flag, given in old.items():
        name, path = RENAMED[flag]
        whole = _table(result.get(name, {}))
        if whole is None:
            result[flag] = given
            continue
        _put(whole, path.split("."), _parsed(flag, given))
        result[name] = whole
    return result, list(_remarks(old, result))


def _remarks(old: Mapping[str, Value], result: Mapping[str, Value]) -> Iterator[remarks.Remark]:
    for flag in old.keys() - result.keys():
        yield remarks.differs(f"flag {flag}", f"vllmArgs.{'.'.join(RENAMED[flag])} does this now")
    overrides = result.get("hf-overrides")
    rope = overrides.get("rope_parameters") if isinstance(overrides, dict) else None
    if "rope-scaling" in old and isinstance(rope, dict) and "rope_theta" not in rope:
        yield remarks.to_do(
            "flag rope-scaling",
            "write rope_theta of the model's config.json into vllmArgs.hf-overrides."
            "rope_parameters, which replaces the model's own",
        )


def _is_known(given: Value) -> bool:
    return isinstance(given, str | dict) and not (
        isinstance(given, str) and shell.is_computed(given)
    )


def _parsed(flag: str, given: Value) -> object:
    """Return the value of an earlier flag, in today's words."""
    table = _table(given)
    if flag != "rope-scaling" or table is None:
        try:
            return json.loads(str(given)) if isinstance(given, str) else given
        except ValueError:
            return shell.plain(str(given))
    return {_KIND if key == _OLD_KIND else key: value for key, value in table.items()}


def _table(given: Value) -> dict[str, typing.Any] | None:
    """Return the parts of a JSON option; None if it is none."""
    if isinstance(given, dict):
        return dict(given)
    try:
        parsed = json.loads(shell.plain(given)) if isinstance(given, str) else None
    except ValueError:
        return None
    return parsed if isinstance(parsed, dict) else None


def _put(table: dict[str, typing.Any], path: list[str], value: object) -> None:
    *above, last = path
    for key in above:
        table = table.setdefault(key, {})
    before = table.get(last)
    both = isinstance(before, dict) and isinstance(value, dict)
    table[last] = {**before, **value} if both else value  # type: ignore[dict-item]
