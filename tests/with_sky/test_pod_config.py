"""The settings of a pod, as SkyPilot lays them over its own pod and checks them."""

import pathlib
import typing

import pytest
import sky
from sky import clouds
from sky.provision.kubernetes import utils

from pulumi_skypilot import plan, spec
from tests import specs
from tests.setting_cases import PODS

POD = {key: value for key, value, *_ in PODS}
OWN = {"key": "spot", "operator": "Equal", "value": "true", "effect": "NoSchedule"}


def pod() -> dict[str, typing.Any]:
    """Return the part of SkyPilot's pod that the settings touch (kubernetes-ray.yml.j2)."""
    return {
        "metadata": {"annotations": {"skypilot-user": "me"}},
        "spec": {
            "serviceAccountName": "skypilot-service-account",
            "nodeSelector": {"spot": "true"},
            "tolerations": [dict(OWN)],
            "volumes": [{"name": "dshm", "emptyDir": {"medium": "Memory"}}],
            "containers": [{"name": "ray-node", "image": "x"}],
        },
    }


@pytest.mark.parametrize(
    ("infra", "cloud", "context"),
    [("k8s", clouds.Kubernetes(), "prod"), ("ssh/lab", clouds.SSH(), "ssh-lab")],
)
def test_skypilot_lays_the_settings_over_its_own_pod(
    infra: str, cloud: clouds.Cloud, context: str
) -> None:
    wanted = spec.parse({**specs.SMALLEST, "infra": infra, "pod": POD})
    config = plan.plan(wanted, "chat").task["config"]
    made = utils.combine_pod_config_fields(
        {"available_node_types": {"ray_head_default": {"node_config": pod()}}},
        config,
        cloud,
        context,
    )["available_node_types"]["ray_head_default"]["node_config"]
    assert utils.check_pod_config(made) == (True, None)
    limit = {"medium": "Memory", "sizeLimit": "16Gi"}
    assert made["metadata"]["annotations"] == {"skypilot-user": "me", "a.b/c": "d e"}
    assert made["spec"] == {
        "serviceAccountName": "serving",
        "priorityClassName": "serving",
        "nodeSelector": {"spot": "true", "pool": "gpu"},
        "tolerations": [
            OWN,
            {"key": "gpu", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 60},
        ],
        "imagePullSecrets": [{"name": "registry"}],
        "volumes": [{"name": "dshm", "emptyDir": limit}],
        "terminationGracePeriodSeconds": 5,
        "containers": [{"name": "ray-node", "image": "x"}],
    }


def test_the_volume_of_shared_memory_has_skypilots_name_for_it() -> None:
    folder = pathlib.Path(str(sky.__file__)).parent / "templates"
    text = (folder / "kubernetes-ray.yml.j2").read_text()
    assert "- mountPath: /dev/shm\n            name: dshm\n" in text
    assert "- name: dshm\n          emptyDir:\n            medium: Memory\n" in text


def test_skypilot_refuses_what_the_catalogue_does_not_know() -> None:
    valid, reason = utils.check_pod_config({"spec": {"tolerationz": [], "containers": []}})
    assert not valid
    assert "tolerationz" in str(reason)
