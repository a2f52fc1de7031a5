"""The meaning of Python's own errors, which SkyPilot's client raises too."""

import pytest

from pulumi_skypilot import errors, skypilot
from pulumi_skypilot.skypilot import translation

URL = "http://sky.test:46580"


@pytest.mark.parametrize(
    ("said", "meaning"),
    [
        ("Failed to fetch services", errors.Unreachable),
        ("Failed to refresh services status due to network error.", errors.Unreachable),
        ("Cannot find service 'x'.", errors.NotFound),
        ("Failed to wait for service initialization. Please", errors.NotStarted),
        ("something else", errors.Failed),
        # The word alone says nothing.
        ("Failed to sync credentials.db: No space left on device", errors.Failed),
    ],
)
def test_an_error_of_pythons_own_is_told_by_its_words(said, meaning):
    error = translation.meaning(RuntimeError(said), URL, None)
    assert type(error) is meaning
    assert "\n" not in str(error)


@pytest.mark.parametrize("look", [True, False])
@pytest.mark.parametrize(
    ("code", "message", "says"),
    [
        (401, "Unauthorized", "kubeconfig (Unauthorized); renew them there"),
        (
            403,
            r"services is forbidden: User \"sky\" cannot list resource",
            "(services is forbidden: User 'sky' cannot list resource); give SkyPilot's account",
        ),
        (
            403,
            "pods is forbidden: no such policy",
            "refuses it (pods is forbidden: no such policy)",
        ),
    ],
)
def test_what_a_kubernetes_refuses_is_no_matter_of_the_api_servers_token(
    code: int, message: str, says: str, look: bool
) -> None:
    error = RuntimeError(
        f"({code})\nReason: Some\nHTTP response headers: HTTPHeaderDict({{}})\nHTTP response body: "
        f'{{"kind":"Status","status":"Failure","message":"{message}","code":{code}}}\n'
    )
    told = translation.meaning(error, URL, None, look=look)
    assert type(told) is errors.Denied
    assert says in str(told)
    assert "token" not in str(told)


def test_colours_and_line_breaks_are_cleaned():
    assert skypilot.clean("\x1b[33mCluster\n  gone\x1b[0m") == "Cluster gone"


def test_a_look_names_the_host_that_the_api_server_cannot_reach() -> None:
    error = RuntimeError(
        "HTTPSConnectionPool(host='10.0.0.2', port=6443): Max retries exceeded with url: /api/v1/"
        'namespaces/default/services/a (Caused by NewConnectionError("HTTPSConnection(host='
        "'10.0.0.2', port=6443): Failed to establish a new connection: [Errno 113] No route to "
        'host"))'
    )
    told = translation.meaning(error, URL, None, look=True)
    assert type(told) is errors.NoAnswer
    assert str(told) == (
        f"apiServer {URL}: 10.0.0.2 cannot be reached ([Errno 113] No route to host); run the "
        "same command again"
    )
