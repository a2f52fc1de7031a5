"""Pulumi's properties to typed values and back."""

import typing
from collections.abc import Iterator, Mapping, Sequence

import pulumi
from pulumi import dynamic

from .. import lifecycle, marker, port, spec, task

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

_NOT_KNOWN = "not-known-yet"
"""Stands for a value that a plan only names."""


def typed(props: Props) -> spec.Spec:
    """The typed spec again: numbers arrive as doubles, and values may be unknown in a preview."""
    data = {
        key: value
        for key, value in props.items()
        if key not in (*OWN, *COMPUTED) and not key.startswith("__")
    }
    for key in VALUES:
        if isinstance(data.get(key), Mapping):
            data[key] = {k: _NOT_KNOWN if has_unknown(v) else v for k, v in data[key].items()}
    return spec.parse(data)


def remembered(olds: Props) -> tuple[spec.Spec, bool]:
    """The typed spec of a state, and whether all of it can be read.

    An earlier release may have taken what this one refuses; that must stop no change of it and no
    destroy. Raises SpecError when nothing of it makes sense.
    """
    try:
        return typed(olds), True
    except spec.SpecError as error:
        refused = {problem.property for problem in error.problems}
        return typed({key: value for key, value in olds.items() if key not in refused}), False


def wanted(props: Props, text: str) -> marker.Wanted:
    """What is to be, or was: the task's text, and the values that it only names."""
    one, _ = remembered(props)
    return marker.Wanted(
        name=props["name"],
        mark=props["scope"]["mark"],
        text=text,
        env=dict(props.get("env") or {}),
        secrets=task.secrets(one, keys(props)),
        tls=port.Tls(one.tls.certificate, one.tls.key) if one.tls else None,
        blue_green=one.update_mode == "blue-green",
    )


def keys(props: Props) -> tuple[str, ...]:
    """The API keys that are valid; the last is the one that is handed out."""
    return tuple(props[key] for key in KEYS if props.get(key) is not None)


def applied(props: Props) -> marker.Applied:
    """What state remembers."""
    return marker.Applied(
        name=props["name"],
        mark=props["scope"]["mark"],
        text=props["task"],
        digest=props["digest"],
        hash=props["hash"],
        version=int(props["version"]),
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
