"""The documented rights of SkyPilot's API server."""

from typing import Any

from local.kubernetes import rights


def _named(kind: str) -> list[dict[str, Any]]:
    return [each for each in rights.documents(["default", "team"]) if each["kind"] == kind]


def test_each_namespace_has_an_account_and_its_rights() -> None:
    for kind in ("ServiceAccount", "Role", "RoleBinding"):
        assert [each["metadata"]["namespace"] for each in _named(kind)] == ["default", "team"]


def test_the_first_account_has_the_rights_everywhere_and_the_others_in_their_own() -> None:
    bound = [
        [subject["namespace"] for subject in binding["subjects"]]
        for binding in (*_named("RoleBinding"), *_named("ClusterRoleBinding"))
    ]
    assert bound == [["default"], ["default", "team"], ["default", "team"]]


def test_no_right_is_for_everything() -> None:
    for role in (*_named("Role"), *_named("ClusterRole")):
        for rule in role["rules"]:
            assert "*" not in (*rule["apiGroups"], *rule["resources"], *rule["verbs"])


def test_in_the_whole_cluster_nothing_can_be_changed() -> None:
    for role in _named("ClusterRole"):
        for rule in role["rules"]:
            assert set(rule["verbs"]) <= {"get", "list", "watch"}
