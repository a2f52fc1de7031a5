"""The fields that are read from a request and from a service's YAML."""

import dataclasses
import json

import pytest

from pulumi_skypilot.skypilot import interface, sdk_private

TASK = "resources: {infra: aws, labels: {pulumi-stack: mark0001}}\nrun: echo prod-chat\n"


@dataclasses.dataclass(frozen=True)
class Payload:
    """A request as the server lists it: tests/with_sky/test_requests.py holds it to SkyPilot."""

    name: str
    cluster_name: str | None
    request_body: str
    request_id: str = "r"


def payload(name: str, cluster: str | None = None, **body: object) -> Payload:
    return Payload(name, cluster, json.dumps(body or None))


OURS = {"pulumi-stack": "mark0001"}


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (
            payload("sky.serve.up", "controller", service_name="prod-chat", task=TASK),
            interface.Request("r", "up", "prod-chat", OURS),
        ),
        (
            payload("sky.serve.update", "controller", service_name="prod-chat", task="run: x"),
            interface.Request("r", "update", "prod-chat", {}),
        ),
        (
            payload("sky.launch", "lab", cluster_name="lab", task="name: prod-chat\n---\n" + TASK),
            interface.Request("r", "launch", "lab", OURS),
        ),
        (
            payload(
                "sky.launch",
                "prod-chat-1",
                cluster_name="prod-chat-1",
                task=TASK,
                is_launched_by_sky_serve_controller=True,
            ),
            interface.Request("r", "replica", "prod-chat-1", OURS),
        ),
        # Another user's, which the server does not show.
        (payload("sky.launch", "lab"), interface.Request("r", "launch", "lab")),
        (payload("sky.serve.up", "controller"), interface.Request("r", "up", "")),
        # A task that merely names it, and a text that is no task.
        (
            payload("sky.launch", "lab", cluster_name="lab", task="run: echo prod-chat mark0001"),
            interface.Request("r", "launch", "lab", {}),
        ),
        (
            payload("sky.launch", "lab", cluster_name="lab", task="a: [b"),
            interface.Request("r", "launch", "lab"),
        ),
        (payload("sky.jobs.launch", "jobs", service_name="prod-chat", task=TASK), None),
        (payload("sky.status", None, cluster_names=["prod-chat"]), None),
    ],
)
def test_what_a_request_makes_is_read_from_its_own_fields(sent, expected):
    assert sdk_private.request(sent) == expected


def test_labels_are_those_of_every_choice_of_machines():
    text = """
resources:
  labels: {pulumi-stack: mark0001, team: a}
  any_of: [{infra: aws, labels: {pulumi-stack: mark0001}}, {labels: {pulumi-stack: other}}]
file_mounts: {labels: {labels: {pulumi-stack: mark0001}}}
"""
    sent = payload("sky.launch", "lab", cluster_name="lab", task=text)
    assert sdk_private.request(sent) == interface.Request("r", "launch", "lab", {})


def test_the_authors_text_is_taken_and_not_the_normal_form_with_its_values():
    content = "secrets: {A: canary}\n_user_specified_yaml: |\n  secrets: {A: null}\n  # mark\n"
    assert sdk_private.user_text(content) == "secrets: {A: null}\n# mark\n"
    assert sdk_private.user_text(None) is None
