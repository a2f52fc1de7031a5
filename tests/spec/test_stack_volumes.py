"""The volumes of a stack's config, and the name by which a deployment mounts one."""

import json

import pytest

from pulumi_skypilot import errors, spec
from pulumi_skypilot.spec import stack

CHAT = {"model": "a/b", "accelerators": "L4:1", "infra": "k8s/prod"}
MODELS = {"infra": "k8s/prod", "size": 200}


def read(declared: object, prefix: str = "", **chat: object) -> stack.Stack:
    settings = {
        "llm:deployments": json.dumps({"chat": {**CHAT, **chat}}),
        "llm:volumes": "" if declared is None else json.dumps(declared),
    }
    return stack.read(settings | ({"llm:prefix": prefix} if prefix else {}), "llm", "dev")


def test_a_volume_is_named_like_a_deployment() -> None:
    volumes = read({"models": {**MODELS, "adopt": True}}, "team").volumes
    assert (volumes["models"].name, volumes["models"].adopt) == ("team-models", True)
    assert read({"models": MODELS}).volumes["models"].name == "dev-models"


def test_an_existing_claim_keeps_its_name() -> None:
    assert read({"hub": {"existing": "hub-claim"}}).volumes["hub"].name == "hub-claim"


def test_a_stack_without_volumes_has_none() -> None:
    for config in (read(None), read({})):
        assert (dict(config.volumes), config.mistakes) == ({}, ())


def test_all_mistakes_are_named_with_their_place() -> None:
    wrong = {
        "models": {"size": "much", "adopt": "yes"},
        "data": {"infra": "k8s/prod"},
        "odd": 3,
        "gone": None,
    }
    assert read(wrong).mistakes == (
        "llm:volumes.models.adopt: write true or false",
        "llm:volumes.models.size: much is not a whole number; give GiB",
        "llm:volumes.data.size: it is missing; write the GiB that a new volume has, such as 200",
        "llm:volumes.odd: it must be a table, such as {infra: k8s/prod, size: 200}",
    )


def test_a_list_is_no_table_of_volumes() -> None:
    (line,) = read([MODELS]).mistakes
    assert line == (
        "llm:volumes: it must be a table of volumes, by key, such as {models: {infra: k8s/prod, "
        "size: 200}}"
    )


def test_one_claim_is_declared_once() -> None:
    claim = {"existing": "hub"}
    (line,) = read({"a": claim, "b": claim}).mistakes
    assert line == "llm:volumes.b: it is the volume hub, and so is a; declare it once"


def test_a_deployment_mounts_a_volume_by_its_key_or_by_skypilots_name() -> None:
    config = read({"models": MODELS}, volumes={"/a": "models", "/b": "somebodys"})
    assert config.spec_for("chat")["volumes"] == {"/a": "dev-models", "/b": "somebodys"}


@pytest.mark.parametrize(
    ("volumes", "path", "mounted"),
    [
        ({}, "/model-cache", {"/model-cache": "dev-models"}),
        ({"/data": "models"}, "/data", {"/data": "dev-models"}),
        ({"/data": "other"}, "/model-cache", {"/data": "other", "/model-cache": "dev-models"}),
    ],
    ids=str,
)
def test_a_model_cache_names_a_volume(
    volumes: dict[str, str], path: str, mounted: dict[str, str]
) -> None:
    config = read({"models": MODELS}, volumes=volumes, modelCache={"volume": "models"})
    parsed = spec.parse(config.spec_for("chat"))
    assert (parsed.model_cache, parsed.volumes) == (path, mounted)


def test_a_model_cache_names_a_volume_without_a_stack_too() -> None:
    parsed = spec.parse({**CHAT, "modelCache": {"volume": "somebodys"}})
    assert spec.to_inputs(parsed)["modelCache"] == "/model-cache"
    assert parsed.volumes == {"/model-cache": "somebodys"}
    assert spec.parse(spec.to_inputs(parsed)) == parsed


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        (
            {"modelCache": {"name": "models"}},
            "modelCache: expected {volume: NAME} or a path, got the table {'name': 'models'}; "
            "write the name of a volume, or the path of a volume or mount",
        ),
        (
            {"modelCache": {"volume": "a b"}},
            "volumes./model-cache: a b is not the name of a volume",
        ),
    ],
    ids=str,
)
def test_another_shape_of_a_model_cache_is_one_line(keys: dict[str, object], reason: str) -> None:
    with pytest.raises(errors.SpecError) as caught:
        spec.parse({**CHAT, **keys})
    assert caught.value.problems[0].reason == reason
