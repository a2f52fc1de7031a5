"""Pulumi's properties: which there are, and what is read of one by itself."""

import re
import typing
from collections.abc import Iterator, Mapping, Sequence

import pulumi
from pulumi import dynamic

from .. import errors, spec
from ..lifecycle import marker, operations
from ..spec import readers

Props = dict[str, typing.Any]

MARKED_SECRET = "secretProperties"  # noqa: S105 - the name of an input
"""The input by which a program names what is secret and would be shown, when there is such.

The engine hands a provider secrets as plain values: only the program can tell them.
"""
OPTIONS = ("upgrade", "adopt")
"""Inputs that are true or not there."""
OWN = (
    "name", "scope", "apiKey", "earlierKey", "plan", "changes", "drift", MARKED_SECRET, *OPTIONS,
)  # fmt: skip
"""Inputs that are not part of the spec."""
VALUES = spec.VALUES
"""They go on as they came, unknown and secret ones too."""
KEYS = ("earlierKey", "apiKey")
"""The valid API keys, the one that is handed out last."""
MAY_BE_UNKNOWN = (*VALUES, *KEYS, "scope")
COMPUTED = ("digest", "hash", "version", "endpoint", "task")

_NAME = re.compile(r"[\w.-]+")


def old_scope(props: Props) -> Mapping[str, typing.Any] | None:
    """The scope of a state; None when it does not say where, or whose, the resource is."""
    scope = props.get("scope")
    if not isinstance(scope, Mapping):
        return None
    return scope if all(isinstance(scope.get(key), str) for key in ("apiServer", "mark")) else None


def old_name(props: Props, id_: str) -> str:
    """The name of a remote object: what state says, or the id, which is the name too."""
    name = props.get("name")
    return name if isinstance(name, str) and _NAME.fullmatch(name) else id_


def old_seconds(props: Props, call: str) -> float | None:
    """A time-out that a state remembers; None where it has none that makes sense."""
    table = props.get("timeouts")
    seconds = table.get(call) if isinstance(table, Mapping) else None
    try:
        return None if seconds is None else readers.positive("seconds")(seconds)
    except errors.ValueRefused:
        return None


def drift(props: Props) -> Mapping[str, str]:
    """Return what a state says was changed outside the stack, by key."""
    value = props.get("drift") or {}
    if isinstance(value, Mapping):
        return value
    lines = value if isinstance(value, list) else [value]  # an earlier release wrote lines
    return {f"line {number}": str(line) for number, line in enumerate(lines, 1)}


def keys(props: Props) -> tuple[str, ...]:
    """The API keys that are valid; the last is the one that is handed out."""
    return tuple(props[key] for key in KEYS if props.get(key) is not None)


def computed(applied: marker.Applied, props: Props) -> Props:
    """What state is to remember beside the inputs."""
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


def read_result(id_: str, outs: Props, drift: Mapping[str, str]) -> dynamic.ReadResult:
    """Return what a read has found, with drift as an input that is to go."""
    outs = {key: value for key, value in outs.items() if key != "drift"}
    if not drift:
        return dynamic.ReadResult(id_, outs)
    outs["drift"] = dict(drift)
    if isinstance(outs.get("plan"), Mapping) and "task" in outs:
        outs["plan"] = {**outs["plan"], "task": outs["task"]}  # the next check compares with it
    inputs = {key: value for key, value in outs.items() if key not in COMPUTED}
    return dynamic.ReadResult(id_, outs, inputs)


def failure(key: str, reason: str) -> dynamic.CheckFailure:
    """A refusal; the engine shows the property's whole value with it, unless it has no name."""
    return dynamic.CheckFailure("" if key in (*VALUES, *KEYS) else key, reason)


def unfit(news: Props, may_be_unknown: Sequence[str]) -> Iterator[dynamic.CheckFailure]:
    """What no program may hand over: what is secret and would be shown, or must be known."""
    secret = news.pop(MARKED_SECRET, None) or ()
    for key in secret:
        yield dynamic.CheckFailure(  # unnamed: the engine would show the value
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
    """Whether a value, or one in it, comes from a resource that is not made yet."""
    if isinstance(value, pulumi.output.Unknown):
        return True
    if isinstance(value, Mapping):
        return any(has_unknown(item) for item in value.values())
    return isinstance(value, list) and any(has_unknown(item) for item in value)
