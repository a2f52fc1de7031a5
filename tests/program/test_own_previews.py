"""What a preview of a program of one's own shows: cost, fit, what is taken over. On mocks."""

import typing
from collections.abc import Callable

import pulumi
import pytest
from pulumi.runtime import mocks

from pulumi_skypilot import catalog, errors
from pulumi_skypilot.lifecycle import server_query
from pulumi_skypilot.program import components, resources, typed_specs, volume_resource
from tests import engine, programs
from tests.prices import ROWS

SPEC: typing.Any = {"model": "openai/gpt-oss-20b", "accelerators": "L4:1", "infra": "aws"}
Questions = dict[str, typing.Any]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Questions]:
    """Return what the server was asked; it knows the price of an L4 and nothing to adopt."""
    questions: list[Questions] = []

    def ask(_: object, given: Questions, **__: object) -> Questions:
        questions.append(given)
        return {"prices": {"rows": ROWS}, "remote": {"found": []}}

    monkeypatch.setattr(server_query, "ask", ask)
    return questions


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch, asked: list[Questions]) -> list[str]:
    lines: list[str] = []
    monkeypatch.setattr(pulumi.log, "info", lambda line, *_, **__: lines.append(line))
    monkeypatch.setattr(pulumi.log, "warn", lambda line, *_, **__: lines.append(f"warning: {line}"))
    return lines


def run(declare: Callable[[resources.Scope], typing.Any], *, preview: bool = True) -> None:
    mocks.set_mocks(programs.Mocks(), project="own", stack="test", preview=preview)
    pulumi.runtime.test(lambda: declare(resources.Scope("models")))()


def two(scope: resources.Scope) -> pulumi.Output[typing.Any]:
    chat = components.Deployment("chat", SPEC, scope=scope)
    lab = components.Deployment("lab", SPEC | {"kind": "cluster"}, scope=scope)
    return pulumi.Output.all(chat.endpoint, lab.endpoint)


def test_a_preview_shows_cost_and_fit_of_all_that_the_program_declares(
    logged: list[str], asked: list[Questions]
) -> None:
    run(two)
    assert logged == [
        "cost: 1.60 USD/h at the fewest replicas, 1.60 at the most (1,168 a month)\n"
        "chat: 1 of L4:1, aws: 0.80 USD/h; fits (1.4 requests of 131072 tokens)\n"
        "lab: one cluster of L4:1, aws: 0.80 USD/h; fits (1.4 requests of 131072 tokens)"
    ]
    assert len(asked) == 1


def test_an_update_without_a_budget_asks_nobody(logged: list[str], asked: list[Questions]) -> None:
    run(two, preview=False)
    assert (logged, asked) == ([], [])


def test_a_server_that_is_away_is_told_with_the_fit(
    logged: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    away = {"prices": {"away": "apiServer http://127.0.0.1:9: no answer"}}
    monkeypatch.setattr(server_query, "ask", lambda *_, **__: away)
    run(lambda scope: components.Deployment("chat", SPEC, scope=scope).endpoint)
    assert logged == [
        "cost: unknown (apiServer http://127.0.0.1:9: no answer)\n"
        "chat: 1 of L4:1, aws; fits (1.4 requests of 131072 tokens)"
    ]


def test_a_server_that_is_not_known_yet_is_told_too(
    logged: list[str], asked: list[Questions]
) -> None:
    def declare(scope: resources.Scope) -> typing.Any:
        later = resources.Scope("later", api_server=engine.unknown())
        return components.Deployment("chat", SPEC, scope=later).endpoint

    run(declare)
    reason = "the address of the API server comes from another resource"
    assert logged[0].startswith(f"cost: unknown ({reason})\nchat: 1 of L4:1, aws; fits")
    assert asked == []


@pytest.mark.parametrize(
    ("key", "line"),
    [
        ("context", "chat: 1 of L4:1, aws: 0.80 USD/h; fit not checked"),
        ("host", "chat: 1 of L4:1, aws: 0.80 USD/h; fits (1.4 requests of 131072 tokens)"),
        ("env", "chat: 1 of L4:1, aws: 0.80 USD/h; fits (1.4 requests of 131072 tokens)"),
        ("replicas", "chat: cost unknown (replicas comes from another resource); fit not checked"),
    ],
)
def test_a_value_that_comes_later_hides_only_what_depends_on_it(
    logged: list[str], key: str, line: str
) -> None:
    values = {"context": 4096, "host": "llm.example.com", "env": {"A": "b"}, "replicas": 2}

    def declare(scope: resources.Scope) -> typing.Any:
        spec: typing.Any = SPEC | {key: pulumi.Output.from_input(values[key])}
        return components.Deployment("chat", spec, scope=scope).endpoint

    run(declare)
    assert "\n".join(logged).splitlines()[-1] == line


def test_what_a_key_that_comes_later_may_mend_is_not_called_wrong(logged: list[str]) -> None:
    def declare(scope: resources.Scope) -> typing.Any:
        volumes = pulumi.Output.from_input({"/models": "cache"})
        spec: typing.Any = SPEC | {"infra": "k8s", "modelCache": "/models", "volumes": volumes}
        return components.Deployment("chat", spec, scope=scope).endpoint

    run(declare)
    assert logged == ["chat: cost unknown (volumes comes from another resource); fit not checked"]


def test_a_misfit_is_shown_with_the_cost_before_check_refuses_it(logged: list[str]) -> None:
    big: typing.Any = SPEC | {"model": "openai/gpt-oss-120b"}
    run(lambda scope: components.Deployment("big", big, scope=scope).endpoint)
    line = logged[0].splitlines()[1]
    assert line.startswith("big: 1 of L4:1, aws: 0.80 USD/h; ")
    assert "accelerators: " in line


def test_what_is_to_be_taken_over_is_looked_up(logged: list[str], asked: list[Questions]) -> None:
    def declare(scope: resources.Scope) -> typing.Any:
        chat = components.Deployment(
            "chat", SPEC, scope=scope, service_name="team-chat", adopt=True
        )
        return chat.endpoint

    run(declare)
    assert asked[0]["remote"] == {"names": {"team-chat": "service"}}
    assert logged[1:] == ["adopt: there is no service 'team-chat' to take over, so it is created"]


def test_volumes_alone_cost_nothing_and_ask_nobody(
    logged: list[str], asked: list[Questions]
) -> None:
    claim: typed_specs.VolumeSpec = {"infra": "k8s", "size": 100}
    run(lambda scope: volume_resource.Volume("models", claim, scope=scope).id)
    assert (logged, asked) == ([], [])


def test_a_facts_file_that_cannot_be_read_is_one_line_for_all(
    logged: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: str) -> typing.NoReturn:
        raise errors.CatalogError("models/a.toml: no model in it")

    monkeypatch.setattr(catalog, "model", broken)
    with pytest.raises(pulumi.RunError, match=r"^models/a\.toml: no model in it$"):
        run(two)
