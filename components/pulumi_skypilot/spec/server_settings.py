"""The settings of a stack under `skypilot:`: the API server, the workspace, the token. Pure."""

import contextlib
import dataclasses
import re
import urllib.parse
from collections.abc import Iterator, Mapping

from ..catalog import suggest
from . import readers, values

NAMESPACE = "skypilot"
NAMES = ("apiServer", "deleteUnreachable", "serveHost", "token", "workspace")
"""The settings that this package reads there."""

_WORKSPACE = re.compile(r"[\w.:\[\]-]+", re.ASCII)


@dataclasses.dataclass(frozen=True)
class Server:
    """An API server from a stack's config. None stands for the default."""

    api_server: str | None = None
    workspace: str | None = None
    serve_host: str | None = None


DEFAULT = Server()
"""The server for a config that names none: the one on this machine."""


def read(settings: Mapping[str, values.Given]) -> Server:
    """Return the server in the settings under `skypilot:`. Encrypted settings are ignored."""
    known = {name: text for name, text in settings.items() if isinstance(text, str) and text}
    return Server(known.get("apiServer"), known.get("workspace"), known.get("serveHost"))


def mistakes(settings: Mapping[str, values.Given]) -> Iterator[str]:
    """Yield a line for each setting that is unknown or wrong."""
    yield from (_unknown(name) for name in settings if name not in NAMES)
    reasons = {
        "apiServer": no_address,
        "deleteUnreachable": _no_boolean,
        "serveHost": readers.no_host,
        "workspace": _no_workspace,
    }
    for name, reason_of in reasons.items():
        text = settings.get(name)
        reason = reason_of(text) if isinstance(text, str) else None
        if reason is not None:
            yield f"{NAMESPACE}:{name}: {reason}"


def no_address(url: object) -> str | None:
    """Return why a value is not the address of an API server; None when it may be."""
    with contextlib.suppress(ValueError):  # the port is not a number
        parts = urllib.parse.urlsplit(url if isinstance(url, str) else "")
        plain = str(url).isprintable() and " " not in str(url)
        if parts.scheme in ("http", "https") and parts.hostname and plain and parts.port != 0:
            return None
    return f"{readers.shown(url)} is not an address; write http://host:port or https://host"


def _no_workspace(name: str) -> str | None:
    if _WORKSPACE.fullmatch(name):
        return None
    return f"{readers.shown(name)} is not a name; write letters, digits and dashes, or leave it out"


def _no_boolean(text: str) -> str | None:
    return None if text in ("true", "false") else f"{readers.shown(text)} is neither true nor false"


def _unknown(name: str) -> str:
    known = suggest.did_you_mean(name, NAMES, ", ".join(NAMES))
    return f"{NAMESPACE}:{name}: unknown setting; {known}"
