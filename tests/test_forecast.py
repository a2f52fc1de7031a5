"""What a program says under a preview of costs, and when it refuses."""

import pulumi
import pytest
from pulumi.runtime import mocks

from pulumi_skypilot import adoption, ask, cost, forecast, plan, skypilot, spec
from tests.prices import ROWS

WANTED = spec.parse({"model": "openai/gpt-oss-20b", "accelerators": "L4:1", "infra": "aws"})
PLANS = {"chat": plan.plan(WANTED, "prod-chat")}
CONNECTION = skypilot.Connection("http://127.0.0.1:9")


@pytest.fixture
def told(monkeypatch):
    """What was logged; the server knows the price of an L4."""
    lines: list[str] = []
    monkeypatch.setattr(ask, "ask", lambda *_, **__: {"prices": {"rows": ROWS}})
    monkeypatch.setattr(pulumi.log, "info", lines.append)
    return lines


class Mocks(mocks.Mocks):
    def new_resource(self, args):
        return args.name, args.inputs

    def call(self, args):
        return {}, None


def config(monkeypatch, preview=True, **settings):
    mocks.set_mocks(Mocks(), project="llm", stack="test", preview=preview)
    pulumi.runtime.set_all_config({f"llm:{key}": value for key, value in settings.items()})
    return pulumi.Config("llm")


def test_a_preview_says_what_the_stack_costs(told, monkeypatch):
    forecast.show(config(monkeypatch), CONNECTION, PLANS, {})
    assert told == [
        "cost: 0.80 USD/h at the fewest replicas, 0.80 at the most (584 a month)\n"
        "chat: 1 of L4:1, aws: 0.80 USD/h; "
        "fits (1.4 requests of 131072 tokens)"
    ]


def test_an_update_asks_nobody(told, monkeypatch):
    forecast.show(config(monkeypatch, preview=False), CONNECTION, PLANS, {})
    assert told == []


def test_a_stack_over_its_budget_is_refused_after_the_costs_are_told(told, monkeypatch):
    with pytest.raises(pulumi.RunError, match=r"^llm:budget.hourly: 0.80 USD an hour .* chat 0.80"):
        forecast.show(config(monkeypatch, budget='{"hourly": 0.5}'), CONNECTION, PLANS, {})
    assert len(told) == 1


def test_unknown_prices_fail_no_budget(told, monkeypatch):
    monkeypatch.setattr(ask, "ask", lambda *_, **__: {"prices": {"away": "no server"}})
    forecast.show(config(monkeypatch, budget='{"hourly": 0.5}'), CONNECTION, PLANS, {})
    assert told[0].startswith("cost: unknown (no server)")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("40", "llm:budget: it must be a table"),
        ('{"daily": 3}', "llm:budget: it must be a table"),
        ('{"hourly": 1e309}', "llm:budget.hourly: inf is no amount of USD"),
        ('{"hourly": -1}', "llm:budget.hourly: -1 is no amount of USD"),
        ('{"monthly": "much"}', "llm:budget.monthly: 'much' is no amount of USD"),
    ],
)
def test_a_wrong_budget_is_refused(monkeypatch, text, reason):
    with pytest.raises(pulumi.RunError, match=f"^{reason}"):
        forecast.budget(config(monkeypatch, budget=text))


def test_a_budget_is_read(monkeypatch):
    found = forecast.budget(config(monkeypatch, budget='{"hourly": 40}'))
    assert found == cost.Budget(hourly=40.0)


class Resource(pulumi.ComponentResource):
    def __init__(self) -> None:
        super().__init__("test:index:Resource", "chat")


@pytest.mark.parametrize(
    ("remote", "line"),
    [
        ("no answer", "adopt: unknown what is there under the name 'prod-chat': no answer"),
        ({}, "adopt: there is no service 'prod-chat' to take over: it is made"),
        (
            {"prod-chat": adoption.Remote("service", "prod-chat", None, None)},
            "adopt: the service 'prod-chat' is there, made by hand: it is taken over",
        ),
        ({"prod-chat": adoption.Remote("service", "prod-chat", "mine", None)}, None),
    ],
)
def test_what_is_taken_over_is_told_while_it_is_not_ours(monkeypatch, remote, line):
    lines: list[str] = []
    monkeypatch.setattr(pulumi.log, "info", lambda text, _resource: lines.append(text))
    config(monkeypatch)

    @pulumi.runtime.test
    def program():
        mark = pulumi.Output.from_input("mine")
        forecast.tell_adoption(remote, PLANS["chat"], Resource(), mark)
        return mark

    program()
    assert lines == ([line] if line else [])


def test_what_is_to_be_taken_over_is_asked_in_the_same_call(monkeypatch):
    asked: list[dict[str, object]] = []

    def ask_once(_connection, questions, **_options):
        asked.append(questions)
        return {"prices": {"rows": ROWS}, "remote": {"found": []}}

    monkeypatch.setattr(ask, "ask", ask_once)
    monkeypatch.setattr(pulumi.log, "info", lambda *_: None)
    found = forecast.show(config(monkeypatch), CONNECTION, PLANS, {"prod-chat": "service"})
    assert found == {}
    assert [one["remote"] for one in asked] == [{"names": {"prod-chat": "service"}}]


def test_nothing_is_asked_of_what_is_not_adopted(monkeypatch):
    asked: list[dict[str, object]] = []

    def ask_once(_connection, questions, **_options):
        asked.append(questions)
        return {"prices": {"rows": ROWS}}

    monkeypatch.setattr(ask, "ask", ask_once)
    monkeypatch.setattr(pulumi.log, "info", lambda *_: None)
    assert forecast.show(config(monkeypatch), CONNECTION, PLANS, {}) is None
    assert list(asked[0]) == ["prices"]
