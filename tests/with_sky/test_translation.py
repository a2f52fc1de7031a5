"""The meaning of the errors of the installed SkyPilot."""

import pytest
import requests
from sky import exceptions

from pulumi_skypilot import errors
from pulumi_skypilot.skypilot import http_calls, translation

URL = "http://sky.test:46580"


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_calls, "health", lambda _url: "connection refused")


@pytest.mark.parametrize(
    ("raised", "meaning"),
    [
        (exceptions.ApiServerConnectionError(URL), errors.Unreachable),
        (exceptions.NetworkError("Network seems down"), errors.Unreachable),
        (exceptions.ClusterNotUpError("the controller is stopped"), errors.Unreachable),
        (exceptions.ServerTemporarilyUnavailableError("it restarts"), errors.Unreachable),
        (exceptions.RequestInterruptedError("it restarts"), errors.Unreachable),
        (exceptions.ApiServerAuthenticationError(URL), errors.Denied),
        (exceptions.PermissionDeniedError("no"), errors.Denied),
        (requests.HTTPError("401 Client Error: Unauthorized for url"), errors.Denied),
        (
            exceptions.ResourcesUnavailableError("Task requires gcp which is not enabled."),
            errors.Denied,
        ),
        (
            exceptions.ResourcesUnavailableError(
                "Failed to provision on cloud AWS due to invalid cloud credentials: expired"
            ),
            errors.Denied,
        ),
        (
            exceptions.NoCloudAccessError("Cloud access is not set up. Run: sky check"),
            errors.Denied,
        ),
        (exceptions.CloudUserIdentityError("Failed to get AWS user."), errors.Denied),
        (exceptions.ResourcesUnavailableError("quota; see credentials"), errors.NoCapacity),
        (exceptions.ResourcesUnavailableError("TPU API is not enabled here"), errors.NoCapacity),
        (exceptions.ResourcesUnavailableError("Failed to provision"), errors.NoCapacity),
        (exceptions.ClusterDoesNotExist("Cluster 'x' does not exist."), errors.NotFound),
        (exceptions.InvalidClusterNameError("bad name"), errors.Invalid),
        (exceptions.InvalidSkyPilotConfigError("unknown field"), errors.Invalid),
        (exceptions.APIVersionMismatchError("too old:\n0.9"), errors.Invalid),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else type(value).__name__,
)
def test_an_error_of_skypilots_has_one_meaning(
    raised: Exception, meaning: type[errors.SkyPilotError]
) -> None:
    error = translation.meaning(raised, URL, None)
    assert type(error) is meaning
    assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("raised", "message"),
    [
        (
            exceptions.NoCloudAccessError("Cloud access is not set up. Run: sky check"),
            "infra: the API server reaches no cloud and no cluster that it has credentials for; "
            "`sky check` there tells why",
        ),
        (
            exceptions.ResourcesUnavailableError("Task requires gcp which is not enabled."),
            "Task requires gcp which is not enabled.",
        ),
    ],
    ids=["no cloud at all", "not that one"],
)
def test_a_cloud_that_denies_is_not_taken_for_the_server(raised: Exception, message: str) -> None:
    assert str(translation.meaning(raised, URL, None)) == message


def test_unreachable_names_the_server_and_the_way_out() -> None:
    message = str(translation.meaning(exceptions.ApiServerConnectionError(URL), URL, None))
    assert message == (
        f"apiServer {URL}: no SkyPilot API server answers there (connection refused); "
        "start it (sky api start) or set skypilot:apiServer"
    )


def test_a_server_of_another_version_is_named() -> None:
    error = exceptions.APIVersionMismatchError("too old:\n0.9")
    assert str(translation.meaning(error, URL, None)) == f"apiServer {URL}: too old: 0.9"


@pytest.mark.parametrize(
    ("host", "path", "way_out"),
    [
        ("raw.githubusercontent.com", "/skypilot-org/skypilot-catalog/vms.csv", "instanceType"),
        ("localhost", "/controller/get_replicas", "run the same command again"),
    ],
)
def test_another_host_that_is_out_of_reach_is_not_taken_for_the_server(
    host: str, path: str, way_out: str
) -> None:
    raised = requests.ConnectionError(
        f"HTTPSConnectionPool(host='{host}', port=443): Max retries exceeded with url: {path} "
        "(Caused by NameResolutionError('[Errno -2] Name or service not known'))"
    )
    error = translation.meaning(raised, URL, None)
    assert type(error) is errors.Unreachable
    assert str(error).startswith(
        f"apiServer {URL}: {host} cannot be reached ([Errno -2] Name or service not known); "
    )
    assert way_out in str(error)
