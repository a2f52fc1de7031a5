"""The keys of a volume, and the rules between them."""

import pytest

from pulumi_skypilot import errors
from pulumi_skypilot.spec import storage


def refused(**table: object) -> list[str]:
    with pytest.raises(errors.SpecError) as caught:
        storage.parse(table)
    return [problem.reason for problem in caught.value.problems]


def test_a_volume_needs_only_its_size() -> None:
    assert storage.to_inputs(storage.parse({"size": 200})) == {
        "infra": "k8s",
        "size": 200,
        "accessMode": "ReadWriteOnce",
        "retain": True,
    }


@pytest.mark.parametrize(
    "table",
    [
        {"infra": "k8s/a:b/c", "size": 1, "storageClass": "a.b-c", "namespace": "ml"},
        {"infra": "k8s/prod", "existing": "models", "accessMode": "ReadOnlyMany"},
        {"infra": "runpod/CA/CA-MTL-1", "size": 10, "retain": False},
    ],
    ids=str,
)
def test_a_volume_as_inputs_is_read_again(table: dict[str, object]) -> None:
    volume = storage.parse(table)
    assert storage.parse(storage.to_inputs(volume)) == storage.parse(
        {**table, **({"accessMode": volume.mode} if volume.mode else {})}
    )


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ({}, "size: it is missing; write the GiB that a new volume has, such as 200"),
        ({"size": 0}, "size: 0 is too small; give GiB, 1 or more"),
        (
            {"size": 1, "infra": ["k8s/a", "k8s/b"]},
            "infra: a volume is in one place; write one, such as k8s/prod",
        ),
        (
            {"size": 1, "storageClass": "Fast SSD"},
            "storageClass: Fast SSD is not the name of a storage class; write a-z, 0-9 and -, 63 "
            "characters at most",
        ),
        (
            {"size": 1, "existing": "models"},
            "size: the claim under existing has its own; leave it out",
        ),
        (
            {"existing": "models", "storageClass": "fast"},
            "storageClass: the claim under existing has its own; leave it out",
        ),
        (
            {"infra": "runpod/CA/CA-MTL-1", "size": 20, "namespace": "ml"},
            "namespace: a network volume of runpod has none; leave it out",
        ),
        (
            {"infra": "runpod", "size": 20},
            "infra: write runpod/REGION/DATACENTER, such as runpod/CA/CA-MTL-1",
        ),
        (
            {"infra": "runpod/CA/CA-MTL-1", "size": 5},
            "size: a network volume has 10 GiB at least; raise it",
        ),
    ],
    ids=str,
)
def test_a_mistake_is_one_line(table: dict[str, object], reason: str) -> None:
    assert refused(**table) == [reason]


@pytest.mark.parametrize(
    ("table", "mode"),
    [
        ({"size": 1}, "ReadWriteOnce"),
        ({"size": 1, "accessMode": "ReadWriteMany"}, "ReadWriteMany"),
        ({"existing": "models"}, None),
        ({"infra": "runpod/CA/CA-MTL-1", "size": 10}, None),
    ],
    ids=str,
)
def test_the_access_mode_is_skypilots_default_or_the_clouds(
    table: dict[str, object], mode: str | None
) -> None:
    assert storage.parse(table).mode == mode
