"""What a program uses, on Pulumi's own mocks."""

import json
import typing

import pulumi
import pytest
from pulumi.runtime import mocks

from pulumi_skypilot.program import components, resources, typed_specs, workdir
from pulumi_skypilot.spec import keys, stack


class Mocks(mocks.Mocks):
    def __init__(self) -> None:
        self.inputs: dict[str, typing.Any] = {}

    def new_resource(
        self, args: mocks.MockResourceArgs
    ) -> tuple[str | None, dict[typing.Any, typing.Any]]:
        self.inputs[args.typ.rpartition(":")[2]] = args.inputs
        outs = {"Scope": {"mark": "m", "seed": "s", "user": "u"}, "Service": {"digest": "d"}}
        return args.name, {**args.inputs, **outs.get(args.typ.rpartition(":")[2], {})}

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[typing.Any, typing.Any], None]:
        return {}, None


@pytest.fixture
def made() -> Mocks:
    one = Mocks()
    mocks.set_mocks(one, project="llm", stack="test")
    return one


def test_a_deployment_is_a_service_and_the_wait_for_it(made):
    @pulumi.runtime.test
    def program():
        scope = resources.Scope("models", api_server="https://sky.example.com/")
        spec: typed_specs.DeploymentSpec = {
            "model": "openai/gpt-oss-20b",
            "accelerators": "L4:1",
            "replicas": 2,
        }
        return components.Deployment("chat", spec, scope=scope).endpoint

    program()
    assert made.inputs["Service"]["name"] == "chat"
    assert made.inputs["Service"]["scope"] == {
        "apiServer": "https://sky.example.com",
        "mark": "m",
        "user": "u",
    }
    assert made.inputs["Readiness"]["minReplicas"] == 2
    assert made.inputs["Readiness"]["service"] == "chat"


def test_a_service_has_the_same_key_however_often_it_is_made(made):
    keys: list[str] = []

    @pulumi.runtime.test
    def program():
        scope = resources.Scope("models")
        return pulumi.Output.all(
            scope.api_key("chat"), scope.api_key("chat"), scope.api_key("code")
        ).apply(keys.extend)

    program()
    assert keys[0] == keys[1]
    assert keys[0] != keys[2]
    assert keys[0].startswith("sk-")


def test_a_local_folder_is_known_by_its_content(made, tmp_path):
    (tmp_path / "a.txt").write_text("a")

    @pulumi.runtime.test
    def program():
        spec: typing.Any = {"model": "a/b", "accelerators": "L4:1", "workdir": str(tmp_path)}
        return resources.Service("chat", spec, scope=resources.Scope("models")).endpoint

    program()
    found = made.inputs["Service"]["workdir"]
    assert found == {"path": str(tmp_path), "digest": workdir.digest(str(tmp_path))}


def test_a_folder_that_is_missing_ends_the_program_in_one_line(made):
    @pulumi.runtime.test
    def program():
        spec: typing.Any = {"model": "a/b", "accelerators": "L4:1", "workdir": "./nowhere"}
        return resources.Service("chat", spec, scope=resources.Scope("models")).endpoint

    with pytest.raises(pulumi.RunError, match=r"^chat: workdir: there is no folder \./nowhere"):
        program()
    assert "Service" not in made.inputs


def test_secrets_in_tables_are_named_by_their_config_keys(monkeypatch):
    secrets = {"registry": "canary", "cert": "a certificate", "certKey": "a key"}
    monkeypatch.setattr(pulumi.Config, "get_secret", lambda _self, key: secrets.get(key))
    table = {
        "imageCredentials": {"server": "a.b", "username": "u", "password": "registry"},
        "tls": {"certificate": "cert", "key": "certKey"},
    }
    found = stack.Stack("llm", {"chat": table}, own={"chat": table}, shared={})
    assert components._with_secrets("chat", found, pulumi.Config("llm")) == {
        "imageCredentials": {"server": "a.b", "username": "u", "password": "canary"},
        "tls": {"certificate": "a certificate", "key": "a key"},
    }


def program_of(made: Mocks, **changes: typing.Any) -> dict[str, typing.Any]:
    """Return the inputs of the service of a deployment with these options."""

    @pulumi.runtime.test
    def program():
        auth = changes.pop("auth", "key")
        spec: typed_specs.DeploymentSpec = {"model": "a/b", "accelerators": "L4:1", "auth": auth}
        scope = resources.Scope("models")
        return components.Deployment("chat", spec, scope=scope, **changes).endpoint

    program()
    service: dict[str, typing.Any] = made.inputs["Service"]
    plain = {key: service.get(key) for key in ("apiKey", "earlierKey")}
    # On the wire a secret is a table with its value.
    return {key: one["value"] for key, one in plain.items() if one is not None}


def test_of_two_versions_of_the_key_the_last_is_handed_out(made):
    once = program_of(made)
    both = program_of(made, key_version=[1, 2])
    assert once["apiKey"] == keys.derive("s", "chat", 1)
    assert "earlierKey" not in once
    assert both["earlierKey"] == once["apiKey"]
    assert both["apiKey"] == keys.derive("s", "chat", 2)


def test_of_two_keys_of_ones_own_the_last_is_handed_out(made):
    found = program_of(made, api_key=["sk-old-1", "sk-new-1"])
    assert (found["earlierKey"], found["apiKey"]) == ("sk-old-1", "sk-new-1")


def test_without_auth_there_is_no_key(made):
    assert "apiKey" not in program_of(made, auth="none")


@pytest.mark.parametrize(
    "options",
    [
        {"auth": "none", "key_version": 2},
        {"auth": "none", "api_key": "sk-own-1"},
        {"api_key": "sk-own-1", "key_version": 2},
        {"key_version": 0},
        {"api_key": ["sk-one-1", "sk-two-2", "sk-three"]},
    ],
)
def test_keys_that_make_no_sense_are_refused(made, options):
    with pytest.raises(pulumi.RunError, match=r"^chat: "):
        program_of(made, **options)


def test_the_models_of_a_stack_have_its_adapters_too(made):
    lora = {"maxRank": 16, "adapters": {"sql": "org/sql-adapter"}}
    chat = {"model": "Qwen/Qwen3-8B", "accelerators": "H100:1", "lora": lora}
    config = {"deployments": {"chat": chat}, "scope": "models"}
    texts = {f"llm:{key}": json.dumps(value) for key, value in config.items()}
    names: dict[str, object] = {}

    @pulumi.runtime.test
    def program():
        pulumi.runtime.set_all_config(texts, [])
        stack = components.Deployments()
        names.update(stack.models)
        return pulumi.Output.all(stack.endpoints)

    program()
    assert list(names) == ["chat", "chat/sql"]
    assert names["chat/sql"] == "sql"
