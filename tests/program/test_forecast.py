"""What a program says under a preview of costs, and when it refuses."""

import sys

import pulumi
import pytest
from pulumi.runtime import mocks

from pulumi_skypilot import plan, skypilot, spec
from pulumi_skypilot.lifecycle import adoption, server_query
from pulumi_skypilot.program import forecast
from pulumi_skypilot.spec import budget
from tests.prices import ROWS

WANTED = spec.parse({"model": "openai/gpt-oss-20b", "accelerators": "L4:1", "infra": "aws"})
PLANS = {"chat": plan.plan(WANTED, "prod-chat")}
CONNECTION = skypilot.Connection("http://127.0.0.1:9")


@pytest.fixture
def logged(monkeypatch):
    """Return the log; the server knows the price of an L4."""
    lines: list[str] = []
    monkeypatch.setattr(server_query, "ask", lambda *_, **__: {"prices": {"rows": ROWS}})
    monkeypatch.setattr(pulumi.log, "info", lambda line, **_: lines.append(line))
    monkeypatch.setattr(pulumi.log, "warn", lambda line, **_: lines.append(f"warning: {line}"))
    return lines


@pytest.fixture
def away(logged, monkeypatch):
    """Return the log, without a server."""
    monkeypatch.setattr(server_query, "ask", lambda *_, **__: {"prices": {"away": "no server"}})
    return logged


class Mocks(mocks.Mocks):
    def new_resource(self, args):
        return args.name, args.inputs

    def call(self, args):
        return {}, None


def show(adopted=None, *, preview=True, **limits):
    """Run a program with that budget."""
    mocks.set_mocks(Mocks(), project="llm", stack="test", preview=preview)
    return forecast.show(
        CONNECTION, PLANS, adopted or {}, budget.read(limits or None, "llm:budget")
    )


def test_a_preview_says_what_the_stack_costs(logged):
    show()
    assert logged == [
        "cost: 0.80 USD/h at the fewest replicas, 0.80 at the most (584 a month)\n"
        "chat: 1 of L4:1, aws: 0.80 USD/h; "
        "fits (1.4 requests of 131072 tokens)"
    ]


def test_a_preview_says_what_a_cluster_lacks_once(logged, monkeypatch):
    node = {"name": "a", "gpu": "L4", "count": 1, "free": 1}
    answers = {"prices": {"rows": ROWS}, "nodes": {"nodes": {"k8s/prod": [node]}}}
    asked = []

    def ask(_, questions, **__):
        asked.append(questions)
        return answers

    monkeypatch.setattr(server_query, "ask", ask)
    data = {"model": "openai/gpt-oss-20b", "accelerators": "H100:1", "infra": "k8s/prod"}
    plans = {name: plan.plan(spec.parse(data), name) for name in ("chat", "code")}
    monkeypatch.setattr(sys.modules[__name__], "PLANS", plans)
    show()
    assert asked[0]["nodes"] == {"places": {"k8s/prod": "prod"}, "spot": []}
    assert logged[1:] == [
        "warning: chat, code: accelerators: no node of k8s/prod has H100:1; it has L4:1; take one "
        "of these, unless a node comes with an autoscaler",
        "chat, code: not checked: whether k8s/prod gives the endpoint an address (a load balancer)",
    ]
    show(preview=False, hourly=40)
    assert "nodes" not in asked[1]


def test_an_update_without_a_budget_asks_nobody(logged):
    show(preview=False)
    assert logged == []


@pytest.mark.parametrize("preview", [True, False])
def test_a_stack_over_its_budget_is_refused_after_the_costs_are_told(logged, preview):
    """In an update too: it may have had no preview (`--skip-preview`)."""
    with pytest.raises(pulumi.RunError, match=r"^llm:budget.hourly: 0.80 USD an hour .* chat 0.80"):
        show(preview=preview, hourly=0.5)
    assert len(logged) == preview


def test_a_budget_that_holds_is_told(logged):
    show(hourly=40)
    assert logged[1:] == ["llm:budget.hourly: 0.80 of 40.00 USD an hour at the most replicas"]


@pytest.mark.parametrize("preview", [True, False])
def test_unknown_prices_fail_a_budget(away, preview):
    with pytest.raises(pulumi.RunError) as caught:
        show(preview=preview, hourly=40)
    assert str(caught.value).startswith(
        "llm:budget: it cannot be checked: no server, so the price of chat (L4:1, aws) is unknown"
    )
    assert [line.partition("\n")[0] for line in away] == ["cost: unknown (no server)"] * preview


def test_unknown_prices_fail_nothing_without_a_budget(away):
    show()
    assert away[0].startswith("cost: unknown (no server)")


def test_unknown_prices_that_are_allowed_are_a_warning(away):
    show(hourly=40, unknown="allow")
    assert away[1] == (
        "warning: llm:budget: not counted, as unknown: allow says: chat (L4:1, aws): no server"
    )


def test_only_for_a_budget_a_server_is_waited_for_long(logged, monkeypatch):
    patience: list[server_query.Patience] = []

    def ask_once(*_arguments, **options):
        patience.append(options["patience"])
        return {"prices": {"rows": ROWS}}

    monkeypatch.setattr(server_query, "ask", ask_once)
    show()
    show(hourly=40)
    assert patience == [server_query.QUICK, server_query.THOROUGH]


def test_a_wait_is_shown_while_it_lasts(monkeypatch):
    shown: list[tuple[str, bool]] = []

    def ask_once(*_arguments, **options):
        options["tell"]("no answer yet")
        return {"prices": {"rows": ROWS}}

    monkeypatch.setattr(server_query, "ask", ask_once)
    monkeypatch.setattr(
        pulumi.log, "info", lambda line, ephemeral=False: shown.append((line, ephemeral))
    )
    show()
    assert shown[0] == ("no answer yet", True)


class Resource(pulumi.ComponentResource):
    def __init__(self) -> None:
        super().__init__("test:index:Resource", "chat")


@pytest.mark.parametrize(
    ("remote", "line"),
    [
        ("no answer", "adopt: cannot look up 'prod-chat' on the server: no answer"),
        ({}, "adopt: there is no service 'prod-chat' to take over, so it is created"),
        (
            {"prod-chat": adoption.Remote("service", "prod-chat", None, None)},
            "adopt: the service 'prod-chat' exists (made by hand): this stack takes it over",
        ),
        ({"prod-chat": adoption.Remote("service", "prod-chat", "mine", None)}, None),
    ],
)
def test_what_is_taken_over_is_told_while_it_is_not_ours(monkeypatch, remote, line):
    lines: list[str] = []
    monkeypatch.setattr(pulumi.log, "info", lambda text, _resource: lines.append(text))
    mocks.set_mocks(Mocks(), project="llm", stack="test", preview=True)

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

    monkeypatch.setattr(server_query, "ask", ask_once)
    monkeypatch.setattr(pulumi.log, "info", lambda *_: None)
    assert show({"prod-chat": "service"}) == {}
    assert [one["remote"] for one in asked] == [{"names": {"prod-chat": "service"}}]


def test_nothing_is_asked_of_what_is_not_adopted(monkeypatch):
    asked: list[dict[str, object]] = []

    def ask_once(_connection, questions, **_options):
        asked.append(questions)
        return {"prices": {"rows": ROWS}}

    monkeypatch.setattr(server_query, "ask", ask_once)
    monkeypatch.setattr(pulumi.log, "info", lambda *_: None)
    assert show() is None
    assert list(asked[0]) == ["prices"]
