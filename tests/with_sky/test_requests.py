"""The signs of ownership, held to the installed SkyPilot: its requests, records and names."""

import dataclasses

import pytest
import sky
from sky import core, global_user_state
from sky.backends import cloud_vm_ray_backend
from sky.jobs import utils as jobs_utils
from sky.serve import serve_state, serve_utils
from sky.server.requests import payloads, request_names, requests
from sky.utils import dag_utils

from pulumi_skypilot import plan, skypilot, spec
from pulumi_skypilot.lifecycle import marker, ownership
from pulumi_skypilot.skypilot import interface, sdk_calls, sdk_private
from tests import wanted
from tests.skypilot import test_sdk_private
from tests.with_sky import api_server

pytestmark = pytest.mark.filterwarnings("ignore")

OURS = {marker.LABEL: wanted.MARK}


def text_of(order: interface.Order) -> str:
    """Return a task as the SDK sends it."""
    with sky.Dag() as dag:
        dag.add(sdk_calls.task(sky, order))
    return str(dag_utils.dump_dag_to_yaml_str(dag))


def listed(
    name: request_names.RequestName, body: payloads.RequestBody, cluster: str, caller: str | None
) -> interface.Request | None:
    """Return what the port makes of a request that `owner` has sent."""
    made = requests.Request(
        request_id="r",
        name=f"sky.{name.value}",
        entrypoint=listed,
        request_body=body,
        status=requests.RequestStatus.RUNNING,
        created_at=0,
        user_id="owner",
        cluster_name=cluster,
    )
    return sdk_private.request(requests.encode_requests([made], caller_user_id=caller)[0])


@pytest.fixture(autouse=True)
def _no_users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        "SKYPILOT_USER_ID", "abcd1234"
    )  # else SkyPilot makes one, and keeps it at home
    monkeypatch.setattr(global_user_state, "get_all_users", list)


@pytest.mark.parametrize("caller", [None, "owner"])
@pytest.mark.parametrize(
    "infra", ["aws", ["aws/us-east-1", "gcp"]], ids=["one place", "several places"]
)
def test_the_labels_of_a_services_machines_are_read(caller: str | None, infra: object) -> None:
    data = {"model": "openai/gpt-oss-20b", "accelerators": "L4:1", "infra": infra}
    content = plan.plan(spec.parse(data), wanted.NAME).task
    order = marker.Wanted(wanted.NAME, wanted.MARK, content, {}, {"SERVE_API_KEYS": "k"}).order()
    body = payloads.ServeUpBody(task=text_of(order), service_name=wanted.NAME)
    name = request_names.RequestName.SERVE_UP
    assert listed(name, body, "controller", caller) == interface.Request(
        "r", "up", wanted.NAME, OURS
    )


def test_the_launch_of_a_cluster_and_that_of_a_replica_are_told_apart() -> None:
    text = text_of(wanted.cluster().order())
    name = request_names.RequestName.CLUSTER_LAUNCH
    body = payloads.LaunchBody(task=text, cluster_name="x-1")
    assert listed(name, body, "x-1", None) == interface.Request("r", "launch", "x-1", OURS)
    body = payloads.LaunchBody(
        task=text, cluster_name="x-1", is_launched_by_sky_serve_controller=True
    )
    replica = listed(name, body, "x-1", None)
    assert replica == interface.Request("r", interface.REPLICA, "x-1", OURS)


def test_a_listed_request_has_the_fields_that_the_fast_tests_give_it() -> None:
    given = {field.name for field in dataclasses.fields(test_sdk_private.Payload)}
    assert given <= payloads.RequestPayload.model_fields.keys()


def test_of_another_users_request_only_a_cluster_is_told() -> None:
    text = text_of(wanted.cluster().order())
    launch = payloads.LaunchBody(task=text, cluster_name="x")
    up = payloads.ServeUpBody(task=text, service_name="x")
    names = request_names.RequestName
    request = listed(names.CLUSTER_LAUNCH, launch, "x", "another")
    assert request == interface.Request("r", "launch", "x")
    assert listed(names.SERVE_UP, up, "c", "another") == interface.Request("r", "up", "")


def test_a_managed_jobs_cluster_is_named_as_a_replica_is() -> None:
    """Show why a name gives no right."""
    job = jobs_utils.generate_managed_job_cluster_name(wanted.NAME, 77)
    assert job == serve_utils.generate_replica_cluster_name(wanted.NAME, 77)
    assert ownership.is_replica_name(job, wanted.NAME)


def test_a_controllers_machines_are_told_with_labels_and_incarnation(
    server: api_server.ApiServer, sdk: skypilot.Sdk
) -> None:
    """Read them from the cost report: `sky status` hides them."""
    for name, labels in {"x-1": OURS, "x-77": None}.items():
        resources = sky.Resources(infra="aws/us-east-1", instance_type="m6i.large", labels=labels)
        handle = cloud_vm_ray_backend.CloudVmRayResourceHandle(
            cluster_name=name,
            cluster_name_on_cloud=name,
            cluster_yaml=None,
            launched_nodes=1,
            launched_resources=resources,
        )
        global_user_state.add_or_update_cluster(
            name, handle, {resources}, ready=True, is_managed=True
        )
    records = core.cost_report(days=1)
    assert not any("is_managed" in record for record in records)
    server.answers["/cost_report"] = records
    machines = {machine.name: machine for machine in sdk.machines()}
    assert {name: dict(machine.labels) for name, machine in machines.items()} == {
        "x-1": OURS,
        "x-77": {},
    }
    assert machines["x-1"].hash == global_user_state.get_cluster_from_name("x-1")["cluster_hash"]
    assert machines["x-1"].status == "UP"
    assert global_user_state.get_clusters(exclude_managed_clusters=True) == []


def test_skyserve_finds_a_service_under_other_capital_letters() -> None:
    """Show why `down` of one would end the other: see `ServiceCalls.down`."""
    for name in ("Like-Chat", "like-chat"):
        assert serve_state.add_service(
            name=name,
            controller_job_id=1,
            policy="",
            requested_resources_str="",
            load_balancing_policy="round_robin",
            status=serve_state.ServiceStatus.READY,
            tls_encrypted=False,
            pool=False,
            controller_pid=1,
            entrypoint="",
        )
    names = serve_state.get_glob_service_names(["like-chat"])
    assert sorted(names) == ["Like-Chat", "like-chat"]
