"""Names that every place takes."""

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
    ("infra", "person", "service_account"),
    [
        (["gcp"], 22, 11),
        (["k8s"], 29, 18),
        (["azure/x"], 29, 18),
        (["aws"], 235, 224),
        (["aws", "gcp/us-central1"], 22, 11),
        ([], 22, 11),
    ],
)
def test_a_name_leaves_room_for_the_replica_and_the_user(
    infra: list[str], person: int, service_account: int
) -> None:
    for limit, is_account in ((person, False), (service_account, True)):
        assert spec.check_name("a" * limit, infra, service_account=is_account) is None
        assert spec.check_name("a" * (limit + 1), infra, service_account=is_account) is not None
