"""Ask an endpoint whether the model answers there, and say what it does instead."""

import dataclasses
import http
import json

from .. import errors
from ..skypilot import interface
from . import masking

_SERVED = 3
"""The most served names that a message lists."""

_HELP = {
    403: "the server there refuses every client: check for a gateway or a firewall in front of it",
    404: "the server there has no OpenAI API at this path: check which program listens there",
    502: "a proxy listens there and does not reach the server behind it",
    503: "a proxy or load balancer listens there and has no ready server",
    504: "a proxy listens there and gets no answer from the server behind it",
}
_OTHER = "check which program listens there"


class KeyRefused(errors.Failed):
    """The endpoint answers, but refuses the stack's key."""


@dataclasses.dataclass(frozen=True)
class Asked:
    """A question to an endpoint: whether it serves a model."""

    model: str
    api_key: str | None
    certificate: str | None = None
    """The certificate that it must present, in PEM."""
    adapters: tuple[str, ...] = ()
    """The names under which it must serve adapters, too."""
    check_host: bool = True
    """Whether the certificate must name the endpoint's host."""
    way_in: str = "make it reachable from here"
    """What to do when it cannot be reached."""


def missing(sky: interface.SkyPilot, address: str, asked: Asked) -> str | None:
    """Return None when the model answers at an address, else what happens instead and what to do.

    Every request carries the key. Raises KeyRefused, and Untrusted when the endpoint does not
    prove its identity.
    """
    url = f"{address}/health"
    try:
        status, body = _get(sky, url, asked)
        # A server that is not healthy answers 5xx. A 404 means nothing: not every gateway lets
        # this path through.
        if status < 500 and status != http.HTTPStatus.UNAUTHORIZED:
            url = f"{address}/v1/models"
            status, body = _get(sky, url, asked)
    except errors.Untrusted:
        raise
    except errors.SkyPilotError as error:
        return f"{masking.first_words(str(error), asked.api_key, most=300)}; {asked.way_in}"
    if status == http.HTTPStatus.UNAUTHORIZED:
        raise KeyRefused(_refused(address, asked))
    if status != http.HTTPStatus.OK:
        return f"{url} answers {_said(status, body, asked)}; {_HELP.get(status, _OTHER)}"
    names = _models(body)
    if names is None:
        return f"{url} answers {_said(status, body, asked)}, which is no list of models; {_OTHER}"
    absent = [name for name in asked.adapters if name not in names]
    if asked.model in names and absent:
        return (
            f"{url}: it serves {asked.model} without the adapter {', '.join(absent)}; look into "
            "its log, or check lora.adapters"
        )
    if asked.model in names:
        return None
    served = ", ".join(masking.first_words(name, asked.api_key) for name in names[:_SERVED])
    return (
        f"{url}: it serves {served or 'no model'}, not {asked.model}; another server has that "
        "address, or check servedName"
    )


def _get(sky: interface.SkyPilot, url: str, asked: Asked) -> tuple[int, str]:
    return sky.get(url, asked.api_key, asked.certificate, check_host=asked.check_host)


def _refused(address: str, asked: Asked) -> str:
    if asked.api_key is None:
        return f"{address}: it answers, but requires a key, and this stack has none (auth: none)"
    return (
        f"{address}: it answers, but refuses the API key of this stack; another server has that "
        "address, or one that was started with another key"
    )


def _said(status: int, body: str, asked: Asked) -> str:
    """Return the HTTP status, its name and the first words of the body."""
    try:
        name = f" {http.HTTPStatus(status).phrase}"
    except ValueError:
        name = ""
    words = masking.first_words(body, asked.api_key)
    return f"HTTP {status}{name}" + (f" ({words})" if words else "")


def _models(body: str) -> list[str] | None:
    """Return the names that are served; None when the body is no list of models."""
    try:
        return [str(entry["id"]) for entry in json.loads(body)["data"]]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
