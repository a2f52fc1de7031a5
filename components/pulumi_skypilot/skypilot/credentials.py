"""Where the token of the API server is found: the one place that looks for it."""

import os
import typing
from collections.abc import Mapping

TOKEN_VARIABLE = "PULUMI_SKYPILOT_TOKEN"  # noqa: S105 - a name, not a token
SETTING = "skypilot:token"


def token(settings: Mapping[str, typing.Any]) -> str | None:
    """Return the token: of the environment, else of a stack's config by full names; None for none.

    A value that is no text is encrypted: it cannot be read here.
    """
    told = settings.get(SETTING)
    return os.environ.get(TOKEN_VARIABLE) or (told if isinstance(told, str) and told else None)


def has_token(settings: Mapping[str, typing.Any]) -> bool:
    """Whether there is a token, readable or not: with one, names are those of a service account."""
    return token(settings) is not None or bool(settings.get(SETTING))


def unread(settings: Mapping[str, typing.Any]) -> str | None:
    """Return the line about a token that is there and cannot be read; None for no such token."""
    if token(settings) is not None or not has_token(settings):
        return None
    return (
        f"{SETTING}: it is encrypted, and only Pulumi can read it; set {TOKEN_VARIABLE} to the "
        "token to ask the API server"
    )
