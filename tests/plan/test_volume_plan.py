"""What SkyPilot is asked for, and which machines may mount a volume at once."""

import pytest

from pulumi_skypilot import spec
from pulumi_skypilot.plan import volume_plan
from pulumi_skypilot.spec import storage

SERVED = {"model": "openai/gpt-oss-20b", "accelerators": "L4:1", "infra": "k8s/prod"}
ONCE = storage.parse({"infra": "k8s/prod", "size": 200})
MANY = storage.parse({"infra": "k8s/prod", "size": 200, "accessMode": "ReadWriteMany"})


def test_a_volume_is_asked_for_as_sky_volumes_apply_reads_it() -> None:
    table = {"infra": "k8s/prod", "size": 200, "storageClass": "fast", "namespace": "ml"}
    assert volume_plan.content(storage.parse(table), "prod-models", {"a": "b"}) == {
        "name": "prod-models",
        "type": "k8s-pvc",
        "infra": "k8s/prod",
        "size": "200",
        "labels": {"a": "b"},
        "config": {
            "storage_class_name": "fast",
            "access_mode": "ReadWriteOnce",
            "namespace": "ml",
        },
    }


def test_an_existing_claim_is_only_named() -> None:
    wanted = storage.parse({"infra": "k8s/prod", "existing": "models"})
    assert volume_plan.content(wanted, "models", {}) == {
        "name": "models",
        "type": "k8s-pvc",
        "infra": "k8s/prod",
        "use_existing": True,
    }


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"replicas": {"min": 1, "max": 3, "targetQps": 2}}, "replicas.max is 3, so write"),
        ({"replicas": 2}, "replicas.max is 2, so write"),
        ({"nodes": 2, "tensorParallel": "all", "pipelineParallel": 2}, "nodes is 2, so write"),
        ({}, "the new replica of a rolling update waits until the old one is gone"),
    ],
    ids=str,
)
def test_read_write_once_says_which_machines_cannot_mount_it(
    keys: dict[str, object], said: str
) -> None:
    wanted = spec.parse({**SERVED, **keys})
    ((path, line, fails),) = volume_plan.mounting(wanted, {"/models": ONCE})
    assert (path, fails) == ("/models", True)
    assert line.startswith("ReadWriteOnce: one machine at a time can mount it; ")
    assert said in line
    assert "accessMode: ReadWriteMany" in line


def test_read_write_many_says_that_all_share_it() -> None:
    wanted = spec.parse({**SERVED, "replicas": 2})
    assert list(volume_plan.mounting(wanted, {"/models": MANY})) == [
        ("/models", "ReadWriteMany: all its machines share it", False)
    ]


def test_one_cluster_may_mount_any_volume() -> None:
    wanted = spec.parse({**SERVED, "kind": "cluster"})
    assert not list(volume_plan.mounting(wanted, {"/a": ONCE, "/b": MANY}))


@pytest.mark.parametrize(
    ("infra", "reaches"),
    [
        ("k8s/prod", True),
        ("k8s", True),
        ("kubernetes/prod", True),
        (["k8s/dev", "k8s/prod"], True),
        (None, True),
        ("k8s/dev", False),
        ("runpod", False),
    ],
    ids=str,
)
def test_a_deployment_elsewhere_cannot_reach_the_volume(infra: object, reaches: bool) -> None:
    table = {key: value for key, value in SERVED.items() if key != "infra"}
    wanted = spec.parse({**table, **({"infra": infra} if infra else {})})
    problems = list(volume_plan.apart(wanted, {"/models": ONCE}))
    assert bool(problems) is not reaches
    assert all("volumes./models: the volume is at k8s/prod, and infra is" in p.reason
               for p in problems)  # fmt: skip
