"""The meaning of an exception of the SDK, by its name, its message and the call that raised it.

A class of Python's own means nothing: SkyPilot's server passes on a ValueError or a KeyError of its
own code as it is. After a read-only call, an error that has no class of SkyPilot's own means that
there is no answer.
"""

import builtins
import re
import urllib.parse

from .. import errors
from . import http_calls, kubernetes_refusals

_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")

_UNABLE = "Failed to fetch services|due to network error"
"""The words of a server that is overloaded, or cannot reach the clouds."""

_SLOW = "Failed to wait for service initialization"
"""SkyServe waits 60 s for a controller to start, and does not stop it then (sky/serve/constants.py,
SERVICE_REGISTER_TIMEOUT_SECONDS)."""

_CATALOG = "skypilot-catalog"
"""The host from which SkyPilot reads a cloud's list of machines (sky/skylet/constants.py,
HOSTED_CATALOG_DIR_URL)."""

_NO_CLOUD_KINDS = "NoCloudAccessError|InvalidCloudCredentials|CloudUserIdentity|CredentialsError"
_NO_CLOUD = r"which (is|are) not enabled\b|^No cloud access\b|due to invalid cloud credentials\b"
"""The words by which SkyPilot says that it has no access to a cloud (sky/optimizer.py,
_check_specified_clouds; sky/data/storage.py; sky/backends/cloud_vm_ray_backend.py)."""

_NO_ACCESS = (
    "infra: the API server reaches no cloud and no cluster that it has credentials for; "
    "`sky check` there tells why"
)

_Row = tuple[str, str, type[errors.SkyPilotError]]

# The first row whose exception and message match says what an error means. Names, not classes:
# the classes live in sky and requests, which are not imported until a call is made.
_OF_ANY_CALL: tuple[_Row, ...] = (
    ("", r"\((401|403)\) Reason: .*" + kubernetes_refusals.ANSWER, errors.Denied),
    (r"ApiServerAuthenticationError|PermissionDenied|NoWorkspaceAccess", "", errors.Denied),
    (r"HTTPError", r"\b(401|403)\b.*(Unauthorized|Forbidden|Client Error)", errors.Denied),
    (r"APIVersionMismatch|APINotSupported", "", errors.Invalid),
    (
        r"ApiServerConnection|RequestException|ConnectTimeout|ReadTimeout|ProxyError|JSONDecode"
        r"|HTTPError|\bValidationError|ChunkedEncoding",
        "",
        errors.Unreachable,
    ),
    ("", r"Failed to get request ID", errors.Unreachable),
    (r"ClusterDoesNotExist", "", errors.NotFound),
)

_INVALID = (
    # Resources of a task, and what the catalogue knows (sky/resources.py, sky/catalog/common.py).
    r"^Invalid (region|zone|\(region|instance type|image|volume|disk_tier|task name)"
    r"|^(Cannot infer cloud from|Ambiguous instance type|Image tag .* is not valid)"
    r"|does not have (enough|the requested|specified)|is not supported for instance type"
    r"|^No (enabled clouds? support|instance type .* found)|^The following labels are invalid"
    r"|^(The \"(cpus|memory)\" field|\"disk_size\"|Accelerator count|image_id|Image .* is larger)"
    # A service and its name (sky/serve/server/impl.py up, serve_utils.py validate_service_task).
    r"|^Service name .* is invalid|^(Resources|Service section) .*must|^Got multiple ports"
    r"|^`(use_ondemand_fallback|spot_placer)` is only supported"
)
"""The first words of a plain ValueError by which SkyPilot refuses a task."""

_OF_A_CHANGE: tuple[_Row, ...] = (
    ("", r"\b(401|403)\b.*(Unauthorized|Forbidden|Client Error)", errors.Denied),
    (_NO_CLOUD_KINDS, "", errors.Denied),
    ("", _NO_CLOUD, errors.Denied),
    (
        r"ConnectionError|NetworkError|ServerTemporarilyUnavailable|RequestInterrupted|ClusterNotUp"
        r"|ClusterStatusFetching",
        "",
        errors.Unreachable,
    ),
    ("", _UNABLE, errors.Unreachable),
    ("", r"Cannot find service|^Volume \S+ not found\.", errors.NotFound),
    ("", _SLOW, errors.NotStarted),
    (
        r"ResourcesUnavailable",
        r"Catalog does not contain|No (launchable )?resource",
        errors.Invalid,
    ),
    (r"ResourcesUnavailable", "", errors.NoCapacity),
    (
        r"ResourcesMismatch|InvalidClusterName|InvalidSkyPilotConfig|NotSupported|InvalidCloudConfigs"
        r"|RejectedByPolicy|StorageSpec",
        "",
        errors.Invalid,
    ),
    (r"ValueError", _INVALID, errors.Invalid),
    ("", "", errors.Failed),
)

_OF_A_LOOK: tuple[_Row, ...] = (("", "", errors.NoAnswer),)


def meaning(
    error: BaseException, url: str, token: str | None, *, look: bool = False
) -> errors.SkyPilotError:
    """Return the interface's error for an exception: one line that says what to do.

    `look` says that the call was read-only. The SDK does not say why a server cannot be used or
    refuses a token, so this asks the server.
    """
    if isinstance(error, errors.SkyPilotError):
        return error
    kinds = " ".join(base.__name__ for base in type(error).__mro__)
    text = clean(str(error)) or type(error).__name__
    rows = (*_OF_ANY_CALL, *(_OF_A_LOOK if look else _OF_A_CHANGE))
    error_class = next(
        cls
        for kind, message, cls in rows
        if re.search(kind, kinds) and re.search(message, text, re.IGNORECASE)
    )
    refusal = kubernetes_refusals.message(text)
    if refusal and error_class is not errors.NoCapacity:
        text = kubernetes_refusals.told(refusal, text)
    elif issubclass(error_class, errors.Unreachable) and (other := _other_host(text, url)):
        # Either the server or this machine cannot reach it: the SDK's error is the same.
        text = f"apiServer {url}: {other} cannot be reached ({_reason(text)}); {_way_out(text)}"
    elif error_class is errors.NoAnswer:
        reason = _named(error, text)
        text = f"apiServer {url}: it could not answer ({reason}); run the same command again"
    elif re.search(_SLOW, text):
        text = (
            "SkyServe's controller of it has not started in time: the API server is busy, or has "
            "as many services as its memory allows"
        )
    elif error_class is errors.Unreachable and re.search(_UNABLE, text):
        text = f"apiServer {url}: it could not answer ({text[:120]}); run the same command again"
    elif error_class is errors.Unreachable:
        reason = http_calls.health(url) if "Could not connect" in text else _reason(text)
        text = (
            f"apiServer {url}: no SkyPilot API server answers there ({reason}); "
            "start it (sky api start) or set skypilot:apiServer"
        )
    elif re.search(r"PermissionDenied|NoWorkspaceAccess", kinds):
        text = (
            f"apiServer {url}: this account may not do that ({text[:200]}); set "
            "PULUMI_SKYPILOT_TOKEN to the token of one that may"
        )
    elif "NoCloudAccessError" in kinds:
        text = _NO_ACCESS
    elif error_class is errors.Denied and not (
        re.search(_NO_CLOUD_KINDS, kinds) or re.search(_NO_CLOUD, text, re.IGNORECASE)
    ):
        text = denied(url, token)
    elif "APIVersionMismatch" in kinds:
        text = f"apiServer {url}: {text}"
    return error_class(text)


def denied(url: str, token: str | None) -> str:
    """Return the message for a server that does not accept the caller's identity."""
    refusal = "it asks for a token"
    if token:
        reason = http_calls.refusal(url, token) or "it is wrong, expired or revoked"
        refusal = f"the token is refused ({reason})"
    return (
        f"apiServer {url}: {refusal}; set PULUMI_SKYPILOT_TOKEN to a service account's token, "
        "or the secret skypilot:token (refresh and destroy see a new one only with --run-program)"
    )


def clean(text: str) -> str:
    """Return a text as one line without colours: Pulumi shows nothing else well."""
    return " ".join(_ANSI.sub("", text).split())


def _named(error: BaseException, text: str) -> str:
    """Return an error's text, after its class if that is Python's own: `KeyError: 'version'`."""
    name = type(error).__name__
    return (text if text == name or not hasattr(builtins, name) else f"{name}: {text}")[:160]


def _other_host(text: str, url: str) -> str | None:
    """Return the host that could not be reached, if it is not the API server's; else None."""
    match = re.search(r"host='([^']+)'", text)
    return match[1] if match and match[1] != urllib.parse.urlsplit(url).hostname else None


def _way_out(text: str) -> str:
    if _CATALOG not in text:
        return "run the same command again"
    return (
        "SkyPilot reads its list of a cloud's machines there, on this machine too where "
        "instanceType is set: make it reachable, or set accelerators, cpus and memory instead"
    )


def _reason(text: str) -> str:
    """Return the reason in a text of requests, without the addresses of its objects."""
    match = re.search(r"\[Errno [-\d]+\] [^'\")]+|timed out|\d{3} \w+ Error: \w+", text)
    return match[0] if match else text[:120]
