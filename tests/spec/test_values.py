"""Values that a plan does not use. Some may not be known yet."""

import pytest

from pulumi_skypilot import catalog, errors, plan, spec
from pulumi_skypilot.plan import disk

SMALLEST = {"model": "openai/gpt-oss-20b", "accelerators": "L4:1"}
PRIVATE = {"image": "docker:a.b/c", "auth": "key"}


@pytest.mark.parametrize(
    "table",
    [
        {"env": {"A": spec.UNKNOWN, "B": "b"}},
        {"secrets": {"HF_TOKEN": spec.UNKNOWN}},
        {"tls": {"certificate": spec.UNKNOWN, "key": "k"}},
        {
            **PRIVATE,
            "imageCredentials": dict.fromkeys(("server", "username", "password"), spec.UNKNOWN),
        },
    ],
)
def test_a_value_that_is_not_known_yet_stays_so_in_the_spec(table):
    (key, *_) = set(table) - set(PRIVATE)
    kept = spec.parse({**SMALLEST, **table})
    assert spec.to_inputs(kept)[key] == table[key]


def test_the_plan_is_the_same_whatever_a_value_will_be():
    plans = [
        plan.plan(spec.parse({**SMALLEST, "env": {"A": value}, "secrets": {"B": value}}), "chat")
        for value in (spec.UNKNOWN, "x")
    ]
    assert plans[0].shown() == plans[1].shown()


@pytest.mark.parametrize("value", [5, None, ["x"], {"a": "b"}])
@pytest.mark.parametrize("key", ["env", "secrets"])
def test_what_is_no_text_is_refused_unseen(key, value):
    with pytest.raises(
        errors.SpecError, match=rf"{key}\.A: expected a text; put its value in quotes"
    ):
        spec.parse({**SMALLEST, key: {"A": value}})


def test_known_values_are_handed_out_and_others_named():
    assert spec.known({"A": "a"}) == {"A": "a"}
    with pytest.raises(ValueError, match="B is not known yet"):
        spec.known({"A": "a", "B": spec.UNKNOWN})


def test_what_may_move_the_cache_leaves_the_disk_unchecked():
    facts = catalog.model(SMALLEST["model"])
    parsed = spec.parse({**SMALLEST, "disk": 40, "env": {"HF_HOME": spec.UNKNOWN}})
    assert not list(disk.problems(parsed, facts))
    assert "not checked" in next(disk.notes(parsed, facts))
