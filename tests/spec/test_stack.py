"""What a stack's config says: shared defaults, the stack's own, and where each was written."""

import json
import re
import typing

import pytest

from pulumi_skypilot import errors, spec
from pulumi_skypilot.spec import stack

SHARED = {"chat": {"model": "a/b", "replicas": {"min": 1, "max": 3}, "infra": ["k8s", "aws"]}}


def read(own: object = None, shared: object = None, **settings: str) -> stack.Stack:
    tables = {"deployments": own, "shared": shared}
    texts = {name: json.dumps(table) for name, table in tables.items() if table is not None}
    return stack.read("llm", {**texts, **settings})


def wrong(found: stack.Stack, reason: str) -> str:
    return found.wrong("chat", spec.Problem("any", reason))


def test_every_shared_deployment_is_made_where_a_stack_says_nothing() -> None:
    assert read(shared=SHARED).deployments == SHARED


def test_an_empty_setting_says_nothing() -> None:
    """`llm:deployments:` without a value reaches the program as an empty string."""
    assert read(shared=SHARED, deployments="").deployments == SHARED


def test_tables_merge_key_by_key_and_lists_replace() -> None:
    own = {"chat": {"replicas": {"max": 5}, "infra": ["aws"]}, "code": {"model": "c/d"}}
    assert read(own, SHARED).deployments == {
        "chat": {"model": "a/b", "replicas": {"min": 1, "max": 5}, "infra": ["aws"]},
        "code": {"model": "c/d"},
    }


@pytest.mark.parametrize(
    ("under", "over", "result"),
    [
        ({"replicas": {"min": 1, "max": 3}}, {"replicas": 2}, {"replicas": 2}),
        ({"replicas": 2}, {"replicas": {"min": 1}}, {"replicas": {"min": 1}}),
        ({"spot": True, "disk": 9}, {"spot": None}, {"disk": 9}),
        ({"a": {"b": {"c": 1, "d": 2}}}, {"a": {"b": {"c": None}}}, {"a": {"b": {"d": 2}}}),
        ({}, {"a": {"b": None}}, {"a": {}}),
        ({"a": None}, {}, {}),
        ({"a": False}, {"a": 0}, {"a": 0}),
    ],
)
def test_tables_merge_as_written_out(
    under: dict[str, typing.Any], over: dict[str, typing.Any], result: dict[str, typing.Any]
) -> None:
    assert stack.merged(under, over) == result


def test_null_takes_a_shared_deployment_away() -> None:
    assert read({"chat": None, "code": {"model": "c/d"}}, SHARED).deployments == {
        "code": {"model": "c/d"}
    }


def test_a_merge_changes_neither_side() -> None:
    before = json.dumps(SHARED)
    stack.merged(SHARED, {"chat": {"replicas": {"max": 9}}})
    assert json.dumps(SHARED) == before


@pytest.mark.parametrize(
    ("own", "path", "place"),
    [
        ({}, "replicas.min", "llm:shared.chat.replicas.min"),
        ({"chat": {"replicas": {"max": 0}}}, "replicas.max", "llm:deployments.chat.replicas.max"),
        ({"chat": {"replicas": {"max": 5}}}, "replicas.min", "llm:shared.chat.replicas.min"),
        ({"chat": {"replicas": 0}}, "replicas.min", "llm:deployments.chat.replicas.min"),
        ({"chat": {"context": 1}}, "replicas", "llm:shared.chat.replicas"),
        ({"chat": {"infra": ["asw"]}}, "infra.0", "llm:deployments.chat.infra.0"),
        ({"chat": {}}, "infra.0", "llm:shared.chat.infra.0"),
        ({"chat": {}}, "cpus", "llm:deployments.chat.cpus"),
        ({}, "replicas.targetQps", "llm:shared.chat.replicas.targetQps"),
    ],
)
def test_a_mistake_is_named_where_it_was_written(
    own: dict[str, typing.Any], path: str, place: str
) -> None:
    assert wrong(read(own, SHARED), f"{path}: it is wrong: see") == f"{place}: it is wrong: see"


def test_a_name_is_wrong_at_the_key_that_it_is_made_of() -> None:
    problem = spec.Problem("name", "name: dev-Bad_Name is not a-z, 0-9 and -")
    table = {"Bad_Name": {"model": "a/b"}}
    reason = "dev-Bad_Name is not a-z, 0-9 and -"
    assert read(table).wrong("Bad_Name", problem) == f"llm:deployments.Bad_Name: {reason}"
    assert read(None, table).wrong("Bad_Name", problem) == f"llm:shared.Bad_Name: {reason}"


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({}, "llm:deployments: it must be a table of deployments"),
        ({"deployments": "chat"}, "llm:deployments: it must be a table of deployments"),
        ({"deployments": "[]"}, "llm:deployments: it must be a table of deployments"),
        ({"shared": '{"chat": 1}'}, "llm:shared.chat: it must be a table"),
        ({"deployments": '{"chat": null}'}, "llm:deployments.chat: it is empty"),
        ({"prodution": "true"}, "llm:prodution: unknown setting; did you mean production?"),
        ({"sharde": "{}"}, "llm:sharde: unknown setting; did you mean shared?"),
    ],
)
def test_a_wrong_setting_gets_one_line(settings: dict[str, str], line: str) -> None:
    with pytest.raises(errors.StackError) as caught:
        stack.read("llm", settings)
    assert str(caught.value).startswith(line)


def test_a_value_that_is_no_boolean_is_refused() -> None:
    with pytest.raises(errors.StackError, match="llm:production: 'yes' is neither true nor false"):
        read(shared=SHARED, production="yes")
    with pytest.raises(errors.StackError, match=r"llm:shared\.chat\.protect: write true or false"):
        read(shared={"chat": {"model": "a/b", "protect": "yes"}})


def test_a_budget_is_read_with_the_rest() -> None:
    found = read(shared=SHARED, budget='{"hourly": 40, "unknown": "allow"}').limits
    assert (found.hourly, found.allows_unknown, found.where) == (40.0, True, "llm:budget")
    assert not read(shared=SHARED).limits
    assert not read(shared=SHARED, budget="").limits


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("40", "llm:budget: 40 is not a table of USD"),
        ("forty", "llm:budget: 'forty' is not a table of USD"),
        ('{"hourly": 1e309}', "llm:budget.hourly: inf is no amount of USD"),
        ('{"hourly": 4, "unknwn": "allow"}', "llm:budget.unknwn: unknown key; did you mean unkn"),
    ],
)
def test_a_wrong_budget_is_told_with_every_other_mistake(text: str, line: str) -> None:
    with pytest.raises(errors.StackError) as caught:
        read({"chat": {"model": "a/b", "protect": "yes"}}, budget=text)
    told = str(caught.value).splitlines()
    assert told[0].startswith(line)
    assert told[1].startswith("llm:deployments.chat.protect: ")


def test_what_is_protected_counts_and_what_was_taken_away_does_not() -> None:
    own: dict[str, typing.Any] = {"chat": None, "code": {"model": "c/d", "protect": True}}
    assert list(read(own, SHARED, production="true").deployments) == ["code"]


def test_secrets_of_the_users_own_names_are_no_settings_of_ours() -> None:
    assert read(shared=SHARED, hfToken="x", chatKey="y").deployments == SHARED


@pytest.mark.parametrize(
    ("settings", "table", "protected"),
    [
        ({}, {}, False),
        ({"production": "true"}, {}, True),
        ({"production": "false"}, {}, False),
        ({"production": "true"}, {"protect": False}, False),
        ({}, {"protect": True}, True),
    ],
)
def test_production_protects_unless_a_deployment_says_otherwise(
    settings: dict[str, str], table: dict[str, object], protected: bool
) -> None:
    assert read({"chat": table}, SHARED, **settings).protected("chat") is protected


def test_what_stands_beside_the_spec_is_not_part_of_it() -> None:
    beside = {"adopt": True, "apiKey": "k", "keyVersion": 2, "protect": True, "upgrade": True}
    table = {"model": "a/b", **beside}
    assert stack.spec_of(table) == {"model": "a/b"}


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ({"adopt": "yes"}, "adopt: write true or false"),
        ({"keyVersion": 0}, "keyVersion: 0 is too small"),
        ({"apiKey": ["a", "a"]}, "apiKey: write one, or two different ones"),
        ({"apiKey": "own", "keyVersion": 2}, "keyVersion: it numbers the keys that are made"),
        ({"auth": "none", "apiKey": "own"}, "apiKey: with auth: none there is no key"),
    ],
)
def test_what_stands_beside_the_spec_is_checked(table: dict[str, object], reason: str) -> None:
    with pytest.raises(errors.StackError, match=f"^llm:deployments.chat.{re.escape(reason)}"):
        read({"chat": {"model": "a/b", **table}})
