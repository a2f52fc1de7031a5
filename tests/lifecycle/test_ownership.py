"""The rights to end something: nothing of others is touched."""

import ast
import pathlib

import pytest

from pulumi_skypilot.lifecycle import ownership
from pulumi_skypilot.skypilot import interface
from tests.wanted import BY_HAND, MARK, NAME, OURS, THEIRS, wanted


def service(
    text: str | None = None, hash_: str = "h", replicas: tuple[interface.Replica, ...] = ()
) -> interface.Service:
    return interface.Service(NAME, "READY", 1, (1,), hash_, None, text, replicas)


class TestRights:
    @pytest.mark.parametrize(
        ("text", "hash_", "ours"),
        [
            (wanted().order().text, "h", True),
            (wanted().order().text, "another", True),
            (wanted(mark="other").order().text, "h", False),
            (BY_HAND, "h", True),
            (BY_HAND, "another", False),
            (None, "h", True),
            (None, "another", False),
            (BY_HAND, "", False),
        ],
    )
    def test_a_service_is_ours_by_its_mark_or_unmarked_as_the_incarnation_in_state(
        self, text, hash_, ours
    ):
        assert ownership.of_service(service(text, hash_), MARK, hash_ and "h") is ours

    @pytest.mark.parametrize(
        ("text", "hash_", "same"),
        [
            (wanted().order().text, "h", True),
            (None, "h", True),
            (wanted().order().text, "another", False),
            (wanted(mark="other").order().text, "h", False),
        ],
    )
    def test_a_service_is_the_same_until_it_is_another_or_adopted(self, text, hash_, same):
        before = service(wanted().order().text)
        assert ownership.same_service(before, service(text, hash_)) is same

    @pytest.mark.parametrize(
        ("name", "labels", "hash_", "owns"),
        [
            (f"{NAME}-3", OURS, "x", True),
            (f"{NAME}-eu-3", OURS, "x", False),
            (NAME, OURS, "x", False),
            (f"{NAME}-3", {}, "x", False),
            (f"{NAME}-3", THEIRS, "x", False),
            # 1 was seen when the record named it; 2 had no machine then.
            (f"{NAME}-1", {}, "seen", True),
            (f"{NAME}-1", THEIRS, "seen", True),
            (f"{NAME}-1", {}, "another", False),
            (f"{NAME}-2", {}, "x", True),
            (f"{NAME}-2", THEIRS, "x", False),
        ],
    )
    def test_a_machine_is_ours_by_its_label_or_by_the_record(self, name, labels, hash_, owns):
        replicas = ownership.Replicas(NAME, MARK)
        listed = tuple(interface.Replica(id_, "READY", 1, launched=True) for id_ in (1, 2))
        replicas.record(service(replicas=listed), [interface.Machine(f"{NAME}-1", {}, "seen")])
        replicas.record(service(replicas=listed), [interface.Machine(f"{NAME}-1", {}, "another")])
        assert replicas.owns(interface.Machine(name, labels, hash_)) is owns

    @pytest.mark.parametrize(
        ("kind", "name", "labels", "launches"),
        [
            ("replica", f"{NAME}-3", OURS, True),
            ("replica", f"{NAME}-3", {}, False),
            ("replica", f"{NAME}-3", THEIRS, False),
            ("replica", f"{NAME}-3", None, False),
            ("launch", f"{NAME}-3", OURS, False),
            ("replica", f"{NAME}-1", {}, True),
            ("replica", f"{NAME}-1", THEIRS, False),
            ("replica", f"{NAME}-1", None, False),
            ("launch", f"{NAME}-1", {}, False),
        ],
    )
    def test_a_launch_is_ours_by_its_labels_or_by_the_record(self, kind, name, labels, launches):
        replicas = ownership.Replicas(NAME, MARK)
        replicas.record(
            service(replicas=(interface.Replica(1, "PROVISIONING", 1, launched=False),))
        )
        assert replicas.launches(interface.Request("r", kind, name, labels)) is launches


ENDS = {
    ("services", "update"): "create takes over what `adopt` names; update has checked of_service",
    ("shutdown", "down"): "_end's caller has checked of_service, _still that it is the same one",
    ("shutdown", "machine_down"): "Replicas.owns; in a sweep the label",
    ("shutdown", "cancel"): "Replicas.launches",
    ("services", "cancel"): "of_request, and no service lists what it launches",
    ("operations", "cancel"): "`is_ours`, which is of_request",
    ("clusters", "machine_down"): "_down's caller has checked of_cluster",
    ("clusters", "cancel_jobs"): "the mark in the job's name; all of a cluster that `adopt` names",
    ("clusters", "autostop"): "of_cluster, just before",
    ("clusters", "exec"): "of_cluster, at the begin of the update",
    ("clusters", "launch"): "of_cluster, just before and after",
    ("services", "up"): "only where there is no service of the name",
    ("services", "wake"): "starts SkyServe's controller, and ends nothing",
}
"""(module, call that changes something) → the right by which it is made."""


def test_every_call_that_changes_something_is_known_with_its_right() -> None:
    """Fail for a new call: name its right here, and let `ownership` decide it."""
    changes = {call for _, call in ENDS}
    package = pathlib.Path(ownership.__file__).parents[1]
    made = {
        (file.stem, node.func.attr)
        for file in [*package.glob("lifecycle/*.py"), *package.glob("providers/*.py")]
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in changes
        and isinstance(node.func.value, ast.Attribute)
        and node.func.value.attr == "_sky"
    }
    assert made == set(ENDS)
