"""A stack's config: shared defaults, the stack's own tables, and where each was written."""

import json
import typing

import pytest

from pulumi_skypilot import spec
from pulumi_skypilot.spec import stack

SHARED = {"chat": {"model": "a/b", "replicas": {"min": 1, "max": 3}, "infra": ["k8s", "aws"]}}


def read(own_tables: object = None, shared: object = None, **settings: str) -> stack.Stack:
    tables = {"deployments": own_tables, "shared": shared}
    texts = {name: json.dumps(table) for name, table in tables.items() if table is not None}
    return read_texts({**texts, **settings})


def read_texts(settings: dict[str, str]) -> stack.Stack:
    return stack.read({f"llm:{name}": text for name, text in settings.items()}, "llm", "dev")


def wrong(config: stack.Stack, reason: str) -> str:
    return config.wrong("chat", spec.Problem("any", reason))


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
        ({}, "llm:deployments: missing; write a table of deployments"),
        ({"deployments": ""}, "llm:deployments: missing; write a table of deployments"),
        ({"deployments": "{}"}, "llm:deployments: missing; write a table of deployments"),
        ({"deployments": "chat"}, "llm:deployments: it must be a table of deployments"),
        ({"deployments": "[]"}, "llm:deployments: it must be a table of deployments"),
        ({"shared": '{"chat": 1}'}, "llm:shared.chat: it must be a table"),
        ({"deployments": '{"chat": null}'}, "llm:deployments.chat: it is empty"),
        ({"production": "yes", "shared": '{"a": {}}'}, "llm:production: 'yes' is neither true nor"),
        ({"production": "", "shared": '{"a": {}}'}, "llm:production: '' is neither true nor"),
        ({"shared": '{"a": {"protect": "yes"}}'}, "llm:shared.a.protect: write true or false"),
    ],
)
def test_a_wrong_setting_gets_one_line(settings: dict[str, str], line: str) -> None:
    (mistake,) = read_texts(settings).mistakes
    assert mistake.startswith(line)


def test_all_that_is_wrong_is_told_at_once() -> None:
    texts = {
        "deployments": '{"chat": {"adopt": 1, "keyVersion": 0}, "code": 1, "gone": null}',
        "production": "yes",
        "budget": "40",
    }
    lines = stack.read(
        {**{f"llm:{name}": text for name, text in texts.items()}, "skypilot:apiserver": "x"}, "llm"
    ).mistakes
    assert [line.partition(": ")[0] for line in lines] == [
        "llm:deployments.code",
        "llm:production",
        "llm:budget",
        "skypilot:apiserver",
        "llm:deployments.gone",
        "llm:deployments.chat.adopt",
        "llm:deployments.chat.keyVersion",
    ]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("prodution", "production"),
        ("sharde", "shared"),
        ("deployment", "deployments"),
        ("Deployments", "deployments"),
        ("prefx", "prefix"),
    ],
)
def test_a_name_that_is_probably_misspelt_is_a_warning(name: str, meant: str) -> None:
    config = read(shared=SHARED, **{name: "x"})
    assert config.mistakes == ()
    assert config.warnings == (
        f"llm:{name} is not a setting of this package; did you mean llm:{meant}?",
    )


@pytest.mark.parametrize(
    "name", ["product", "budgetKey", "sharedKey", "productionUrl", "hfToken", "deploy"]
)
def test_a_name_of_the_users_own_is_none_of_our_business(name: str) -> None:
    config = read(shared=SHARED, **{name: "x"})
    assert (config.mistakes, config.warnings) == ((), ())


def test_values_of_a_file_mean_what_their_texts_mean() -> None:
    values = {"shared": SHARED, "production": True, "prefix": 5, "budget": {"hourly": 4}}
    texts = {"shared": json.dumps(SHARED), "production": "true", "prefix": "5"}
    texts["budget"] = '{"hourly": 4}'
    of_file = stack.read({f"llm:{name}": value for name, value in values.items()}, "llm", "dev")
    assert of_file == read_texts(texts)
    assert of_file.name("chat") == "5-chat"


def test_names_begin_with_the_stack_unless_the_config_says_otherwise() -> None:
    assert read(shared=SHARED).name("chat") == "dev-chat"
    assert read(shared=SHARED, prefix="").name("chat") == "dev-chat"
    assert read(shared=SHARED, prefix="acme").name("chat") == "acme-chat"


@pytest.mark.parametrize("name", ["budget", "production", "prefix"])
def test_a_setting_that_is_encrypted_is_said_not_to_be_read(name: str) -> None:
    config = stack.read({"llm:shared": SHARED, f"llm:{name}": spec.UNKNOWN}, "llm", "dev")
    assert config.mistakes == ()
    assert config.warnings == (f"llm:{name}: it is encrypted, and was not read",)


class TestNamespace:
    """A trap for newcomers: the namespace is the project's name."""

    def test_deployments_of_another_namespace_are_named(self) -> None:
        (line,) = stack.read({"llm:deployments": SHARED}, "team-models").mistakes
        assert line == (
            "team-models:deployments: missing, but the config has llm:deployments; the namespace "
            "must be the project's name: rename it to team-models:deployments, or name the project "
            "llm in Pulumi.yaml"
        )

    def test_so_are_shared_ones_given_as_text(self) -> None:
        (line,) = stack.read({"llm:shared": json.dumps(SHARED)}, "team-models").mistakes
        assert "the config has llm:shared; " in line

    @pytest.mark.parametrize("other", ["x", 5, "[]"])
    def test_what_is_no_table_is_not_taken_for_ours(self, other: object) -> None:
        (line,) = stack.read({"app:deployments": other}, "team-models").mistakes
        assert line.startswith("team-models:deployments: missing; write a table")

    def test_where_there_are_deployments_another_namespace_may_say_what_it_likes(self) -> None:
        config = stack.read({"llm:shared": SHARED, "app:deployments": {"a": {}}}, "llm")
        assert (config.mistakes, config.warnings) == ((), ())


def test_a_budget_is_read_with_the_rest() -> None:
    limits = read(shared=SHARED, budget='{"hourly": 40, "unknown": "allow"}').limits
    assert (limits.hourly, limits.allows_unknown, limits.where) == (40.0, True, "llm:budget")
    assert not read(shared=SHARED).limits
    assert not read(shared=SHARED, budget="").limits


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("40", "llm:budget: 40 is not a table of USD"),
        ("forty", "llm:budget: 'forty' is not a table of USD"),
        ('{"hourly": 1e309}', "llm:budget.hourly: inf is not an amount in USD"),
        ('{"hourly": 4, "unknwn": "allow"}', "llm:budget.unknwn: unknown key; did you mean unkn"),
    ],
)
def test_a_wrong_budget_is_told_with_every_other_mistake(text: str, line: str) -> None:
    mistakes = read({"chat": {"model": "a/b", "protect": "yes"}}, budget=text).mistakes
    assert mistakes[0].startswith(line)
    assert mistakes[1].startswith("llm:deployments.chat.protect: ")


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
        ({"apiKey": ["a", "a"]}, "apiKey: write one value, or two distinct ones"),
        ({"apiKey": "own", "keyVersion": 2}, "keyVersion: it numbers the keys that are made"),
        ({"auth": "none", "apiKey": "own"}, "apiKey: with auth: none there is no key"),
    ],
)
def test_what_stands_beside_the_spec_is_checked(table: dict[str, object], reason: str) -> None:
    config = read({"chat": {"model": "a/b", **table}}, own="key-of-eight")
    (line,) = config.mistakes
    assert line.startswith(f"llm:deployments.chat.{reason}")


def test_a_file_of_deployments_alone_names_no_setting() -> None:
    config = stack.of_tables({"chat": {"model": "a/b", "adopt": 1}, "gone": None, "odd": 1})
    assert config.mistakes == (
        "odd: it must be a table, with at least a model",
        "gone: it is empty; write at least its model, or remove the line",
        "chat.adopt: write true or false",
    )
    assert config.wrong("chat", spec.Problem("name", "name: too long")) == "chat: too long"
