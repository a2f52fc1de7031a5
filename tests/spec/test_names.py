"""Names that every cloud accepts."""

import pytest

from pulumi_skypilot import spec


@pytest.mark.parametrize("name", ["chat", "a", "chat-2b", "gpt-oss-120b"])
def test_good_names_are_taken(name: str) -> None:
    assert spec.check_name(name) is None


@pytest.mark.parametrize(
    "name",
    ["", "Chat", "1chat", "chat-", "-chat", "ch_at", "ch.at", "chat-1", "chat-a-12", "ch at"],
)
def test_names_that_break_skypilot_are_refused(name: str) -> None:
    problem = spec.check_name(name)
    assert problem is not None
    assert problem.property == "name"
    assert problem.reason.startswith("name: ")


@pytest.mark.parametrize("name", ["sky-serve-controller-x", "sky-jobs-controller"])
def test_names_of_skypilots_own_are_refused(name: str) -> None:
    problem = spec.check_name(name)
    assert problem is not None
    assert "SkyPilot's own" in problem.reason


@pytest.mark.parametrize(
    ("infra", "kind", "person", "service_account"),
    [
        (["gcp"], "service", 22, 11),
        (["k8s"], "service", 29, 18),
        (["azure/x"], "service", 29, 18),
        (["aws"], "service", 235, 224),
        (["aws", "gcp/us-central1"], "service", 22, 11),
        ([], "service", 22, 11),
        (["gcp"], "cluster", 26, 15),
        (["aws"], "cluster", 239, 228),
        ([], "cluster", 26, 15),
    ],
)
def test_a_name_leaves_room_for_what_follows_it(
    infra: list[str], kind: spec.Kind, person: int, service_account: int
) -> None:
    for limit, is_account in ((person, False), (service_account, True)):
        names = ["a" * limit, "a" * (limit + 1)]
        problems = [
            spec.check_name(name, infra, service_account=is_account, kind=kind) for name in names
        ]
        assert problems[0] is None
        assert problems[1] is not None


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("service", "gcp leaves a service 22, followed by a replica's number and the user's hash"),
        ("cluster", "gcp leaves a cluster 26, followed by the user's hash; shorten it"),
    ],
)
def test_a_name_that_is_too_long_is_told_by_kind(kind: spec.Kind, words: str) -> None:
    problem = spec.check_name("a" * 40, ["gcp"], kind=kind)
    assert problem is not None
    assert words in problem.reason


@pytest.mark.parametrize(
    ("kind", "words"), [("service", "of another service"), ("cluster", "of a service")]
)
def test_a_name_like_a_replicas_is_told_by_kind(kind: spec.Kind, words: str) -> None:
    problem = spec.check_name("chat-1", kind=kind)
    assert problem is not None
    assert f"ends like a replica {words}; drop the number" in problem.reason
