"""What a change does to what is running."""

import pytest

from pulumi_skypilot import cost, disruption, spec


def side(usd=1.0, **changes):
    wanted = spec.parse({"model": "openai/gpt-oss-20b", "accelerators": "L4:1", **changes})
    fewest, most = cost.replicas(wanted)
    each = cost.Range(usd, usd)
    return disruption.Side(wanted, cost.Cost(each, each.times(fewest), each.times(most)))


def test_more_replicas_in_place_cost_the_difference():
    found = disruption.disruption("in place", side(replicas=1), side(replicas=3))
    assert found.text == "running replicas are not touched; 2 more start"
    assert found.extra == cost.Range(2, 2)


def test_fewer_replicas_in_place_may_be_stopped():
    found = disruption.disruption("in place", side(replicas=3), side(replicas=1))
    assert found.text == "running replicas are not touched, but 2 of them may now be stopped"
    assert found.extra is None


def test_a_roll_costs_the_new_replicas_beside_the_old():
    found = disruption.disruption("rolls", side(replicas=2), side(2.0, replicas=3))
    assert found.text.startswith("3 new replicas of L4:1 start beside the old; the 2 that serve")
    assert found.extra == cost.Range(6, 6)
    assert not found.away


def test_a_roll_at_rest_starts_nothing():
    idle = {"replicas": {"min": 0, "max": 2, "targetQps": 1}}
    found = disruption.disruption("rolls", side(**idle), side(**idle))
    assert found.text == "what runs now is replaced; at rest nothing runs"


@pytest.mark.parametrize("happens", ["restarts", "replaces"])
def test_where_nothing_answers_it_is_said_aloud(happens):
    found = disruption.disruption(happens, side(), side())
    assert disruption.AWAY in found.text
    assert found.away
    assert found.extra is None


def test_a_cluster_starts():
    cluster = side(kind="cluster")
    assert disruption.disruption("starts", None, cluster).text == (
        "the cluster starts; nothing else is touched"
    )


def test_a_removal_says_what_it_saves():
    found = disruption.disruption("stops", side(replicas=2), None)
    assert found.text == "it is taken down for good and saves 2.00 USD/h"


def test_an_unknown_cost_stays_unknown():
    wanted = side().spec
    unknown = disruption.Side(wanted, cost.Cost(None, None, None, "no server"))
    assert disruption.disruption("rolls", unknown, unknown).extra is None
    assert disruption.disruption("in place", unknown, unknown).extra is None
    assert disruption.disruption("stops", unknown, None).text == "it is taken down for good"
