"""The port over the SDK: what its errors mean, and what it hides. No SkyPilot is imported."""

import json
import os
import pathlib
import socket
import sys
import tempfile
import threading
import time
import types

import pytest

from pulumi_skypilot import errors, skypilot
from pulumi_skypilot.skypilot import cluster_api, http_calls, interface, muted, sdk_calls

URL = "http://sky.test:46580"


def error(name: str, message: str, base: type[Exception] = Exception) -> Exception:
    made: Exception = type(name, (base,), {})(message)
    return made


@pytest.fixture
def sdk(monkeypatch):
    one = skypilot.Sdk(skypilot.Connection(URL))
    monkeypatch.setattr(one, "_sky", lambda: None)
    monkeypatch.setattr(http_calls, "health", lambda _url: "connection refused")
    return one


@pytest.mark.parametrize(
    ("raised", "meaning"),
    [
        (error("ApiServerConnectionError", "Could not connect", RuntimeError), errors.Unreachable),
        (error("NetworkError", "Network seems down"), errors.Unreachable),
        (error("ClusterNotUpError", "the controller is stopped"), errors.Unreachable),
        (RuntimeError("Failed to fetch services"), errors.Unreachable),
        (
            RuntimeError("Failed to refresh services status due to network error."),
            errors.Unreachable,
        ),
        (error("ApiServerAuthenticationError", "log in", RuntimeError), errors.Denied),
        (error("HTTPError", "401 Client Error: Unauthorized for url"), errors.Denied),
        (
            error("ResourcesUnavailableError", "Task requires gcp which is not enabled."),
            errors.Denied,
        ),
        (error("ResourcesUnavailableError", "Failed to provision"), errors.NoCapacity),
        (error("ClusterDoesNotExist", "Cluster 'x' does not exist.", ValueError), errors.NotFound),
        (RuntimeError("Cannot find service 'x'."), errors.NotFound),
        (RuntimeError("Failed to wait for service initialization. Please"), errors.NotStarted),
        (error("InvalidClusterNameError", "bad name"), errors.Invalid),
        (error("InvalidSkyPilotConfigError", "unknown field", ValueError), errors.Invalid),
        (RuntimeError("something else"), errors.Failed),
    ],
)
def test_an_error_of_the_sdk_has_one_meaning(sdk, raised, meaning):
    def call(_sky):
        raise raised

    with pytest.raises(errors.SkyPilotError) as caught:
        sdk._ask(call, seconds=10)
    assert type(caught.value) is meaning
    assert "\n" not in str(caught.value)


def test_unreachable_names_the_server_and_the_way_out(sdk):
    def call(_sky):
        raise error("ApiServerConnectionError", "no", RuntimeError)

    with pytest.raises(errors.Unreachable, match=f"apiServer {URL}: .*sky api start"):
        sdk._ask(call, seconds=10)


@pytest.mark.parametrize(
    ("host", "path", "way_out"),
    [
        ("raw.githubusercontent.com", "/skypilot-org/skypilot-catalog/vms.csv", "instanceType"),
        ("localhost", "/controller/get_replicas", "run the same command again"),
    ],
)
def test_another_host_that_is_out_of_reach_is_not_taken_for_the_server(sdk, host, path, way_out):
    def call(_sky):
        raise error(
            "ConnectionError",
            f"HTTPSConnectionPool(host='{host}', port=443): Max retries exceeded with url: {path} "
            "(Caused by NameResolutionError('[Errno -2] Name or service not known'))",
            OSError,
        )

    with pytest.raises(errors.Unreachable) as caught:
        sdk._ask(call, seconds=10)
    told = f"apiServer {URL}: {host} cannot be reached ([Errno -2] Name or service not known); "
    assert str(caught.value).startswith(told)
    assert way_out in str(caught.value)


def answering(monkeypatch, token, status="healthy", **health):
    """A port whose server's health is this."""
    info = types.SimpleNamespace(version="0.14.1", **{"user": None} | health)
    info.basic_auth_enabled = health.get("basic_auth_enabled", False)
    common = types.SimpleNamespace(
        check_server_healthy=lambda _url: (types.SimpleNamespace(value=status), info)
    )
    utils = types.SimpleNamespace(common_utils=types.SimpleNamespace(get_user_hash=lambda: "me"))
    sky = types.SimpleNamespace(server=types.SimpleNamespace(common=common), utils=utils)
    one = skypilot.Sdk(skypilot.Connection(URL, "team", token))
    monkeypatch.setattr(one, "_sky", lambda: sky)
    monkeypatch.setattr(http_calls, "refusal", lambda _url, _token: "")
    return one


@pytest.mark.parametrize(
    "health",
    [{"status": "needs_auth"}, {"basic_auth_enabled": True}],
    ids=["behind a proxy", "with passwords"],
)
@pytest.mark.parametrize(("token", "says"), [(None, "asks for"), ("sky_canary", "refused")])
def test_a_server_that_does_not_know_us_is_said(monkeypatch, token, says, health):
    sdk = answering(monkeypatch, token, **health)
    with pytest.raises(errors.Denied, match=f"{says}.*PULUMI_SKYPILOT_TOKEN") as caught:
        sdk.server()
    assert "sky_canary" not in str(caught.value)


def test_with_an_account_the_user_is_the_server_s_and_else_this_machine_s(monkeypatch):
    known = answering(monkeypatch, "sky_t", user={"id": "sa-1"}, basic_auth_enabled=True).server()
    assert (known.user, known.workspace) == ("sa-1", "team")
    assert answering(monkeypatch, None).server().user == "me"


def test_a_server_of_another_version_is_named(sdk):
    def call(_sky):
        raise error("APIVersionMismatchError", "too old:\n0.9", RuntimeError)

    with pytest.raises(errors.Invalid, match=f"apiServer {URL}: too old: 0.9"):
        sdk._ask(call, seconds=10)


class NotUp(Exception):
    """As sky.exceptions.ClusterNotUpError."""

    def __init__(self, status):
        super().__init__("No live services.")
        self.cluster_status = status and types.SimpleNamespace(value=status)


@pytest.fixture
def controller(monkeypatch):
    """A port whose SkyServe has its controller on a machine in a given state, and its starts."""

    def make(status):
        def no_status(_names):
            raise NotUp(status)

        started: list[str] = []
        clusters = [("sky-serve-controller-12ab", status), ("chat", "STOPPED")]
        records = [
            {"name": name, "status": types.SimpleNamespace(value=one)} for name, one in clusters
        ]
        prefix = types.SimpleNamespace(SKY_SERVE_CONTROLLER_PREFIX="sky-serve-controller-")
        sky = types.SimpleNamespace(
            exceptions=types.SimpleNamespace(ClusterNotUpError=NotUp),
            serve=types.SimpleNamespace(status=no_status),
            utils=types.SimpleNamespace(common=prefix),
            get=lambda request: request,
            status=lambda **_: records,
            start=started.append,
        )
        one = skypilot.Sdk(skypilot.Connection(URL))
        monkeypatch.setattr(one, "_sky", lambda: sky)
        return one, started

    return make


def test_where_no_controller_was_ever_started_there_is_no_service(controller):
    sdk, _ = controller(None)
    assert sdk.services() == ()
    assert sdk.service("chat") is None


@pytest.mark.parametrize("status", ["STOPPED", "INIT"])
def test_a_controller_that_is_not_up_is_not_taken_for_no_service(controller, status):
    sdk, _ = controller(status)
    with pytest.raises(errors.Asleep, match=f"{status}.*sky start sky-serve-controller-"):
        sdk.service("chat")


@pytest.mark.parametrize(
    ("status", "starts"), [("STOPPED", ["sky-serve-controller-12ab"]), ("INIT", []), ("UP", [])]
)
def test_only_a_controller_that_has_stopped_is_started(controller, status, starts):
    sdk, started = controller(status)
    sdk.wake()
    assert started == starts


def test_a_call_without_an_answer_is_bounded(sdk):
    with pytest.raises(errors.TimedOut, match="no answer"):
        sdk._ask(lambda _sky: time.sleep(0.2), seconds=0.01)


def test_what_the_sdk_prints_is_swallowed_and_what_others_print_is_not(sdk, capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdout", sys.stdout)
    monkeypatch.setattr(sys, "stderr", sys.stderr)
    muted.Quiet.install()
    sdk._ask(lambda _sky: sys.stdout.write("Considered resources"), seconds=10)
    sys.stdout.write("ours")
    assert capsys.readouterr().out == "ours"


def test_an_error_of_skypilot_leaves_this_process_its_tracebacks(sdk, monkeypatch):
    def fails(_sky):
        sys.tracebacklimit = 0  # as print_exception_no_traceback does, and does not undo
        raise RuntimeError("no")

    with pytest.raises(errors.Failed, match="no"):
        sdk._ask(fails, seconds=10)
    assert not hasattr(sys, "tracebacklimit")
    monkeypatch.setattr(sys, "tracebacklimit", 5, raising=False)
    limited = skypilot.Sdk(sdk.connection)
    monkeypatch.setattr(limited, "_sky", lambda: None)
    with pytest.raises(errors.Failed, match="no"):
        limited._ask(fails, seconds=10)
    assert sys.tracebacklimit == 5


@pytest.mark.parametrize("in_memory", [True, False])
def test_the_token_goes_into_a_private_file_and_not_into_the_environment(
    monkeypatch, tmp_path, in_memory: bool
):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    if not in_memory:
        monkeypatch.delattr(os, "memfd_create")
    monkeypatch.setattr(os, "environ", {"SKYPILOT_DEBUG": "1", "SKYPILOT_USER_ID": "u", "A": "b"})
    monkeypatch.setattr(muted.Quiet, "install", lambda: None)
    sdk_calls._prepare(skypilot.Connection(URL, "team", "sky_canary"))
    assert "sky_canary" not in str(os.environ)
    # Each of these goes along with every request, and on to a controller's machine.
    assert {name for name in os.environ if name.startswith("SKYPILOT_")} == {
        "SKYPILOT_USER_ID",
        "SKYPILOT_GLOBAL_CONFIG",
        "SKYPILOT_PROJECT_CONFIG",
    }
    file = pathlib.Path(os.environ["SKYPILOT_GLOBAL_CONFIG"])
    assert file.stat().st_mode & 0o777 == 0o600
    assert json.loads(file.read_text()) == {
        "api_server": {"endpoint": URL, "service_account_token": "sky_canary"},
        "active_workspace": "team",
    }
    assert bool(list(tmp_path.rglob("*"))) is not in_memory


def test_a_connection_hides_its_token():
    assert "sky_canary" not in repr(skypilot.Connection(URL, None, "sky_canary"))


def test_the_authors_text_is_taken_and_not_the_normal_form_with_its_values():
    content = "secrets: {A: canary}\n_user_specified_yaml: |\n  secrets: {A: null}\n  # mark\n"
    assert skypilot.user_text(content) == "secrets: {A: null}\n# mark\n"
    assert skypilot.user_text(None) is None


def test_colours_and_line_breaks_are_cleaned():
    assert skypilot.clean("\x1b[33mCluster\n  gone\x1b[0m") == "Cluster gone"


TASK = "resources: {infra: aws, labels: {pulumi-stack: mark0001}}\nrun: echo prod-chat\n"


def payload(name: str, cluster: str | None = None, **body: object) -> types.SimpleNamespace:
    """A request as the server lists it."""
    text = json.dumps(body or None)
    return types.SimpleNamespace(request_id="r", name=name, cluster_name=cluster, request_body=text)


OURS = {"pulumi-stack": "mark0001"}


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (
            payload("sky.serve.up", "controller", service_name="prod-chat", task=TASK),
            interface.Request("r", "up", "prod-chat", OURS),
        ),
        (
            payload("sky.serve.update", "controller", service_name="prod-chat", task="run: x"),
            interface.Request("r", "update", "prod-chat", {}),
        ),
        (
            payload("sky.launch", "lab", cluster_name="lab", task="name: prod-chat\n---\n" + TASK),
            interface.Request("r", "launch", "lab", OURS),
        ),
        (
            payload(
                "sky.launch",
                "prod-chat-1",
                cluster_name="prod-chat-1",
                task=TASK,
                is_launched_by_sky_serve_controller=True,
            ),
            interface.Request("r", "replica", "prod-chat-1", OURS),
        ),
        # Another user's, which the server does not show.
        (payload("sky.launch", "lab"), interface.Request("r", "launch", "lab")),
        (payload("sky.serve.up", "controller"), interface.Request("r", "up", "")),
        # What merely names it, or what is no task.
        (
            payload("sky.launch", "lab", cluster_name="lab", task="run: echo prod-chat mark0001"),
            interface.Request("r", "launch", "lab", {}),
        ),
        (
            payload("sky.launch", "lab", cluster_name="lab", task="a: [b"),
            interface.Request("r", "launch", "lab"),
        ),
        (payload("sky.jobs.launch", "jobs", service_name="prod-chat", task=TASK), None),
        (payload("sky.status", None, cluster_names=["prod-chat"]), None),
    ],
)
def test_what_a_request_makes_is_read_from_its_own_fields(asked, told):
    assert cluster_api.request(asked) == told


def test_labels_are_those_of_every_choice_of_machines():
    text = """
resources:
  labels: {pulumi-stack: mark0001, team: a}
  any_of: [{infra: aws, labels: {pulumi-stack: mark0001}}, {labels: {pulumi-stack: other}}]
file_mounts: {labels: {labels: {pulumi-stack: mark0001}}}
"""
    asked = payload("sky.launch", "lab", cluster_name="lab", task=text)
    assert cluster_api.request(asked) == interface.Request("r", "launch", "lab", {})


def test_a_machine_is_told_by_one_question_with_its_incarnation_and_labels(monkeypatch):
    """What a second answer does not have says nothing of whose it is."""
    up = types.SimpleNamespace(value="UP")
    resources = types.SimpleNamespace(labels={"a": "b"})
    row = {"name": "x-1", "cluster_hash": "h", "status": up, "launched_at": 5}
    rows = [
        {**row, "resources": resources},
        {**row, "name": "x-2", "resources": None},
        {**row, "status": None, "resources": resources},
    ]
    sky = types.SimpleNamespace(get=lambda request: request, cost_report=lambda days: rows)
    sdk = skypilot.Sdk(skypilot.Connection(URL))
    monkeypatch.setattr(sdk, "_sky", lambda: sky)
    assert sdk.machines() == (
        interface.Machine("x-1", {"a": "b"}, "h", "UP", 5),
        interface.Machine("x-2", {}, "h", "UP", 5),
    )


@pytest.mark.parametrize(("others", "ends"), [([], True), (["Prod-Chat"], False)])
def test_a_service_whose_name_differs_in_capital_letters_is_not_ended_too(
    monkeypatch, others, ends
):
    """SkyPilot looks for names by SQL's LIKE."""
    ended: list[str] = []
    names = ["prod-chat", *others]
    rest: dict[str, object] = {
        "active_versions": [],
        "hash": "h",
        "endpoint": None,
        "yaml_content": "run: x",
    }
    records = [
        {"name": name, "status": "READY", "version": 1, "replica_info": [], **rest}
        for name in names
    ]
    serve = types.SimpleNamespace(
        status=lambda _names: records, down=lambda name, purge: ended.append(name)
    )
    sky = types.SimpleNamespace(
        get=lambda request: request,
        serve=serve,
        exceptions=types.SimpleNamespace(ClusterNotUpError=NotUp),
    )
    sdk = skypilot.Sdk(skypilot.Connection(URL))
    monkeypatch.setattr(sdk, "_sky", lambda: sky)
    if ends:
        sdk.down("prod-chat")
    else:
        with pytest.raises(errors.Failed, match="'Prod-Chat' too, somebody else's"):
            sdk.down("prod-chat")
    assert ended == (["prod-chat"] if ends else [])


def test_whether_something_listens_is_known_without_a_request() -> None:
    sdk = skypilot.Sdk(skypilot.Connection("http://127.0.0.1:9"))
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(5)
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        assert sdk.listens(url)
        with server.accept()[0] as connection:
            assert connection.recv(100) == b""
    assert not sdk.listens(url)


def test_prices_are_not_asked_of_a_server_that_does_not_know_us(sdk, monkeypatch):
    """Its refusal was taken for a catalogue without prices."""
    status = types.SimpleNamespace(value="needs_auth")
    info = types.SimpleNamespace(user=None, basic_auth_enabled=False)
    common = types.SimpleNamespace(check_server_healthy=lambda _url: (status, info))
    sky = types.SimpleNamespace(server=types.SimpleNamespace(common=common))
    monkeypatch.setattr(sdk, "_sky", lambda: sky)
    with pytest.raises(errors.Denied, match="it asks for a token"):
        sdk.prices({})


def test_prices_that_do_not_come_are_said_to_be_late(sdk, monkeypatch):
    never = threading.Event()
    monkeypatch.setattr(sdk, "_sky", never.wait)
    with pytest.raises(errors.TimedOut) as caught:
        sdk.prices({}, seconds=0.05)
    never.set()
    assert str(caught.value) == f"apiServer {URL}: did not answer within 0.05 s"


def test_a_busy_server_has_longer_to_say_how_it_is():
    """The SDK gives it three times 2.5 s, and then takes it for dead."""
    asked: list[tuple[str, object]] = []

    def request(_method: str, path: str, **options: object) -> None:
        asked.append((path, options["timeout"]))

    common = types.SimpleNamespace(make_authenticated_request=request)
    sdk_calls._be_patient(types.SimpleNamespace(server=types.SimpleNamespace(common=common)), 60)
    common.make_authenticated_request("GET", "/api/health", timeout=2.5)
    common.make_authenticated_request("GET", "/api/get", timeout=5)
    assert asked == [("/api/health", 60), ("/api/get", 5)]
