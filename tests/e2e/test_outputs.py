"""A program whose values come from other resources: the real CLI over the SkyPilot in memory."""

import json
import pathlib
import textwrap
from collections.abc import Callable

import pytest

from tests import certificates
from tests.e2e import fake
from tests.e2e import stack as stacks

pytestmark = pytest.mark.timeout(300)

PROGRAM = '''
import json, os, pathlib
import pulumi
from pulumi import dynamic
import pulumi_skypilot as skypilot


class Maker(dynamic.ResourceProvider):
    def create(self, props):
        return dynamic.CreateResult("made", {"given": props["given"], "value": props["given"]})

    def diff(self, _id, olds, news):
        return dynamic.DiffResult(changes=olds["value"] != news["given"])

    def update(self, _id, olds, news):
        return dynamic.UpdateResult({"given": news["given"], "value": news["given"]})


class Other(dynamic.Resource):
    """Another resource, whose value is unknown until it is made."""

    value: pulumi.Output

    def __init__(self, name, given):
        super().__init__(Maker(), name, {"given": given, "value": None})


def known(value):
    return pulumi.Output.from_input(value)


def secret(value):
    return pulumi.Output.secret(value)


def later(value):
    later.made += 1
    return Other(f"other{later.made}", value).value


later.made = 0
pem = {name: pathlib.Path(f"{name}.pem").read_text() for name in ("certificate", "key")}
BASE = {"model": "openai/gpt-oss-20b", "accelerators": "L4:1", "infra": "aws"}
'''


@pytest.fixture
def stack(new_stack: Callable[..., stacks.Stack], tmp_path: pathlib.Path) -> stacks.Stack:
    made = new_stack()
    pem = certificates.make(tmp_path)
    (made.project / "certificate.pem").write_text(pem.certificate)
    (made.project / "key.pem").write_text(pem.key)
    return made


def write(stack: stacks.Stack, body: str) -> None:
    (stack.project / "__main__.py").write_text(PROGRAM + textwrap.dedent(body))


def test_outputs_everywhere_work_to_the_end(stack: stacks.Stack, tmp_path: pathlib.Path) -> None:
    write(
        stack,
        """
        scope = skypilot.Scope("models", api_server=known("http://127.0.0.1:9/"))
        chat = skypilot.Deployment(
            "chat",
            {
                **BASE,
                "model": known("openai/gpt-oss-20b"),
                "servedName": known("chat"),
                "accelerators": [known("L4:1"), "L40S:1"],
                "replicas": known({"min": 2, "max": 3, "targetQps": 2.5}),
                "timeouts": {"ready": known(700)},
                "env": {"PLAIN": "a", "OTHER": later("canary-env")},
                "secrets": secret({"HF_TOKEN": "canary-token"}),
                "tls": {"certificate": later(pem["certificate"]), "key": secret(pem["key"])},
            },
            scope=scope,
            service_name=known("t-chat"),
            api_key=later("canary-key"),
        )
        lab = skypilot.Deployment(
            "lab", {**BASE, "kind": "cluster", "timeouts": known({"ready": 500})}, scope=scope
        )
        pulumi.export("model", chat.model)
        pulumi.export("endpoint", chat.endpoint)
        """,
    )
    there = fake.environment(tmp_path / "asked.jsonl")
    shown = stack.run("preview", "--diff", env=there).output
    assert "canary" not in shown.replace('given     : "canary', "")
    stack.up(env=there)
    waits = {
        one["urn"].rpartition("::")[2]: one["inputs"]
        for one in stack.resources()
        if one["type"].endswith(":Readiness")
    }
    assert waits["chat"]["minReplicas"] == 2
    assert waits["chat"]["timeoutSeconds"] == 700
    assert waits["chat"]["model"] == "chat"
    assert waits["lab"]["timeoutSeconds"] == 500
    outputs = stack.outputs()
    assert outputs["model"] == "chat"
    assert outputs["endpoint"].startswith("https://")
    order = fake.read(tmp_path / "asked.jsonl").order("t-chat")
    assert order.env == {"PLAIN": "a", "OTHER": "canary-env"}
    assert order.secrets["SERVE_API_KEYS"] == "canary-key"
    assert order.secrets["HF_TOKEN"] == "canary-token"
    ours = [one for one in stack.resources() if "skypilot" in one["type"]]
    for canary in ("canary-token", "canary-key", "BEGIN PRIVATE"):
        assert canary not in json.dumps(ours)
    stack.run("preview", "--expect-no-changes", env=there)
    stack.run("refresh", "--yes", "--skip-preview", "--expect-no-changes", env=there)
    stack.run("destroy", "--yes", "--skip-preview", env=there)
    assert fake.read(tmp_path / "asked.jsonl").services() == ()


@pytest.mark.parametrize(
    ("body", "lines"),
    [
        (
            """
            skypilot.Deployment("chat", {
                **BASE, "replicas": later({"min": 1}), "servedName": secret("canary"),
                "secrets": later({"A": "b"}),
            }, scope=scope)
            """,
            [
                "servedName: it is a secret, ",
                "replicas: it must be known at preview, ",
                "secrets: its names must be known at preview; ",
            ],
        ),
        (
            'skypilot.Service("chat", {**BASE, "infra": [later("aws")]}, scope=scope)',
            ["infra: it must be known at preview, "],
        ),
        (
            'skypilot.Cluster("chat", {**BASE, "env": later({"A": "b"})}, scope=scope)',
            ["env: its names must be known at preview; "],
        ),
        (
            'skypilot.Deployment("chat", {**BASE, "kind": known("cluster")}, scope=scope)',
            ["chat: kind: it is an Output, "],
        ),
        (
            'skypilot.Deployment("chat", known(BASE), scope=scope)',
            ["chat: spec: the table itself is an Output; "],
        ),
        (
            'skypilot.Deployment("chat", {**BASE, "workdir": known("./nowhere")}, scope=scope)',
            ["workdir: there is no folder ./nowhere"],
        ),
    ],
    ids=["deployment", "service", "cluster", "kind", "whole", "folder"],
)
def test_what_must_be_known_is_one_line_at_preview(
    stack: stacks.Stack, tmp_path: pathlib.Path, body: str, lines: list[str]
) -> None:
    scope = 'scope = skypilot.Scope("models", api_server="http://127.0.0.1:9")\n'
    write(stack, scope + textwrap.dedent(body))
    asked = tmp_path / "asked.jsonl"
    result = stack.run("preview", check=False, env=fake.environment(asked))
    assert result.code != 0
    assert "Traceback" not in result.output
    assert "canary" not in result.output
    told = [line for line in result.errors() if "non-zero exit code" not in line]
    assert len(told) == len(lines), result.output
    for line in lines:
        assert [one for one in told if line in one], line
    assert fake.asked(asked) == []
