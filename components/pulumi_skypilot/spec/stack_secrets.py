"""The secrets that a deployment names by the keys of its stack's config: whether they are there.

A name that is wrong may be a secret that was written in its place: only what looks like a name is
shown. Pure.
"""

import functools
import re
import typing
from collections.abc import Callable, Iterator, Mapping

from .. import errors
from . import deployment, keys, pem, values

_NAME = re.compile(r"(?!hf_|sk-)[A-Za-z][A-Za-z0-9_-]{0,31}")
"""What may be shown of a name that no setting has."""


class Named(typing.NamedTuple):
    """A secret that a deployment names."""

    path: str
    """Where in its table."""
    name: object
    """Of the setting, without the namespace."""
    refusal: Callable[[str], str | None]
    """Returns what is wrong with a value, which it does not show."""


def named(table: Mapping[str, typing.Any]) -> Iterator[Named]:
    """Yield the secrets that a deployment's table names; what has the wrong shape names none."""
    secrets = table.get("secrets")
    if isinstance(secrets, Mapping):
        for variable, name in secrets.items():
            yield Named(f"secrets.{variable}", name, _anything)
    for key, parts in deployment.SECRETS.items():
        inner = table.get(key)
        if isinstance(inner, Mapping):
            for part in parts:
                if part in inner:
                    refusal = functools.partial(pem.wrong, part) if key == "tls" else _anything
                    yield Named(f"{key}.{part}", inner[part], refusal)
    if table.get("apiKey") is not None:
        try:
            names = keys.names(table["apiKey"])
        except errors.ValueRefused:  # which keys.problems tells
            names = ()
        for name in names:
            yield Named("apiKey", name, keys.wrong)


def problems(
    table: Mapping[str, typing.Any], namespace: str, settings: Mapping[str, object] | None
) -> Iterator[errors.Problem]:
    """Yield what is wrong with the secrets that a deployment names.

    Args:
        table: The deployment's.
        namespace: Of the settings.
        settings: By name, among them those; None where they may be elsewhere.

    """
    for path, name, refusal in named(table):
        key = path.partition(".")[0]
        if settings is None or not isinstance(name, str):  # which the spec refuses
            continue
        value = settings.get(name)
        if value is None:
            yield errors.Problem(key, f"{path}: {_missing(name, namespace)}")
        elif value is not values.UNKNOWN:
            reason = refusal(str(value))
            if reason is not None:
                yield errors.Problem(key, f"{path}: {reason}")


def _missing(name: str, namespace: str) -> str:
    shows = _NAME.fullmatch(name) is not None
    told = f"no {namespace}:{name}" if shows else "none of that name"
    return (
        f"it must name a secret of this stack's config, and there is {told}; add it with "
        f"`pulumi config set --secret {name if shows else 'NAME'}`"
    )


def _anything(_value: str) -> str | None:
    """Take any value."""
    return None
