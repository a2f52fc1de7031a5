"""The token of the API server; no other module looks for it."""

import os
import typing
from collections.abc import Mapping

TOKEN_VARIABLE = "PULUMI_SKYPILOT_TOKEN"  # noqa: S105 - a name, not a token
SETTING = "skypilot:token"


def token(settings: Mapping[str, typing.Any]) -> str | None:
    """Return the token of the environment, else of a stack's config by full names; None for none.

    A value that is no text is encrypted and cannot be read here.
    """
    setting = settings.get(SETTING)
    return os.environ.get(TOKEN_VARIABLE) or (
        setting if isinstance(setting, str) and setting else None
    )


def has_token(settings: Mapping[str, typing.Any]) -> bool:
    """Return whether there is a token, readable or not.

    With a token, names are those of a service account.
    """
    return token(settings) is not None or bool(settings.get(SETTING))


def unread(settings: Mapping[str, typing.Any]) -> str | None:
    """Return a message about a token that cannot be read; None if there is no such token."""
    if token(settings) is not None or not has_token(settings):
        return None
    return (
        f"{SETTING}: it is encrypted, and only Pulumi can read it; set {TOKEN_VARIABLE} to the "
        "token to ask the API server"
    )
