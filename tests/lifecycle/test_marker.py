"""The mark of a service: its owner, and whether it is still as it was applied."""

import dataclasses

import pytest
import yaml

from pulumi_skypilot.lifecycle import marker
from pulumi_skypilot.plan import task
from tests.wanted import MARK, wanted


def test_a_text_names_its_stack_and_its_digest():
    service = wanted()
    assert marker.read(service.order().text) == (MARK, service.digest)


def test_a_text_edited_by_hand_keeps_its_owner_and_loses_its_digest():
    text = wanted().order().text.replace("min_replicas: 1", "min_replicas: 2")
    assert marker.read(text) == (MARK, None)


def test_a_strangers_text_names_nobody():
    assert marker.read("service: {}\n") == (None, None)
    assert marker.read(None) == (None, None)


def test_the_machines_carry_the_stack_as_a_label():
    labels = yaml.safe_load(wanted(labels={"team": "a"}).order().text)["resources"]["labels"]
    assert labels == {"team": "a", marker.LABEL: MARK}


def test_the_digest_changes_with_each_thing_that_reaches_skypilot():
    service = wanted()
    others = [
        dataclasses.replace(service, env={"A": "b"}),
        dataclasses.replace(service, secrets={**service.secrets, "HF_TOKEN": "t"}),
        dataclasses.replace(service, secrets={task.API_KEYS: "sk-2"}),
        wanted(context=4096),
    ]
    assert len({service.digest, *(other.digest for other in others)}) == 5


def test_the_text_holds_no_value():
    secret = dataclasses.replace(
        wanted(secrets={"HF_TOKEN": ""}), secrets={task.API_KEYS: "canary", "HF_TOKEN": "canary"}
    )
    assert "canary" not in secret.order().text


def test_a_strangers_task_is_shown_without_values():
    shown = marker.theirs("envs: {A: canary}\nsecrets: {B: canary}\nrun: echo\n")
    assert shown == {"envs": {"A": None}, "secrets": {"B": None}, "run": "echo"}


@pytest.mark.parametrize("text", [None, "- a list", "a: [", ""])
def test_what_is_no_task_of_a_stranger_is_none(text):
    assert marker.theirs(text) is None


def test_of_env_only_what_this_package_generates_keeps_its_value():
    planned = {"envs": {"OMP": "8", "A": None}, "secrets": {"B": None}}
    shown = marker.theirs(
        "envs: {OMP: 9, A: canary}\nsecrets: {B: canary}\n", marker.generated(planned)
    )
    assert shown == {"envs": {"OMP": 9, "A": None}, "secrets": {"B": None}}
