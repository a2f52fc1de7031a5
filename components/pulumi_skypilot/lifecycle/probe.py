"""Ask an endpoint whether the model answers there, and say what it does instead."""

import dataclasses
import http
import json

from .. import errors
from ..skypilot import interface
from . import masking

_SERVED = 3
"""How many of the names that something serves are told."""

_HELP = {
    401: "what listens there wants another key",
    403: "what listens there lets nobody in: look for a gateway or a firewall in front of it",
    404: "what listens there is no OpenAI API: another program, or one behind another path",
    502: "what listens there is a proxy that does not reach the server behind it",
    503: "what listens there is a proxy or a load balancer that knows no server that is ready",
    504: "what listens there is a proxy whose server behind it does not answer",
}
_OTHER = "look what listens there"


class KeyRefused(errors.Failed):
    """Something answers, and does not take the stack's key."""


@dataclasses.dataclass(frozen=True)
class Asked:
    """What to ask of an endpoint."""

    model: str
    api_key: str | None
    certificate: str | None = None
    """What it is to prove itself by, in PEM."""
    check_host: bool = True
    """Whether the certificate must be made out to its name."""
    way_in: str = "let it be reached from here"
    """What helps where it cannot be reached."""


def missing(sky: interface.SkyPilot, address: str, asked: Asked) -> str | None:
    """Return None when the model answers at an address, else what it does instead, and what helps.

    Every request carries the key: only what refuses none is asked. Raises KeyRefused, and Untrusted
    when the endpoint does not prove itself.
    """
    url = f"{address}/health"
    try:
        status, body = _get(sky, url, asked)
        # A server that is ill says so. That there is no such path says nothing: not every gateway
        # lets it through.
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
    if asked.model in names:
        return None
    served = ", ".join(masking.first_words(name, asked.api_key) for name in names[:_SERVED])
    return (
        f"{url}: it serves {served or 'no model'}, not {asked.model}; another server has that "
        "address, or look at servedName"
    )


def _get(sky: interface.SkyPilot, url: str, asked: Asked) -> tuple[int, str]:
    return sky.get(url, asked.api_key, asked.certificate, check_host=asked.check_host)


def _refused(address: str, asked: Asked) -> str:
    if asked.api_key is None:
        return f"{address}: it answers, but wants a key, and this stack has none (auth: none)"
    return (
        f"{address}: it answers, but refuses the API key of this stack; another server has that "
        "address, or one that was started with another key"
    )


def _said(status: int, body: str, asked: Asked) -> str:
    """The HTTP status, its name and the first words of the body."""
    try:
        name = f" {http.HTTPStatus(status).phrase}"
    except ValueError:
        name = ""
    words = masking.first_words(body, asked.api_key)
    return f"HTTP {status}{name}" + (f" ({words})" if words else "")


def _models(body: str) -> list[str] | None:
    """The names that are served; None when this is no list of models."""
    try:
        return [str(entry["id"]) for entry in json.loads(body)["data"]]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
