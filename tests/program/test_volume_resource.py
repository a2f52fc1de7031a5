"""Volumes in a program, and those that a stack's config declares, on Pulumi's mocks."""

import json
import typing
from collections.abc import Iterator

import pulumi
import pytest
from pulumi.runtime import mocks

from pulumi_skypilot.program import components, resources, volume_resource
from tests import programs

MODELS: typing.Any = {"infra": "k8s/prod", "size": 200}
CHAT: typing.Any = {"model": "openai/gpt-oss-20b", "accelerators": "L4:1", "infra": "k8s/prod"}


class Seen(programs.Mocks):
    """Keeps what each resource is declared with, by its type."""

    def __init__(self) -> None:
        self.inputs: dict[str, dict[str, typing.Any]] = {}

    def new_resource(
        self, args: mocks.MockResourceArgs
    ) -> tuple[str | None, dict[typing.Any, typing.Any]]:
        self.inputs[args.typ.rpartition(":")[2]] = args.inputs
        return super().new_resource(args)


@pytest.fixture
def seen() -> Iterator[Seen]:
    made = Seen()
    mocks.set_mocks(made, project="llm", stack="test")
    yield made
    pulumi.runtime.set_all_config({}, [])


def run(declare: typing.Any) -> None:
    pulumi.runtime.test(declare)()


@pytest.mark.parametrize(("spec", "name"), [(MODELS, "models"), ({"existing": "hub"}, "hub")])
def test_a_volume_is_named_after_its_resource_or_the_claim_that_exists(
    seen: Seen, spec: typing.Any, name: str
) -> None:
    run(lambda: volume_resource.Volume("models", spec, scope=resources.Scope("s")).name)
    assert seen.inputs["Volume"]["name"] == name


def test_a_deployment_mounts_it_by_its_output(seen: Seen) -> None:
    def declare() -> pulumi.Output[str]:
        scope = resources.Scope("s")
        models = volume_resource.Volume("models", MODELS, scope=scope, name="team-models")
        spec = CHAT | {"modelCache": {"volume": models.name}}
        return components.Deployment("chat", spec, scope=scope).endpoint

    run(declare)
    assert seen.inputs["Service"]["modelCache"] == {"volume": "team-models"}


def test_mistakes_of_volumes_are_named_with_those_of_deployments() -> None:
    def declare() -> pulumi.Output[typing.Any]:
        scope = resources.Scope("s")
        volume = volume_resource.Volume("models", {"size": "much"}, scope=scope, adopt="yes")  # type: ignore[arg-type]
        place = volume_resource.Volume("data", {"size": 1, "infra": "aws"}, scope=scope)
        chat = components.Deployment("chat", CHAT | {"tols": True}, scope=scope)
        return pulumi.Output.all(volume.name, place.name, chat.endpoint)

    with pytest.raises(pulumi.RunError) as caught:
        programs.run(declare)
    assert str(caught.value).splitlines() == [
        "models: size: much is not a whole number; give GiB",
        "models: adopt: write true or false",
        "data: infra: aws: SkyPilot has volumes at kubernetes and runpod only; name one of them",
        "chat: tols: unknown key; did you mean tools?",
    ]


def test_a_stacks_volumes_are_declared_and_mounted(seen: Seen) -> None:
    chat = CHAT | {"modelCache": {"volume": "models"}, "volumes": {"/data": "somebodys"}}
    config = {"llm:deployments": {"chat": chat}, "llm:volumes": {"models": MODELS}}
    texts = {key: json.dumps(value) for key, value in config.items()}
    pulumi.runtime.set_all_config(texts, [])
    run(lambda: pulumi.Output.all(components.Deployments().endpoints))
    assert seen.inputs["Volume"]["name"] == "test-models"
    assert seen.inputs["Volume"]["accessMode"] == "ReadWriteOnce"
    service = seen.inputs["Service"]
    assert service["volumes"] == {"/data": "somebodys", "/model-cache": "test-models"}
    assert service["modelCache"] == "/model-cache"
