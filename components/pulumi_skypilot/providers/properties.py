"""Pulumi's properties: their groups, and readers of single ones."""

import re
import typing
from collections.abc import Iterator, Mapping, Sequence

import pulumi

from .. import errors, spec
from ..lifecycle import marker, operations
from ..spec import readers
from . import results
from .results import Props

MARKED_SECRET = "secretProperties"  # noqa: S105 - the name of an input
"""The input that lists keys whose values are secret although previews show them.

The engine passes secrets to a provider as plain values: only the program can tell them.
"""
OPTIONS = ("upgrade", "adopt")
"""Inputs that are true or absent."""
OWN = (
    "name", "scope", "apiKey", "earlierKey", "plan", "changes", "drift", MARKED_SECRET, *OPTIONS,
)  # fmt: skip
"""Inputs that are not part of the spec."""
VALUES = spec.VALUES
"""Inputs that are passed on unchanged, also if unknown or secret."""
KEYS = ("earlierKey", "apiKey")
"""The valid API keys; clients receive the last."""
MAY_BE_UNKNOWN = (*VALUES, *KEYS, "scope")
COMPUTED = ("digest", "hash", "version", "endpoint", "task")

_NAME = re.compile(r"[\w.-]+")


def old_scope(props: Props) -> Mapping[str, typing.Any] | None:
    """Return the scope of a state; None if it lacks the API server or the mark."""
    scope = props.get("scope")
    if not isinstance(scope, Mapping):
        return None
    return scope if all(isinstance(scope.get(key), str) for key in ("apiServer", "mark")) else None


def old_name(props: Props, id_: str) -> str:
    """Return the name of a remote object from state, or its id, which equals the name."""
    name = props.get("name")
    return name if isinstance(name, str) and _NAME.fullmatch(name) else id_


def old_seconds(props: Props, call: str) -> float | None:
    """Return a time-out in state, in seconds; None if it is missing or invalid."""
    table = props.get("timeouts")
    seconds = table.get(call) if isinstance(table, Mapping) else None
    try:
        return None if seconds is None else readers.positive("seconds")(seconds)
    except errors.ValueRefused:
        return None


def drift(props: Props) -> Mapping[str, str]:
    """Return the changes outside the stack that a state records, by key."""
    value = props.get("drift") or {}
    if isinstance(value, Mapping):
        return value
    lines = value if isinstance(value, list) else [value]  # an earlier release wrote lines
    return {f"line {number}": str(line) for number, line in enumerate(lines, 1)}


def keys(props: Props) -> tuple[str, ...]:
    """Return the valid API keys; clients receive the last."""
    return tuple(props[key] for key in KEYS if props.get(key) is not None)


def computed(applied: marker.Applied, props: Props) -> Props:
    """Return the properties that state has beside the inputs."""
    scope = props["scope"]
    return {
        "task": applied.text,
        "digest": applied.digest,
        "hash": applied.hash,
        "version": applied.version,
        "endpoint": operations.endpoint(
            applied.endpoint, scope["apiServer"], scope.get("serveHost"), props.get("host")
        ),
    }


def read_result(id_: str, outs: Props, drift: Mapping[str, str]) -> results.Seen:
    """Return the result of a read, with drift as an input that the next update removes."""
    outs = {key: value for key, value in outs.items() if key != "drift"}
    if not drift:
        return results.Seen(id_, outs)
    outs["drift"] = dict(drift)
    if isinstance(outs.get("plan"), Mapping) and "task" in outs:
        outs["plan"] = {**outs["plan"], "task": outs["task"]}  # the next check compares with it
    inputs = {key: value for key, value in outs.items() if key not in COMPUTED}
    return results.Seen(id_, outs, inputs)


def failure(key: str, reason: str) -> results.Failure:
    """Return a refusal, without a property name if the engine must not show its value."""
    return results.Failure("" if key in (*VALUES, *KEYS) else key, reason)


def unfit(news: Props, may_be_unknown: Sequence[str]) -> Iterator[results.Failure]:
    """Yield refusals of secrets that would be shown, and of unknown values that must be known."""
    secret = news.pop(MARKED_SECRET, None) or ()
    for key in secret:
        yield results.Failure(  # unnamed: the engine would show the value
            "",
            f"{key}: it is a secret, and previews, logs and SkyPilot show it; if it may be read, "
            "pass pulumi.Output.unsecret(…) of it",
        )
    for key, value in news.items():
        if key in secret or not has_unknown(value):
            continue
        if key not in may_be_unknown:
            yield failure(
                key,
                f"{key}: it must be known at preview, and it comes from a resource that is not "
                "made yet; write it down, or make that resource first (pulumi up --target)",
            )
        elif key in VALUES and not isinstance(value, Mapping):
            yield failure(
                key,
                f"{key}: its names must be known at preview; write the table itself, in which "
                "values may be Outputs",
            )


def has_unknown(value: object) -> bool:
    """Return whether a value is, or contains, one of a resource that does not exist yet."""
    if isinstance(value, pulumi.output.Unknown):
        return True
    if isinstance(value, Mapping):
        return any(has_unknown(item) for item in value.values())
    return isinstance(value, list) and any(has_unknown(item) for item in value)
