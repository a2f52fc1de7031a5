"""The prices of machines of one's own in a stack's config."""

import pytest

from pulumi_skypilot import errors
from pulumi_skypilot.spec import own_prices, stack

WHERE = "llm:ownPrices"


@pytest.mark.parametrize(
    ("value", "rates"),
    [
        (None, {}),
        (2.5, {"*": {"*": 2.5}}),
        ("2.5", {"*": {"*": 2.5}}),
        ({"prod": 0, "lab": None}, {"prod": {"*": 0.0}}),
        ({"prod": {"H100": 2.5, "L4": "0.4"}}, {"prod": {"H100": 2.5, "L4": 0.4}}),
    ],
)
def test_prices_are_a_table_by_context_or_a_number(value: object, rates: object) -> None:
    read = own_prices.read(value, WHERE)
    assert read.rates == rates
    assert bool(read) is bool(rates)


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ("much", "llm:ownPrices: expected USD an hour a GPU, got the text 'much'; write {prod: {"),
        ({"prod": -1}, "llm:ownPrices.prod: expected USD an hour a GPU, got the number -1; write"),
        ({"prod": {"L4": True}}, "llm:ownPrices.prod.L4: expected USD an hour a GPU, got true; "),
        ({"prod": [1]}, "llm:ownPrices.prod: expected USD an hour a GPU, got the list [1]; write"),
        (
            {"H100": 2.5},
            "llm:ownPrices.H100: this is a GPU, not a context; write {'*': {H100: 2.5}}",
        ),
        (
            {"k8s": 2.5},
            "llm:ownPrices.k8s: this is a kind of place; write the name of the context, pool or "
            "cluster",
        ),
    ],
)
def test_what_is_no_price_is_refused_by_its_place(value: object, line: str) -> None:
    with pytest.raises(errors.OwnPricesError) as caught:
        own_prices.read(value, WHERE)
    assert caught.value.lines[0].startswith(line)


def test_every_mistake_is_told_at_once() -> None:
    with pytest.raises(errors.OwnPricesError) as caught:
        own_prices.read({"a": -1, "b": {"L4": "x", "T4": -1}}, WHERE)
    assert len(caught.value.lines) == 3


def test_a_stack_has_them_and_reports_their_mistakes() -> None:
    deployments = {"chat": {"model": "openai/gpt-oss-20b", "accelerators": "L4:1"}}
    settings = {"llm:deployments": deployments, WHERE: '{"prod": {"L4": 0.4}}'}
    assert stack.read(settings, "llm").own_rates.rate("prod", "L4") == 0.4
    wrong = stack.read({**settings, WHERE: '{"prod": "x"}'}, "llm")
    assert wrong.mistakes[0].startswith("llm:ownPrices.prod: expected USD")


def test_a_line_of_a_preview_says_them() -> None:
    prices = own_prices.read({"prod": {"L4": 0.4}, "*": 2}, WHERE)
    assert own_prices.from_line(prices.line) == prices
    for line in ("", "llm:budget.hourly: 1", f"{prices.line} and more", prices.line[:-1]):
        assert own_prices.from_line(line) is None
