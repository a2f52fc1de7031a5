"""Checks of the secrets that a deployment names by keys of its stack's config.

A user may have written a secret where its name belongs. So a message shows only what looks like a
name. Pure.
"""

import functools
import re
import typing
from collections.abc import Callable, Iterator, Mapping

from .. import errors
from . import deployment, keys, pem, values

_NAME = re.compile(r"(?!hf_|sk-)[A-Za-z][A-Za-z0-9_-]{0,31}")
"""A name that a message may show though no setting has it."""


class Named(typing.NamedTuple):
    """A secret that a deployment names."""

    path: str
    """Its path in the deployment's table."""
    name: object
    """The name of the setting, without the namespace."""
    refusal: Callable[[str], str | None]
    """A function that returns what is wrong with the secret's value, without showing it."""


def named(table: Mapping[str, typing.Any]) -> Iterator[Named]:
    """Yield the secrets that a deployment's table names. Parts of the wrong shape are skipped."""
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
        except errors.ValueRefused:  # keys.problems reports it
            names = ()
        for name in names:
            yield Named("apiKey", name, keys.wrong)


def problems(
    table: Mapping[str, typing.Any], namespace: str, settings: Mapping[str, object] | None
) -> Iterator[errors.Problem]:
    """Yield a problem for each secret that is missing or has a wrong value.

    Args:
        table: The deployment's table.
        namespace: The namespace of the settings.
        settings: The settings of that namespace, by name; None: do not look for secrets.

    """
    for path, name, refusal in named(table):
        key = path.partition(".")[0]
        if settings is None or not isinstance(name, str):  # the spec refuses it
            continue
        value = settings.get(name)
        if value is None:
            yield errors.Problem(key, f"{path}: {_missing(name, namespace)}")
        elif value is not values.UNKNOWN:
            reason = refusal(str(value))
            if reason is not None:
                yield errors.Problem(key, f"{path}: {reason}")


def encrypted(table: Mapping[str, typing.Any]) -> Iterator[errors.Problem]:
    """Yield a problem for each value that a stack file encrypts in a table, except in `env`."""
    for key, value in table.items():
        for path in () if key == "env" else _encrypted(key, value):
            yield errors.Problem(
                key,
                f"{path}: it is a secret, and previews, logs and SkyPilot show it; write it in "
                "plain text, or make it a value of env, or a setting that secrets names",
            )


def _encrypted(path: str, value: object) -> Iterator[str]:
    """Yield the paths of the encrypted values in a value."""
    if value is values.UNKNOWN:
        yield path
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _encrypted(f"{path}.{key}", inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _encrypted(path, inner)


def _missing(name: str, namespace: str) -> str:
    shows = _NAME.fullmatch(name) is not None
    missing = f"no {namespace}:{name}" if shows else "none of that name"
    return (
        f"it must name a secret of this stack's config, and there is {missing}; add it with "
        f"`pulumi config set --secret {name if shows else 'NAME'}`"
    )


def _anything(_value: str) -> str | None:
    """Return None: any value is accepted."""
    return None
