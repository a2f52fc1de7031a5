"""HTTP calls to a service, as its clients make them, and to an API server that fails."""

import contextlib
import http.client
import json
import socket
import ssl
import urllib.error
import urllib.parse
import urllib.request

from .. import errors
from . import bounds

TIMEOUT_SECONDS = 10.0
HEALTH_SECONDS = 3.0
_READ_BYTES = 65536
_OTHER_NAME = (62, 64)
"""X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH (openssl/x509_vfy.h)."""


def listens(url: str) -> bool:
    """Return whether something takes connections at the host and port of a URL."""
    try:
        parts = urllib.parse.urlsplit(url)
        port_number = parts.port or (443 if parts.scheme == "https" else 80)
        seconds = bounds.at_most(TIMEOUT_SECONDS)
        socket.create_connection((parts.hostname or "", port_number), seconds).close()
    except (OSError, ValueError):  # a ValueError: the listed endpoint is no address (yet)
        return False
    return True


def get(
    url: str, api_key: str | None, certificate: str | None, *, check_host: bool
) -> tuple[int, str]:
    """Return the HTTP status and the body, also of an error. Raises Untrusted, Unreachable."""
    headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
    try:
        request = urllib.request.Request(url, headers=headers)  # noqa: S310 - the service's own URL
        with urllib.request.urlopen(  # noqa: S310
            request,
            timeout=bounds.at_most(TIMEOUT_SECONDS),
            context=context(certificate, check_host),
        ) as answer:
            return answer.status, answer.read(_READ_BYTES).decode(errors="replace")
    except urllib.error.HTTPError as error:
        with error:
            return error.code, _body(error)
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        if isinstance(reason, ssl.SSLCertVerificationError):
            raise errors.Untrusted(
                f"{url}: {reason.verify_message}", name_only=reason.verify_code in _OTHER_NAME
            ) from error
        raise errors.Unreachable(f"{url}: {_silence(reason)}") from error


def health(url: str) -> str:
    """Return what an API server that the SDK could not use answers, in a few words."""
    try:
        with urllib.request.urlopen(f"{url}/api/health", timeout=HEALTH_SECONDS) as answer:  # noqa: S310
            status = json.loads(answer.read(_READ_BYTES)).get("status")
    except urllib.error.HTTPError as error:
        with error:
            return f"HTTP {error.code}"
    except OSError as error:
        return _words(getattr(error, "reason", error))
    except (http.client.HTTPException, ValueError, AttributeError):
        return "something else does"
    return f"it says that it is {status}"


def refusal(url: str, token: str) -> str:
    """Return why an API server refuses a token; "" when it does not say, or accepts it.

    The SDK says only that a login is needed. Any route but health will do, since everybody may
    read that.
    """
    headers = {"Authorization": f"Bearer {token}"}
    request = urllib.request.Request(f"{url}/users/role", headers=headers)  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=HEALTH_SECONDS):  # noqa: S310
            return ""
    except urllib.error.HTTPError as error:
        with (
            error,
            contextlib.suppress(OSError, http.client.HTTPException, ValueError, AttributeError),
        ):
            return str(json.loads(error.read(_READ_BYTES)).get("detail") or "")[:200]
        return ""
    except (OSError, http.client.HTTPException):
        return ""


def _body(error: urllib.error.HTTPError) -> str:
    """Return the beginning of an error's body; "" when the connection breaks off."""
    with contextlib.suppress(OSError, http.client.HTTPException):
        return error.read(_READ_BYTES).decode(errors="replace")
    return ""


def _silence(reason: object) -> str:
    """Return why there was no readable answer, in a few words."""
    match reason:
        case TimeoutError():
            return f"no answer within {TIMEOUT_SECONDS:.0f} s"
        case ssl.SSLError():
            return f"no TLS connection ({str(reason.reason or reason).replace('_', ' ').lower()})"
        case http.client.RemoteDisconnected():
            return "it closes the connection without an answer"
        case http.client.InvalidURL() | ValueError():
            return "that is no address"
        case http.client.HTTPException():
            return "what it answers is no HTTP"
    return _words(reason)


def _words(reason: object) -> str:
    """Return the text of a network error, without its number."""
    return str(getattr(reason, "strerror", None) or reason).lower()


def context(certificate: str | None, check_host: bool) -> ssl.SSLContext | None:
    """Return a context that trusts only the given certificate; None without one."""
    if certificate is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=certificate)
    # The certificate is the server's own, whoever has signed it.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.check_hostname = check_host
    return context
