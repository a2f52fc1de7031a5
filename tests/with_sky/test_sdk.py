"""The adapter over the installed SkyPilot client, which asks a small API server."""

import typing

import pytest
import requests
import sky
from sky import exceptions
from sky.schemas.api import responses
from sky.serve import serve_state
from sky.server import common
from sky.utils import status_lib

from pulumi_skypilot import errors, skypilot
from pulumi_skypilot.skypilot import interface
from tests.with_sky import api_server

pytestmark = pytest.mark.filterwarnings("ignore")

CONTROLLER = "sky-serve-controller-12ab"


def service(name: str, **changes: object) -> dict[str, typing.Any]:
    return {
        "name": name,
        "status": serve_state.ServiceStatus.READY,
        "version": 1,
        "active_versions": [1],
        "hash": "h",
        "endpoint": "http://10.0.0.1:30001",
        "yaml_content": "run: x",
        "replica_info": [],
        **changes,
    }


def cluster(name: str, status: status_lib.ClusterStatus) -> responses.StatusResponse:
    return responses.StatusResponse(
        name=name,
        launched_at=5,
        status=status,
        autostop=-1,
        to_down=False,
        cluster_hash="h",
        cluster_ever_up=True,
        user_hash="u",
        user_name="u",
        workspace="default",
        is_managed=False,
        nodes=1,
    )


@pytest.mark.parametrize("passwords", [False, True])
def test_the_server_says_who_an_account_is(
    server: api_server.ApiServer, sdk: skypilot.Sdk, passwords: bool
) -> None:
    server.health = {**api_server.HEALTHY, "basic_auth_enabled": passwords}
    answer = sdk.server()
    assert (answer.url, answer.user, answer.workspace) == (server.url, "sa-1", "team")


def test_without_an_account_the_user_is_this_machines(
    server: api_server.ApiServer, sdk: skypilot.Sdk
) -> None:
    server.health = {**api_server.HEALTHY, "user": None}
    assert sdk.server().user == "abcd1234"


@pytest.mark.parametrize(
    "answer",
    [(401, {}), (200, {**api_server.HEALTHY, "user": None, "basic_auth_enabled": True})],
    ids=["behind a proxy", "with passwords"],
)
@pytest.mark.parametrize(("token", "says"), [(None, "asks for"), ("sky_canary", "refused")])
@pytest.mark.parametrize("call", ["server", "prices"])
def test_a_server_that_does_not_know_us_is_said(
    server: api_server.ApiServer,
    answer: tuple[int, dict[str, object]],
    token: str | None,
    says: str,
    call: str,
) -> None:
    """Report the refusal, also for prices: it was once taken for an empty catalogue."""
    server.health_status, server.health = answer
    sdk = skypilot.Sdk(skypilot.Connection(server.url, "team", token))
    with pytest.raises(errors.Denied, match=f"{says}.*PULUMI_SKYPILOT_TOKEN") as caught:
        _ = sdk.prices({}) if call == "prices" else sdk.server()
    assert "sky_canary" not in str(caught.value)


def test_where_no_controller_was_ever_started_there_is_no_service(
    server: api_server.ApiServer, sdk: skypilot.Sdk
) -> None:
    server.answers["/serve/status"] = exceptions.ClusterNotUpError("No live services.")
    assert sdk.services() == ()
    assert sdk.service("chat") is None


@pytest.mark.parametrize(
    "status", [status_lib.ClusterStatus.STOPPED, status_lib.ClusterStatus.INIT]
)
def test_a_controller_that_is_not_up_is_not_taken_for_no_service(
    server: api_server.ApiServer, sdk: skypilot.Sdk, status: status_lib.ClusterStatus
) -> None:
    server.answers["/serve/status"] = exceptions.ClusterNotUpError("not up", status)
    with pytest.raises(errors.Asleep, match=f"{status.value}.*sky start sky-serve-controller-"):
        sdk.service("chat")


def test_a_record_of_a_service_is_read(server: api_server.ApiServer, sdk: skypilot.Sdk) -> None:
    replica = {
        "replica_id": 1,
        "status": serve_state.ReplicaStatus.READY,
        "version": 1,
        "launched_at": 5,
        "infra": "aws/us-east-1",
        "handle": None,
    }
    server.answers["/serve/status"] = [service("chat", replica_info=[replica])]
    chat = sdk.service("chat")
    assert chat is not None
    assert (chat.status, chat.text) == ("READY", "run: x")
    assert [(item.status, item.launched) for item in chat.replicas] == [("READY", True)]


@pytest.mark.parametrize(("others", "ends"), [([], True), (["Prod-Chat"], False)])
def test_a_service_whose_name_differs_in_capital_letters_is_not_ended_too(
    server: api_server.ApiServer, sdk: skypilot.Sdk, others: list[str], ends: bool
) -> None:
    """Refuse it: SkyPilot looks for names by SQL's LIKE, which ignores case."""
    server.answers["/serve/status"] = [service(name) for name in ("prod-chat", *others)]
    if ends:
        sdk.down("prod-chat")
    else:
        with pytest.raises(errors.Failed, match="somebody else's service 'Prod-Chat'"):
            sdk.down("prod-chat")
    ended = [body["service_names"] for body in server.bodies("/serve/down")]
    assert ended == (["prod-chat"] if ends else [])


@pytest.mark.parametrize(
    ("status", "starts"), [("STOPPED", [CONTROLLER]), ("INIT", []), ("UP", [])]
)
def test_only_a_controller_that_has_stopped_is_started(
    server: api_server.ApiServer, sdk: skypilot.Sdk, status: str, starts: list[str]
) -> None:
    server.answers["/status"] = [
        cluster(name, status_lib.ClusterStatus[state])
        for name, state in ((CONTROLLER, status), ("chat", "STOPPED"))
    ]
    sdk.wake()
    assert [body["cluster_name"] for body in server.bodies("/start")] == starts


def test_a_server_of_another_version_is_named(
    server: api_server.ApiServer, sdk: skypilot.Sdk
) -> None:
    server.health_status = 400
    server.health = {"error": "version_mismatch", "message": "too old:\n0.9"}
    with pytest.raises(errors.Invalid, match=f"apiServer {server.url}: "):
        sdk.server()


def test_a_busy_server_has_longer_to_say_how_it_is(
    server: api_server.ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wait longer than the client, which tries three times 2.5 s and then gives up."""
    monkeypatch.setattr(common, "make_authenticated_request", common.make_authenticated_request)
    server.answers["/enabled_clouds"] = []
    timeouts: list[object] = []
    real = requests.Session.request

    def request(session: requests.Session, method: str, url: str, **options: typing.Any) -> object:
        if url.endswith("/api/health"):
            timeouts.append(options["timeout"])
        return real(session, method, url, **options)

    monkeypatch.setattr(requests.Session, "request", request)
    skypilot.Sdk(skypilot.Connection(server.url), patience_seconds=60).places()
    assert timeouts == [60]


def test_a_machine_is_told_by_one_question_with_its_incarnation_and_labels(
    server: api_server.ApiServer, sdk: skypilot.Sdk
) -> None:
    """Read all from one answer: a second one may miss the machine, which proves nothing."""
    row = {
        "name": "x-1",
        "cluster_hash": "h",
        "status": status_lib.ClusterStatus.UP,
        "launched_at": 5,
        "resources": sky.Resources(infra="aws/us-east-1", use_spot=True, labels={"a": "b"}),
        "duration": 100,
        "total_cost": 0.1,
    }
    server.answers["/cost_report"] = [
        row,
        {**row, "name": "x-2", "resources": None, "total_cost": 0.0},
        {**row, "name": "x-3", "status": None},
    ]
    assert sdk.machines() == (
        interface.Machine(
            "x-1", {"a": "b"}, "h", "UP", 5, hourly=3.6, infra="AWS (us-east-1)", spot=True
        ),
        interface.Machine("x-2", {}, "h", "UP", 5),
    )
