import pytest

from pulumi_skypilot import catalog, errors, plan, spec
from pulumi_skypilot.plan import cloud_limits
from tests import specs


def refused(**data: object) -> dict[str, str]:
    with pytest.raises(errors.SpecError) as caught:
        plan.plan(spec.parse({**specs.SMALLEST, **data}), "chat")
    return {problem.property: problem.reason for problem in caught.value.problems}


@pytest.mark.parametrize(
    ("data", "key", "reason"),
    [
        (
            {"infra": "ibm"},
            "infra",
            "ibm: SkyPilot opens no port there, so nobody would reach the "
            "model; leave it out, or name another infra",
        ),
        ({"infra": ["aws", "runpod"], "nodes": 2}, "nodes", "runpod: SkyPilot joins no machines"),
        ({"infra": "do", "spot": True}, "spot", "do: SkyPilot has no spot machines there"),
        (
            {"infra": "runpod", "mounts": {"/m": "s3://a"}},
            "mounts",
            "runpod: SkyPilot mounts no buckets there; write mode: copy",
        ),
        ({"infra": "oci", "image": "docker:a/b"}, "image", "oci: SkyPilot runs no containers"),
        ({"infra": "lambda", "image": "img"}, "image", "lambda: SkyPilot takes no image"),
        ({"infra": "k8s", "diskTier": "high"}, "diskTier", "kubernetes: SkyPilot has one kind"),
        ({"infra": "nebius", "networkTier": "best"}, "networkTier", "nebius: SkyPilot has one"),
        (
            {"infra": ["k8s", "aws"], "volumes": {"/v": "x"}},
            "volumes",
            "aws: SkyPilot has volumes at kubernetes and runpod only; use mounts",
        ),
        (
            {"kind": "cluster", "infra": ["k8s", "aws"], "autostop": {"idle": 9}},
            "autostop",
            "kubernetes: machines there cannot stop; write then: down",
        ),
        (
            {"kind": "cluster", "infra": "yotta", "autostop": {"idle": 9, "then": "down"}},
            "autostop",
            "yotta: machines there cannot take themselves down; drop it",
        ),
    ],
)
def test_what_a_place_cannot_do_is_refused(data: dict[str, object], key: str, reason: str) -> None:
    reasons = refused(**data)
    assert list(reasons) == [key]
    assert reasons[key].startswith(f"{key}: {reason}")
    assert reasons[key].endswith("or name another infra")


@pytest.mark.parametrize(
    ("data", "resources", "rest"),
    [
        (
            {"infra": "runpod", "mounts": {"/m": {"source": "s3://a", "mode": "copy"}}},
            {"infra": "runpod"},
            {"file_mounts": {"/m": "s3://a"}},
        ),
        ({"infra": "k8s", "diskTier": "best"}, {"infra": "k8s", "disk_tier": "best"}, {}),
        (
            {"infra": "nebius", "networkTier": "standard"},
            {"infra": "nebius", "network_tier": "standard"},
            {},
        ),
        ({"volumes": {"/v": "x"}}, {}, {"volumes": {"/v": "x"}}),
        (
            {"infra": "aws", "nodes": 2, "spot": True, "diskTier": "high", "networkTier": "best"},
            {"infra": "aws", "use_spot": True, "disk_tier": "high", "network_tier": "best"},
            {"num_nodes": 2},
        ),
    ],
)
def test_what_a_cloud_can_do_reaches_the_task(
    data: dict[str, object], resources: dict[str, object], rest: dict[str, object]
) -> None:
    task = plan.plan(spec.parse({**specs.SMALLEST, **data}), "chat").task
    assert task["resources"].items() >= resources.items()
    assert task.items() >= rest.items()


def test_every_need_is_known_of_some_cloud() -> None:
    lacking = {feature for cloud in catalog.clouds().values() for feature in cloud.lacks}
    assert lacking == {need.feature for need in cloud_limits.NEEDS}
    aliases = {field.alias for field in spec.Spec.model_fields.values()}
    assert {need.key for need in cloud_limits.NEEDS} <= aliases
