"""SkyServe's controller on a machine of its own, which is SkyPilot's default."""

from collections.abc import Callable, Iterator

import boto3
import pytest

from local import control
from tests.conftest import chat
from tests.e2e import stack as stacks
from tests.e2e.test_service import ASLEEP, ask

pytestmark = [pytest.mark.cloud, pytest.mark.long, pytest.mark.timeout(3000)]
CONTROLLER = "sky-serve-controller-"


def controllers(cloud: control.Cloud) -> list[dict[str, object]]:
    return [one for one in cloud.instances() if CONTROLLER in str(one["tags"].get("Name"))]


def replicas(cloud: control.Cloud) -> list[str]:
    """Instances of replicas: SkyPilot itself does not list them, AWS does."""
    controller_ids = [one["id"] for one in controllers(cloud)]
    return [one["id"] for one in cloud.instances() if one["id"] not in controller_ids]


@pytest.fixture
def machine(cloud: control.Cloud, sky_command: Callable[..., str]) -> Iterator[control.Cloud]:
    """The same cloud with the other kind of controller, which somebody has to take down."""
    cloud.restart_api(controller="machine")
    yield cloud
    for line in sky_command("status", "--all-users").splitlines():
        if line.startswith(CONTROLLER):
            sky_command("down", line.split()[0], typed="delete\n")  # --yes is not enough for it
    cloud.restart_api()
    assert cloud.instances() == []


def sleep(cloud: control.Cloud) -> None:
    """What the controller does by itself ten minutes after its last service."""
    client = boto3.client(
        "ec2",
        endpoint_url=cloud.location.aws,
        region_name=str(controllers(cloud)[0]["region"]),
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    client.stop_instances(InstanceIds=[str(one["id"]) for one in controllers(cloud)])
    client.close()


def test_a_service_lives_from_up_to_destroy_on_a_controllers_machine(
    machine: control.Cloud, make_stack: Callable[..., stacks.Stack]
) -> None:
    stack = make_stack(chat=chat())
    stack.up()
    (controller,) = controllers(machine)
    outputs = stack.outputs()
    endpoint, key = outputs["endpoints"]["chat"], outputs["apiKeys"]["chat"]
    assert endpoint.startswith(f"http://{controller['ip']}:")
    assert ask(f"{endpoint}/v1/models", key) == 200
    assert ask(f"{endpoint}/v1/models", None) == 401
    stack.refresh()
    stack.unchanged()

    before = replicas(machine)
    assert len(before) == 1
    stack.deployments(chat=chat(replicas={"min": 1, "max": 2, "targetQps": 5}))
    stack.up()
    assert replicas(machine) == before
    assert stack.service()["outputs"]["version"] == 2

    stack.run("destroy", "--yes", "--skip-preview")
    assert replicas(machine) == []

    # Asleep, it is not taken for a server without services; what makes one starts it.
    sleep(machine)
    stack.deployments(chat=chat(replicas=ASLEEP))
    stack.up()
    assert [one["state"] for one in controllers(machine)] == ["running"]
    stack.run("destroy", "--yes", "--skip-preview")
