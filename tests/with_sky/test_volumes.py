"""The adapter's calls for volumes, over the installed SkyPilot client and a small API server."""

import pytest
from sky.schemas.api import responses
from sky.volumes import volume as sky_volume

from pulumi_skypilot import errors, skypilot
from pulumi_skypilot.plan import task, volume_plan
from pulumi_skypilot.skypilot import interface
from pulumi_skypilot.spec import storage
from tests.with_sky import api_server

pytestmark = pytest.mark.filterwarnings("ignore")

TABLES: list[dict[str, object]] = [
    {"size": 200},
    {"infra": "k8s/prod", "size": 200, "storageClass": "shared", "accessMode": "ReadWriteMany"},
    {"infra": "k8s/a/b", "size": 1, "namespace": "models", "retain": False},
    {"infra": "k8s/prod", "existing": "models"},
    {"infra": "runpod/CA/CA-MTL-1", "size": 10},
]
LABELS = {"pulumi-stack": "0123456789abs5e12f00d"}


def record(**changes: object) -> responses.VolumeRecord:
    table = {
        "name": "models",
        "type": "k8s-pvc",
        "launched_at": 1,
        "cloud": "Kubernetes",
        "region": "prod",
        "size": "200",
        "config": {"access_mode": "ReadWriteMany", "namespace": "default"},
        "name_on_cloud": "models-ab12-3c4d5e",
        "user_hash": "u",
        "user_name": "u",
        "workspace": "default",
        "status": "IN_USE",
        "usedby_pods": ["chat-1-ab-head"],
        "usedby_clusters": ["chat-1"],
        "creation_yaml": "name: models\n",
        **changes,
    }
    return responses.VolumeRecord(**table)


@pytest.mark.parametrize("table", TABLES, ids=str)
def test_skypilot_takes_each_volume_that_this_package_takes(table: dict[str, object]) -> None:
    wanted = storage.parse(table)
    assert not list(volume_plan.problems(wanted, "models"))
    theirs = sky_volume.Volume.from_yaml_config(volume_plan.content(wanted, "models", LABELS))
    theirs.validate()
    assert theirs.labels == LABELS


def test_a_record_is_read_into_a_volume(server: api_server.ApiServer, sdk: skypilot.Sdk) -> None:
    server.answers["/volumes"] = [record(), record(name="scratch", is_ephemeral=True)]
    expected = interface.Volume(
        name="models",
        claim="models-ab12-3c4d5e",
        status="IN_USE",
        infra="k8s/prod",
        size=200,
        access_mode="ReadWriteMany",
        namespace="default",
        used_by=("chat-1",),
        text="name: models\n",
    )
    assert sdk.volume("models") == expected
    assert sdk.volumes() == (expected,)
    assert sdk.volume("other") is None


def test_a_claim_that_was_deleted_outside_is_lost(
    server: api_server.ApiServer, sdk: skypilot.Sdk
) -> None:
    reason = "PVC models no longer exists in namespace default. It may have been deleted outside."
    server.answers["/volumes"] = [record(status="NOT_READY", error_message=reason)]
    volume = sdk.volume("models")
    assert volume is not None
    assert (volume.lost, volume.reason) == (True, reason)


def test_a_volume_is_made_with_the_text_that_carries_the_mark(
    server: api_server.ApiServer, sdk: skypilot.Sdk
) -> None:
    content = volume_plan.content(storage.parse(TABLES[1]), "models", LABELS)
    sdk.make_volume(content, task.text(content))
    (body,) = server.bodies("/volumes/apply")
    assert (body["name"], body["region"], body["size"]) == ("models", "prod", "200")
    assert body["config"] == {"storage_class_name": "shared", "access_mode": "ReadWriteMany"}
    assert body["labels"] == LABELS
    assert task.from_text(body["creation_yaml"]) == content


def test_a_volume_is_deleted_without_purge(server: api_server.ApiServer, sdk: skypilot.Sdk) -> None:
    sdk.delete_volume("models")
    (body,) = server.bodies("/volumes/delete")
    assert (body["names"], body["purge"]) == (["models"], False)


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("Volume models not found.", errors.NotFound),
        ("Volume models is used by cluster chat-1.", errors.Failed),
    ],
)
def test_a_refusal_of_skypilots_is_read(
    server: api_server.ApiServer, sdk: skypilot.Sdk, said: str, kind: type[errors.SkyPilotError]
) -> None:
    server.answers["/volumes/delete"] = ValueError(said)
    with pytest.raises(errors.SkyPilotError, match=said) as caught:
        sdk.delete_volume("models")
    assert type(caught.value) is kind
