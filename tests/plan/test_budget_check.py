"""The most that a stack may cost: its settings, and when a stack exceeds it."""

import pytest

from pulumi_skypilot import errors, spec
from pulumi_skypilot.plan import budget_check, cost
from pulumi_skypilot.spec import budget, own_prices
from tests.plan.test_cost import PRICES, ROWS, row

WHERE = "llm:budget"


def wanted(**changes):
    return spec.parse({"model": "openai/gpt-oss-20b", "accelerators": "L4:1", **changes})


def check(limits, prices=PRICES, **deployments):
    """Return the verdict of a budget with that text on deployments, each as a stack writes it."""
    specs = {name: wanted(**table) for name, table in deployments.items()}
    costs = {name: cost.cost(wanted_spec, prices) for name, wanted_spec in specs.items()}
    return budget_check.check(costs, budget.read(limits, WHERE))


BIG = {"infra": "aws", "accelerators": "H100:1", "replicas": 3}
SMALL = {"infra": "aws"}
OWN = {"infra": "k8s"}
UNKNOWN_PRICE = "is unknown; solve that, or write `unknown: allow` in llm:budget"


@pytest.mark.parametrize(
    ("value", "meaning"),
    [
        (None, budget.Budget(where=WHERE)),
        ({"hourly": 40}, budget.Budget(hourly=40.0, where=WHERE)),
        ({"monthly": 2.5, "hourly": None}, budget.Budget(monthly=2.5, where=WHERE)),
        # As `pulumi config set --path llm:budget.hourly 2.5` stores it.
        ({"hourly": "2.5"}, budget.Budget(hourly=2.5, where=WHERE)),
        (
            {"hourly": 40, "unknown": "allow"},
            budget.Budget(hourly=40.0, allows_unknown=True, where=WHERE),
        ),
        ({"hourly": 40, "unknown": "fail"}, budget.Budget(hourly=40.0, where=WHERE)),
    ],
)
def test_a_budget_is_read(value, meaning):
    assert budget.read(value, WHERE) == meaning


@pytest.mark.parametrize(
    ("value", "line"),
    [
        (40, "llm:budget: 40 is not a table of USD; write {hourly: 40} or {monthly: 20000}"),
        ("", "llm:budget: '' is not a table of USD; write"),
        ([40], "llm:budget: [40] is not a table of USD; write"),
        ({}, "llm:budget: it has no limit; write {hourly: 40} or {monthly: 20000}"),
        ({"unknown": "allow"}, "llm:budget: it has no limit; write"),
        ({"hourly": None}, "llm:budget: it has no limit; write"),
        ({"hourley": 3}, "llm:budget.hourley: unknown key; did you mean hourly?"),
        ({"daily": 3}, "llm:budget.daily: unknown key; "),
        ({"hourly": 1, "unkown": "allow"}, "llm:budget.unkown: unknown key; did you mean unknown?"),
        (
            {"hourly": 1, "unknown": "alow"},
            "llm:budget.unknown: 'alow' is unknown; write fail or allow",
        ),
        (
            {"hourly": 1, "unknown": True},
            "llm:budget.unknown: True is unknown; write fail or allow",
        ),
        (
            {"hourly": 1, "unknown": ["allow"]},
            "llm:budget.unknown: ['allow'] is unknown; write fail or allow",
        ),
        ({"hourly": 0}, "llm:budget.hourly: 0 is not an amount in USD"),
        ({"hourly": -1}, "llm:budget.hourly: -1 is not an amount in USD"),
        ({"hourly": float("inf")}, "llm:budget.hourly: inf is not an amount in USD"),
        ({"hourly": float("nan")}, "llm:budget.hourly: nan is not an amount in USD"),
        ({"hourly": 10**400}, "llm:budget.hourly: 1"),
        ({"hourly": True}, "llm:budget.hourly: True is not an amount in USD"),
        ({"monthly": "40 USD"}, "llm:budget.monthly: '40 USD' is not an amount in USD"),
        ({"monthly": "-40"}, "llm:budget.monthly: '-40' is not an amount in USD"),
        ({"monthly": {"usd": 4}}, "llm:budget.monthly: {'usd': 4} is not an amount in USD"),
        ({"a\nb": 3}, "llm:budget.'a\\nb': unknown key; "),
    ],
)
def test_a_wrong_budget_is_one_line(value, line):
    with pytest.raises(errors.BudgetError) as caught:
        budget.read(value, WHERE)
    (message,) = caught.value.lines
    assert message.startswith(line), message
    assert "\n" not in message


def test_every_mistake_of_a_budget_is_told():
    with pytest.raises(errors.BudgetError) as caught:
        budget.read({"hourley": 3, "monthly": -1, "unknown": "no"}, WHERE)
    assert len(caught.value.lines) == 3


def test_without_a_budget_nothing_is_refused_or_told():
    assert check(None, cost.Prices(away="no server"), chat=BIG) == budget_check.Verdict()


def test_a_budget_is_held_to_the_most_replicas_at_the_dearest_place():
    kept = check({"hourly": 21.9}, chat=BIG, small=SMALL)
    assert kept == budget_check.Verdict(
        kept=("llm:budget.hourly: 21.90 of 21.90 USD an hour at the most replicas",)
    )
    hourly, monthly = check({"hourly": 20, "monthly": 10_000}, chat=BIG, small=SMALL).errors
    assert hourly == (
        "llm:budget.hourly: 21.90 USD an hour at the most replicas is over 20.00; most goes to "
        "chat 21.00, small 0.90; lower replicas.max, take other GPUs or raise the budget"
    )
    assert monthly.startswith("llm:budget.monthly: 15,987 USD a month at the most replicas is over")


@pytest.mark.parametrize(
    ("table", "most"),
    [
        ({**SMALL, "replicas": {"min": 0, "max": 4, "targetQps": 1}}, 3.6),
        ({**SMALL, "replicas": {"min": 0, "max": 4, "targetQps": 1, "overprovision": 1}}, 4.5),
        ({**SMALL, "spot": True}, 0.4),
        ({**SMALL, "spot": {"fallback": "on-demand"}}, 0.9),
        ({"infra": "aws/us-east-1", "spot": {"onDemand": 1}, "replicas": 3}, 0.6 + 0.8),
        ({"infra": ["aws", "gcp"], "accelerators": ["L4:1", "H100:1"]}, 7),
        ({**SMALL, "nodes": 2, "replicas": 2}, 3.6),
        ({**SMALL, "kind": "cluster", "nodes": 2}, 1.8),
        ({**SMALL, "replicas": 0}, 0),
    ],
)
def test_whatever_a_deployment_may_grow_to_counts(table, most):
    assert not check({"hourly": most + 0.01}, chat=table).errors
    if most:
        assert "is over" in check({"hourly": most - 0.01}, chat=table).errors[0]


def test_a_server_that_does_not_answer_fails_a_budget():
    """While the server was busy, a hundred H100:8 passed a budget of one dollar an hour."""
    away = cost.Prices(away="apiServer http://sky: did not answer within 60 s")
    table = {"accelerators": "H100:8", "replicas": 100}
    assert check({"hourly": 1}, away, chat=table, lab=OWN).errors == (
        "llm:budget: it cannot be checked: apiServer http://sky: did not answer within 60 s, so "
        f"the price of chat (H100:8, anywhere), lab (L4:1, k8s) {UNKNOWN_PRICE}",
    )


def test_a_catalogue_that_failed_is_not_one_without_a_price():
    failed = cost.Prices(rows=ROWS, failed={"nebius": "the API server did not answer within 60 s"})
    table = {"infra": ["aws", "nebius"], "accelerators": ["L4:1", "H100:1"]}
    assert check({"hourly": 40}, failed, chat=table, small=SMALL).errors == (
        "llm:budget: it cannot be checked: nebius: the API server did not answer within 60 s, so "
        f"the price of chat (L4:1 or H100:1, nebius) {UNKNOWN_PRICE}",
    )


@pytest.mark.parametrize(
    ("table", "line"),
    [
        (
            {"infra": "aws", "accelerators": ["L4:1", "H200:1"]},
            "the server's catalogue has no price of H200:1 there, so the price of chat (H200:1, "
            "aws)",
        ),
        (
            {"infra": "gcp", "spot": True},
            "the server's catalogue has no spot price of L4:1 there, so the price of chat (L4:1, "
            "gcp)",
        ),
        (
            {"infra": ["aws", "azure"]},
            "the server's catalogue has no price of L4:1 there, so the price of chat (L4:1, azure)",
        ),
    ],
)
def test_one_unknown_alternative_fails_a_budget_by_name(table, line):
    (message,) = check({"hourly": 40}, chat=table, small=SMALL).errors
    assert message == f"llm:budget: it cannot be checked: {line} {UNKNOWN_PRICE}"


def test_unknown_that_is_allowed_is_told_and_the_known_still_counts():
    limits = {"hourly": 40, "unknown": "allow"}
    table = {"infra": ["azure", "aws"]}
    assert check(limits, chat=table, small=SMALL) == budget_check.Verdict(
        warnings=(
            "llm:budget: not counted, as unknown: allow says: chat (L4:1, azure): the server's "
            "catalogue has no price of L4:1 there",
        ),
        kept=("llm:budget.hourly: 1.80 of 40.00 USD an hour at the most replicas",),
    )
    over = check({**limits, "hourly": 1}, chat=table, small=SMALL)
    assert over.errors[0].startswith(
        "llm:budget.hourly: 1.80 USD an hour at the most replicas (1 of unknown cost not counted) "
        "is over 1.00"
    )


@pytest.mark.parametrize(
    ("table", "alternative"),
    [
        (OWN, "L4:1, k8s"),
        ({"infra": ["k8s", "aws"]}, "L4:1, k8s"),
        ({"infra": "ssh/pool", "accelerators": None, "cpus": "4+"}, "4+ CPUs, ssh/pool"),
    ],
)
def test_ones_own_machines_are_told_and_fail_no_budget(table, alternative):
    verdict = check({"hourly": 40}, chat=table)
    assert verdict.errors == ()
    line = f"llm:budget: nothing is counted for chat ({alternative}): your own machines"
    assert verdict.warnings == (line,)
    assert len(verdict.kept) == 1


def test_the_stacks_prices_of_its_own_machines_count():
    own = own_prices.read({"prod": {"L4": 4}}, "llm:ownPrices")
    prices = cost.Prices(own=own)
    over = check({"hourly": 7}, prices, chat={"infra": "k8s/prod", "replicas": 2})
    assert over.errors[0].startswith("llm:budget.hourly: 8.00 USD an hour at the most replicas is")
    (gap,) = check({"hourly": 7}, prices, chat={"infra": "k8s/lab"}).errors
    assert gap.startswith(
        "llm:budget: it cannot be checked: llm:ownPrices has no price of L4 in lab, so the price "
        "of chat (L4:1, k8s/lab) is unknown"
    )


def test_a_budget_that_the_known_alone_exceeds_says_both():
    over, unknown = check({"hourly": 20}, chat=BIG, lab={"infra": "azure"}).errors
    assert over.startswith(
        "llm:budget.hourly: 21.00 USD an hour at the most replicas (1 of unknown cost not counted) "
        "is over 20.00"
    )
    assert unknown.startswith("llm:budget: it cannot be checked: the server's catalogue")


@pytest.mark.parametrize("price", [0, -5, None])
def test_a_price_that_is_none_counts_as_unknown(price):
    prices = cost.Prices(rows=(row("aws", "us-east-1", "L4", 1.0, price, None),))
    assert "it cannot be checked" in check({"hourly": 40}, prices, chat=SMALL).errors[0]
