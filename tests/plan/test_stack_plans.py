"""The plans of a stack: what its volumes and its deployments say of each other."""

import json

from pulumi_skypilot.plan import stack_plans
from pulumi_skypilot.spec import stack

CHAT = {
    "model": "openai/gpt-oss-20b",
    "accelerators": "L4:1",
    "infra": "k8s/prod",
    "modelCache": {"volume": "models"},
}
MODELS = {"infra": "k8s/prod", "size": 200}


def read(volume: object, **chat: object) -> stack_plans.StackPlans:
    settings = {
        "llm:deployments": json.dumps({"chat": {**CHAT, **chat}}),
        "llm:volumes": json.dumps({"models": volume}),
    }
    return stack_plans.read(stack.read(settings, "llm", "dev"))


def test_the_task_mounts_the_volume_by_its_name_and_caches_models_there() -> None:
    task = read(MODELS).plans["chat"].task
    assert task["volumes"] == {"/model-cache": "dev-models"}
    assert task["envs"]["HF_HOME"] == "/model-cache"


def test_read_write_once_is_a_caution_and_read_write_many_a_note() -> None:
    where = "llm:deployments.chat.volumes./model-cache: "
    once, many = (
        read({**MODELS, "accessMode": mode}, replicas=2)
        for mode in ("ReadWriteOnce", "ReadWriteMany")
    )
    assert once.cautions == (
        f"{where}ReadWriteOnce: one machine at a time can mount it; replicas.max is 2, so write "
        "accessMode: ReadWriteMany",
    )
    assert many.notes == (f"{where}ReadWriteMany: all its machines share it",)
    assert (once.notes, many.cautions) == ((), ())


def test_what_skypilot_refuses_of_a_volume_is_said_with_the_other_mistakes() -> None:
    assert read({"infra": "aws/us-east-1", "size": 9}, tols=True, infra="aws").mistakes == (
        "llm:volumes.models.infra: aws: SkyPilot has volumes at kubernetes and runpod only; name "
        "one of them",
        "llm:deployments.chat.tols: unknown key; did you mean tools?",
    )


def test_a_deployment_that_cannot_reach_its_volume_is_refused() -> None:
    assert read(MODELS, infra="k8s/dev").mistakes == (
        "llm:deployments.chat.volumes./model-cache: the volume is at k8s/prod, and infra is "
        "k8s/dev; write infra: k8s/prod",
    )
