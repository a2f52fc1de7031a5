"""Pulumi's properties to typed values and back."""

import re
import typing
from collections.abc import Iterator, Mapping, Sequence

import pulumi
import yaml
from pulumi import dynamic

from .. import lifecycle, marker, port, reading, remembered, spec, task

Props = dict[str, typing.Any]

MARKED_SECRET = "secretProperties"  # noqa: S105 - the name of an input
"""The input by which a program names what is secret and would be shown, when there is such.

The engine hands a provider secrets as plain values: only the program can tell them.
"""
OPTIONS = ("upgrade", "adopt")
"""Inputs that are true or not there."""
OWN = ("name", "scope", "apiKey", "earlierKey", "plan", "drift", MARKED_SECRET, *OPTIONS)
"""Inputs that are not part of the spec."""
VALUES = spec.VALUES
"""They go on as they came, unknown and secret ones too."""
KEYS = ("earlierKey", "apiKey")
"""The valid API keys, the one that is handed out last."""
MAY_BE_UNKNOWN = (*VALUES, *KEYS, "scope")
COMPUTED = ("digest", "hash", "version", "endpoint", "task")

_NAME = re.compile(r"[\w.-]+")
_NOT_KNOWN = "not-known-yet"
"""Stands for a value that a plan only names."""


def typed(props: Props) -> spec.Spec:
    """The typed spec again: numbers arrive as doubles, and values may be unknown in a preview."""
    return spec.parse(_said(props))


def old(props: Props, kind: spec.Kind) -> remembered.Remembered:
    """The typed spec of a state, as far as this release can read it. Never fails."""
    return remembered.read(_said(props), kind)


def old_task(props: Props) -> dict[str, typing.Any]:
    """The task that a state has applied; empty when it cannot be read. Never fails."""
    try:
        return task.from_text(props["task"])
    except (KeyError, AttributeError, TypeError, yaml.YAMLError):
        return {}


def old_scope(props: Props) -> Mapping[str, typing.Any] | None:
    """The scope of a state; None when it does not say where, or whose, the resource is."""
    scope = props.get("scope")
    if not isinstance(scope, Mapping):
        return None
    return scope if all(isinstance(scope.get(key), str) for key in ("apiServer", "mark")) else None


def placed(olds: Props, news: Props) -> Props:
    """The state with a scope: where it has none that can be read it is the one of the inputs."""
    return olds if old_scope(olds) else {**olds, "scope": news["scope"]}


def old_name(props: Props, id_: str) -> str:
    """The name of a remote object: what state says, or the id, which is the name too."""
    name = props.get("name")
    return name if isinstance(name, str) and _NAME.fullmatch(name) else id_


def old_seconds(props: Props, call: str) -> float | None:
    """A time-out that a state remembers; None where it has none that makes sense."""
    table = props.get("timeouts")
    seconds = table.get(call) if isinstance(table, Mapping) else None
    try:
        return None if seconds is None else reading.positive("seconds")(seconds)
    except reading.Wrong:
        return None


def _said(props: Props) -> dict[str, typing.Any]:
    """What of the properties is spec."""
    data = {
        key: value
        for key, value in props.items()
        if key not in (*OWN, *COMPUTED) and not key.startswith("__")
    }
    for key in VALUES:
        if isinstance(data.get(key), Mapping):
            data[key] = {k: _NOT_KNOWN if has_unknown(v) else v for k, v in data[key].items()}
    return data


def wanted(props: Props, one: spec.Spec, text: str) -> marker.Wanted:
    """What is to be, or was: the spec, the task's text, and the values that it only names."""
    env = props.get("env")
    return marker.Wanted(
        name=props["name"],
        mark=props["scope"]["mark"],
        text=text,
        env=dict(env) if isinstance(env, Mapping) else {},
        secrets=task.secrets(one, keys(props)),
        tls=port.Tls(one.tls.certificate, one.tls.key) if one.tls else None,
        blue_green=one.update_mode == "blue-green",
    )


def keys(props: Props) -> tuple[str, ...]:
    """The API keys that are valid; the last is the one that is handed out."""
    return tuple(props[key] for key in KEYS if props.get(key) is not None)


def applied(props: Props, id_: str) -> marker.Applied:
    """What state remembers.

    A task that cannot be read is an empty one. Raises Invalid when it does not say whose it is.
    """
    scope, digest, version = old_scope(props), props.get("digest"), props.get("version")
    if scope is None:
        raise port.Invalid(
            f"{id_}: its state does not say on which API server it is, or whose; `pulumi up` puts "
            "that right"
        )
    return marker.Applied(
        name=old_name(props, id_),
        mark=scope["mark"],
        text=props["task"] if old_task(props) else "{}",
        digest=digest if isinstance(digest, str) else "",
        hash=str(props.get("hash") or ""),
        version=int(version) if isinstance(version, int | float) else 0,
        endpoint=props.get("endpoint"),
    )


def computed(applied: marker.Applied, props: Props) -> Props:
    """What state is to remember beside the inputs."""
    scope = props["scope"]
    return {
        "task": applied.text,
        "digest": applied.digest,
        "hash": applied.hash,
        "version": applied.version,
        "endpoint": lifecycle.endpoint(
            applied.endpoint, scope["apiServer"], scope.get("serveHost")
        ),
    }


def read_result(id_: str, outs: Props, drift: Sequence[str]) -> dynamic.ReadResult:
    """What a read has found: drift is shown as an input that is to go."""
    outs = {key: value for key, value in outs.items() if key != "drift"}
    if not drift:
        return dynamic.ReadResult(id_, outs)
    outs["drift"] = list(drift)
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
