"""A deployment of the tests of changes, and what changes when it is written otherwise."""

from pulumi_skypilot import plan, spec
from pulumi_skypilot.plan import changes, task_diff

BASE = {
    "model": "openai/gpt-oss-20b",
    "accelerators": ["H100:1", "H200:1"],
    "infra": ["aws", "k8s"],
    "context": 4096,
    "env": {"A": "x"},
    "spot": True,
    "replicas": {"min": 1, "max": 2, "targetQps": 1},
}


def planned(**data: object) -> plan.Plan:
    table = {key: value for key, value in {**BASE, **data}.items() if value is not None}
    return plan.plan(spec.parse(table), "chat")


def changed(**data: object) -> tuple[changes.Change, ...]:
    return task_diff.compare(planned().task, planned(**data).task)
