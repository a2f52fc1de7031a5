"""A volume and the deployment that mounts it, by the real CLI on the SkyPilot in memory."""

import pathlib
from collections.abc import Callable

import pytest

from tests.e2e import fake
from tests.e2e import stack as stacks

pytestmark = pytest.mark.timeout(600)

VOLUME = "pulumi-python:dynamic/skypilot:Volume"
CHAT = {
    "model": "openai/gpt-oss-20b",
    "accelerators": "L4:1",
    "infra": "k8s/prod",
    "modelCache": {"volume": "models"},
}
MODELS = {"infra": "k8s/prod", "size": 200, "storageClass": "shared"}


class Declared:
    """A stack with a volume, and a deployment that keeps its model there."""

    def __init__(self, stack: stacks.Stack, file: pathlib.Path) -> None:
        self.stack, self.file = stack, file
        self.env = {**fake.environment(file), "PULUMI_SKYPILOT_OFFLINE": "1"}
        self.name = f"{stack.name}-models"
        self.volume()

    def volume(self, **keys: object) -> None:
        models = {**MODELS, "accessMode": "ReadWriteMany", **keys}
        self.stack.write(
            {
                "skypilot:apiServer": "http://127.0.0.1:9",
                "llm:deployments": {"chat": CHAT},
                "llm:volumes": {"models": models},
            }
        )

    def preview(self, *options: str) -> str:
        return self.stack.run("preview", *options, check=False, env=self.env).output

    def destroy(self) -> str:
        return self.stack.run("destroy", "--yes", "--skip-preview", env=self.env).output


@pytest.fixture
def declared(new_stack: Callable[..., stacks.Stack], tmp_path: pathlib.Path) -> Declared:
    return Declared(new_stack(), tmp_path / "asked")


def test_a_volume_is_made_before_its_deployment_and_a_change_of_it_loses_nothing(
    declared: Declared,
) -> None:
    stack, name = declared.stack, declared.name
    stack.up(env=declared.env)
    assert fake.asked(declared.file)[:2] == ["make_volume", "up"]
    (service,) = fake.read(declared.file).services()
    assert service.text is not None
    assert f"/model-cache: {name}" in service.text
    (volume,) = [entry for entry in stack.resources() if entry["type"] == VOLUME]
    assert volume["urn"] in stack.service()["dependencies"]
    stack.run("preview", "--expect-no-changes", env=declared.env)

    declared.volume(size=400)
    claim = volume["outputs"]["claim"]["name"]
    assert f"kubectl --context prod -n default patch pvc {claim}" in declared.preview()
    declared.volume(accessMode="ReadWriteOnce")
    refused = declared.preview()
    assert "ReadWriteOnce: one machine at a time can mount it" in refused
    assert f"accessMode: it is fixed when a volume is made, and {name} is kept" in refused


def test_a_destroy_keeps_a_volume_for_the_next_stack_and_deletes_it_when_told(
    declared: Declared,
) -> None:
    stack, name = declared.stack, declared.name
    stack.up(env=declared.env)
    assert f"{name}: the volume is kept with its data (retain: true)" in declared.destroy()
    assert [left.name for left in fake.read(declared.file).volumes()] == [name]

    refused = stack.up(check=False, env=declared.env)
    assert f"the volume '{name}' exists on this API server and belongs to another stack" in (
        refused.output
    )
    declared.volume(adopt=True, retain=False)
    stack.up(env=declared.env)
    declared.destroy()
    assert fake.asked(declared.file)[-2:] == ["down", "delete_volume"]
    assert fake.read(declared.file).volumes() == ()
