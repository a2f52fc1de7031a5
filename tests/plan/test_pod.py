"""The settings of a pod in the task, and a change of them in the words of a stack file."""

import typing

import pytest

from pulumi_skypilot import errors, plan, spec
from pulumi_skypilot.plan import pod, task_diff
from tests import specs

Table = dict[str, typing.Any]


def planned(**data: object) -> plan.Plan:
    return plan.plan(spec.parse({**specs.SMALLEST, **data}), "chat")


def told(old: Table, new: Table) -> list[tuple[str, object, object]]:
    """Return the changes between two tables `pod`: key, old and new value."""
    was, now = (planned(infra="k8s", pod=table).task for table in (old, new))
    return [(change.key, change.old, change.new) for change in task_diff.compare(was, now)]


@pytest.mark.parametrize(
    ("infra", "parts"),
    [
        ("k8s", ["kubernetes"]),
        ("k8s/prod", ["kubernetes"]),
        ("ssh/lab", ["ssh"]),
        (["k8s/a", "ssh/lab"], ["kubernetes", "ssh"]),
        (["aws", "k8s"], ["kubernetes"]),
        (None, ["kubernetes", "ssh"]),
    ],
)
def test_the_settings_reach_each_kind_of_pod_that_infra_allows(
    infra: object, parts: list[str]
) -> None:
    config = planned(infra=infra, pod={"priorityClass": "serving"}).task["config"]
    assert config == {
        part: {"pod_config": {"spec": {"priorityClassName": "serving"}}} for part in parts
    }


@pytest.mark.parametrize("infra", ["aws", ["gcp", "aws"], "slurm/a"])
def test_settings_of_pods_are_refused_where_no_machine_is_one(infra: object) -> None:
    with pytest.raises(errors.SpecError, match="pod: no place of infra has pods; drop it, or add"):
        planned(infra=infra, pod={"priorityClass": "serving"})


@pytest.mark.parametrize(("infra", "noted"), [(["aws", "k8s"], True), ("k8s", False)])
def test_a_cloud_beside_kubernetes_is_noted(infra: object, noted: bool) -> None:
    notes = planned(infra=infra, pod={"priorityClass": "serving"}).notes
    assert any(note.startswith("pod: it counts only where") for note in notes) is noted


def test_the_settings_lie_beside_the_rest_of_a_pod_config() -> None:
    content = {"metadata": {"labels": {"a": "b"}}, "spec": {"volumes": [{"name": "v"}]}}
    config = {"kubernetes": {"provision_timeout": 9, "pod_config": content}}
    made = planned(
        infra="k8s", config=config, pod={"sharedMemory": 2, "annotations": {"c": "d"}}
    ).task["config"]
    limit = {"medium": "Memory", "sizeLimit": "2Gi"}
    assert made["kubernetes"] == {
        "provision_timeout": 9,
        "pod_config": {
            "metadata": {"labels": {"a": "b"}, "annotations": {"c": "d"}},
            "spec": {"volumes": [{"name": "v"}, {"name": "dshm", "emptyDir": limit}]},
        },
    }
    assert config["kubernetes"]["pod_config"] == content


def test_an_empty_table_is_no_setting() -> None:
    assert planned(infra="k8s", pod={}).task == planned(infra="k8s").task


@pytest.mark.parametrize(
    ("old", "new", "changes"),
    [
        ({}, {"nodeSelector": {"pool": "a"}}, [("pod.nodeSelector.pool", None, "a")]),
        (
            {"priorityClass": "a", "terminationGracePeriod": 5},
            {"priorityClass": "b"},
            [("pod.priorityClass", "a", "b"), ("pod.terminationGracePeriod", 5, None)],
        ),
        ({"sharedMemory": 2}, {"sharedMemory": 4}, [("pod.sharedMemory", 2, 4)]),
        ({}, {"sharedMemory": 4}, [("pod.sharedMemory", None, 4)]),
        (
            {"imagePullSecrets": ["a"]},
            {"imagePullSecrets": ["a", "b"]},
            [("pod.imagePullSecrets", ["a"], ["a", "b"])],
        ),
    ],
)
def test_a_change_is_told_in_the_words_of_a_stack_file(
    old: Table, new: Table, changes: list[tuple[str, object, object]]
) -> None:
    assert told(old, new) == changes


def test_other_volumes_are_told_by_their_place_in_the_config() -> None:
    def task(volume: str, size: int) -> Table:
        content = {"spec": {"volumes": [{"name": volume}]}}
        config = {"kubernetes": {"pod_config": content}}
        return planned(infra="k8s", config=config, pod={"sharedMemory": size}).task

    changes = task_diff.compare(task("a", 1), task("b", 2))
    assert [(change.key, change.old, change.new) for change in changes] == [
        ("pod.sharedMemory", 1, 2),
        ("config.kubernetes.pod_config.spec.volumes", [{"name": "a"}], [{"name": "b"}]),
    ]


@pytest.mark.parametrize(
    "volume",
    [
        {"name": "dshm", "emptyDir": {"medium": "Memory", "sizeLimit": "512Mi"}},
        {"name": "dshm", "emptyDir": {"medium": "Memory"}},
        {"name": "other", "emptyDir": {"medium": "Memory", "sizeLimit": "1Gi"}},
    ],
)
def test_a_limit_that_no_stack_file_can_say_is_another_volume(volume: Table) -> None:
    assert pod.shared_memory([volume]) == (None, [volume])
