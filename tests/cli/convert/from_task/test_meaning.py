import typing

import pytest

from pulumi_skypilot.cli.convert.from_task import remarks
from scripts import meaning

TASK: dict[str, typing.Any] = {
    "run": "vllm serve a/b --seed 1 --dtype half --max-model-len 32k -tp 1 --port 80",
    "resources": {"accelerators": {"L4": 1, "A100": 1}, "disk_size": 256, "ports": 80},
    "service": {"readiness_probe": "/health", "replicas": 1},
    "envs": {"X": "y"},
    "secrets": {"HF_TOKEN": None},
}


def changed(**content: object) -> list[str]:
    return [one.path for one in meaning.differences(TASK, {**TASK, **content})]


def test_another_way_to_say_it_means_the_same() -> None:
    assert not changed(
        run="exec vllm serve 'a/b' --dtype float16 \\\n --max-model-len 32000 --seed \"1\"",
        resources={"any_of": [{"accelerators": "A100:1"}, {"accelerators": "L4"}]},
        service={
            "readiness_probe": {"path": "/health", "initial_delay_seconds": 1200},
            "replica_policy": {"min_replicas": 1.0, "max_replicas": 1},
            "ports": 80,
        },
        secrets={"HF_TOKEN": "value"},
    )


@pytest.mark.parametrize(
    ("content", "path"),
    [
        ({"run": "vllm serve a/c --seed 1 --dtype half --max-model-len 32k"}, "model"),
        ({"run": "vllm serve a/b --seed 2 --dtype half --max-model-len 32k"}, "flag seed"),
        ({"run": "vllm serve a/b --seed 1 --dtype half --max-model-len 32K"}, "flag max-model-len"),
        ({"resources": {"accelerators": {"L4": 1, "A100": 2}}}, "resources.accelerators"),
        ({"resources": {"accelerators": ["L4:1", "A100:1"]}}, "resources.ordered"),
        ({"resources": {"accelerators": {"L4": 1, "A100": 1}, "cpus": 4}}, "resources.cpus"),
        ({"service": {"readiness_probe": "/x", "replicas": 1}}, "service.readiness_probe.path"),
        ({"service": None}, "kind"),
        ({"envs": {"X": "z"}}, "env X"),
        ({"secrets": {}}, "secret HF_TOKEN"),
        ({"num_nodes": 2}, "num_nodes"),
        ({"setup": "make"}, "setup make"),
        ({"file_mounts": {"/m": "s3://b"}}, "file_mounts./m"),
        ({"workdir": "."}, "workdir"),
    ],
)
def test_each_point_counts(content: dict[str, object], path: str) -> None:
    assert path in changed(**content)


def test_a_difference_that_was_told_has_its_reason() -> None:
    told = [remarks.lost("flag seed", "why")]
    (found,) = meaning.differences(TASK, {**TASK, "run": TASK["run"].replace("--seed 1", "")}, told)
    assert str(found) == "flag seed: 1 -> None (told: why)"


def test_a_difference_that_nobody_told_has_none() -> None:
    (found,) = meaning.differences(TASK, {**TASK, "num_nodes": 2})
    assert str(found) == "num_nodes: 1 -> 2 (not told)"
