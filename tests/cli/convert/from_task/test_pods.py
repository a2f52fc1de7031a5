"""The settings of pods in an imported task."""

import typing

import pytest

from pulumi_skypilot import spec
from pulumi_skypilot.cli.convert import from_task, to_task

Table = dict[str, typing.Any]

POD: Table = {
    "nodeSelector": {"pool": "gpu"},
    "tolerations": [{"key": "gpu", "operator": "Exists"}],
    "imagePullSecrets": ["registry"],
    "annotations": {"a": "b"},
    "sharedMemory": 16,
}
RUN = "vllm serve openai/gpt-oss-20b"


def imported(infra: object, config: Table) -> Table:
    task = {"resources": {"accelerators": "H100:1", "infra": infra}, "config": config, "run": RUN}
    return from_task.deployment(task).table


@pytest.mark.parametrize("infra", ["k8s", "ssh/lab"])
def test_an_exported_pod_comes_back(infra: str) -> None:
    table = {
        "kind": "cluster",
        "model": "openai/gpt-oss-20b",
        "accelerators": "H100:1",
        "infra": infra,
        "pod": POD,
    }
    back = from_task.deployment(to_task.export(table, "chat")).table
    assert spec.parse(spec_of(back)).pod == spec.parse(table).pod
    assert "config" not in back


def spec_of(table: Table) -> Table:
    return {key: value for key, value in table.items() if key != "apiKey"}


def test_what_is_no_setting_of_a_pod_stays_in_the_config() -> None:
    content = {
        "spec": {"priorityClassName": "a", "hostNetwork": True, "volumes": [{"name": "v"}]},
        "metadata": {"labels": {"a": "b"}},
    }
    table = imported("k8s", {"kubernetes": {"pod_config": content, "provision_timeout": 9}})
    assert table["pod"] == {"priorityClass": "a"}
    assert table["config"]["kubernetes"] == {
        "pod_config": {
            "spec": {"hostNetwork": True, "volumes": [{"name": "v"}]},
            "metadata": {"labels": {"a": "b"}},
        },
        "provision_timeout": 9,
    }


@pytest.mark.parametrize(
    ("infra", "content"),
    [
        ("k8s", {"imagePullSecrets": []}),
        ("k8s", {"priorityClassName": "Not Valid"}),
        ("k8s", {"tolerations": [{"key": "a", "operator": "Lt", "value": "1"}]}),
        (None, {"priorityClassName": "a"}),
        ("aws", {"priorityClassName": "a"}),
    ],
)
def test_what_the_key_would_say_otherwise_stays_as_it_is(infra: object, content: Table) -> None:
    config = {"kubernetes": {"pod_config": {"spec": content}}}
    table = imported(infra, config)
    assert "pod" not in table
    assert table["config"] == config
