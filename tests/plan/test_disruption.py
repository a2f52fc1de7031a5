"""The effect of a change on what is running."""

import pytest

from pulumi_skypilot import spec
from pulumi_skypilot.plan import cost, disruption, waits
from pulumi_skypilot.plan.changes import REFUSES, Change, Effect


def side(usd=1.0, **changes):
    wanted = spec.parse({"model": "openai/gpt-oss-20b", "accelerators": "L4:1", **changes})
    fewest, most = cost.replicas(wanted)
    each = cost.Range(usd, usd)
    return disruption.Side(wanted, cost.Cost(each, each.times(fewest), each.times(most)))


def in_place(before, after):
    """Return the disruption of a change that SkyServe applies to the running service."""
    change = Change("replicas", Effect.IN_PLACE, "", meanwhile=REFUSES)
    return disruption.disruption(Effect.IN_PLACE, before, after, [change])


def test_more_replicas_in_place_cost_the_difference():
    result = in_place(side(replicas=1), side(replicas=3))
    assert result.text == f"no running replica stops; 2 more start; {REFUSES}"
    assert result.extra == cost.Range(2, 2)


def test_fewer_replicas_in_place_are_stopped():
    result = in_place(side(replicas=3), side(replicas=1))
    assert result.text == f"2 of 3 running replicas stop at once; {REFUSES}"
    assert result.extra == cost.Range(0, 0)


AUTO = {"min": 1, "max": 4, "targetQps": 2}
ASKED = "without downscaleDelay, if the requests of the last minute do not need them"


@pytest.mark.parametrize(
    ("before", "after", "text"),
    [
        (
            {"spot": True, "replicas": 2},
            {"spot": {"onDemand": 1}, "replicas": 2},
            "1 of 2 running replicas stops at once, before its substitute is ready",
        ),
        (
            {"spot": {"onDemand": 2}, "replicas": 3},
            {"spot": {"onDemand": 1}, "replicas": 3},
            "1 of 3 running replicas stops at once, before its substitute is ready",
        ),
        (
            {"spot": {"fallback": "on-demand", "onDemand": 1}, "replicas": 3},
            {"spot": {"onDemand": 1}, "replicas": 3},
            "up to 2 running replicas stop at once, before their 2 substitutes are ready",
        ),
        (
            {"spot": True, "replicas": 2},
            {"spot": {"fallback": "on-demand"}, "replicas": 2},
            "no running replica stops",
        ),
        (
            {"replicas": AUTO},
            {"replicas": {**AUTO, "max": 2}},
            f"up to 2 running replicas stop at once; up to 3, {ASKED}",
        ),
        (
            {"replicas": {**AUTO, "min": 3}},
            {"replicas": AUTO},
            f"up to 3 running replicas stop at once, {ASKED}",
        ),
        (
            {"replicas": AUTO},
            {"replicas": {**AUTO, "targetQps": 4}},
            f"up to 3 running replicas stop at once, {ASKED}",
        ),
        (
            {"replicas": AUTO},
            {"replicas": AUTO, "readinessProbe": {"interval": 5}},
            f"up to 3 running replicas stop at once, {ASKED}",
        ),
    ],
)
def test_a_change_in_place_says_how_many_replicas_stop(before, after, text):
    result = in_place(side(**before), side(**after))
    assert result.text == f"{text}; {REFUSES}"
    assert not result.away


def test_where_all_that_run_stop_nothing_answers():
    mixed = {"spot": {"onDemand": 1}}
    result = in_place(side(spot=True), side(**mixed))
    assert result.text.startswith(
        "1 of 1 running replica stops at once, before its substitute is ready"
    )
    assert f"; {disruption.AWAY}; " in result.text
    assert result.away
    result = in_place(side(spot=True, replicas=AUTO), side(replicas=AUTO, **mixed))
    assert f"; where no more run, {disruption.AWAY}; " in result.text
    assert result.away
    result = in_place(side(replicas=2), side(replicas=0))
    assert "; nothing serves any more; " in result.text


def test_a_setting_that_reaches_no_task_touches_nothing():
    result = disruption.disruption(Effect.IN_PLACE, side(), side(timeouts={"ready": 7200}))
    assert result.text == "nothing that runs is touched"


def test_what_a_refresh_found_is_what_stops():
    mine = side(replicas=2)
    theirs = {"service": {"replica_policy": {"min_replicas": 5, "max_replicas": 5}}}
    result = in_place(disruption.Side(mine.spec, mine.cost, theirs), mine)
    assert result.text.startswith("3 of 5 running replicas stop at once; ")


def test_the_mix_costs_the_difference_of_its_prices():
    before, after = side(replicas=2, spot=True), side(1.5, replicas=2, spot={"onDemand": 1})
    assert in_place(before, after).extra == cost.Range(1, 1)


@pytest.mark.parametrize(
    ("data", "minutes"),
    [
        ({}, 45),
        ({"readinessProbe": {"initialDelay": 600}}, 25),
        ({"timeouts": {"ready": 7200}}, 120),
    ],
)
def test_a_roll_names_the_wait_that_holds(data, minutes):
    result = disruption.disruption(Effect.ROLLING, side(), side(**data))
    assert f"(`up` waits up to {minutes} min);" in result.text
    assert waits.timeout_seconds(side(**data).spec) == minutes * 60


@pytest.mark.parametrize(
    ("timeouts", "minutes"),
    [({}, 35), ({"ready": 7200}, 120), ({"update": 600}, 10), ({"ready": 60, "update": 600}, 1)],
)
def test_a_restart_names_the_wait_that_holds(timeouts, minutes):
    cluster = side(kind="cluster", timeouts=timeouts)
    result = disruption.disruption(Effect.RESTART, cluster, cluster)
    assert f"(up to {minutes} min, then the earlier server is started again)" in result.text
    assert waits.restart_seconds(cluster.spec) == minutes * 60


def test_a_roll_costs_the_new_replicas_beside_the_old():
    result = disruption.disruption(Effect.ROLLING, side(replicas=2), side(2.0, replicas=3))
    assert result.text.startswith("3 new replicas of L4:1 start beside the 2 old ones, each")
    assert result.extra == cost.Range(6, 6)
    assert not result.away


def test_a_roll_at_rest_starts_nothing():
    idle = {"replicas": {"min": 0, "max": 2, "targetQps": 1}}
    result = disruption.disruption(Effect.ROLLING, side(**idle), side(**idle))
    assert (
        result.text
        == "replicas that run now are replaced, and none starts before a request asks for it"
    )


@pytest.mark.parametrize("effect", [Effect.RESTART, Effect.REPLACE])
def test_where_nothing_answers_it_is_said_aloud(effect):
    result = disruption.disruption(effect, side(), side())
    assert disruption.AWAY in result.text
    assert result.away
    assert result.extra is None


def test_a_cluster_starts():
    cluster = side(kind="cluster")
    assert disruption.disruption(Effect.STARTS, None, cluster).text == (
        "the cluster starts; nothing else is touched"
    )


def test_a_removal_says_what_it_saves():
    result = disruption.disruption(Effect.STOPS, side(replicas=2), None)
    assert result.text == "it is taken down for good, which saves 2.00 USD/h"


def test_an_unknown_cost_stays_unknown():
    wanted = side().spec
    unknown = disruption.Side(wanted, cost.Cost(None, None, None, "no server"))
    assert disruption.disruption(Effect.ROLLING, unknown, unknown).extra is None
    assert in_place(unknown, unknown).extra is None
    assert disruption.disruption(Effect.STOPS, unknown, None).text == "it is taken down for good"


@pytest.mark.parametrize(
    ("before", "after", "text", "away"),
    [
        (
            {"replicas": 2},
            {"replicas": 0},
            "replicas that run now stop, none starts, and nothing serves any more",
            True,
        ),
        (
            {"replicas": 2},
            {"replicas": {"min": 0, "max": 2, "targetQps": 1}},
            "replicas that run now are replaced, and none starts before a request asks for it; "
            "until then nothing answers",
            True,
        ),
        (
            {"replicas": {"min": 0, "max": 2, "targetQps": 1}},
            {"replicas": 2},
            "2 new replicas of L4:1 start; each that runs now retires once a new one is ready "
            "(`up` waits up to 45 min)",
            False,
        ),
        (
            {"replicas": 2},
            {"replicas": 3},
            "3 new replicas of L4:1 start beside the 2 old ones, each of which retires once its "
            "replacement is ready (`up` waits up to 45 min); requests are answered throughout",
            False,
        ),
    ],
)
def test_a_roll_says_what_becomes_of_the_replicas(before, after, text, away):
    rolled = disruption.disruption(Effect.ROLLING, side(**before), side(**after))
    assert rolled.text == text
    assert rolled.away is away


def test_a_roll_of_what_a_refresh_found_counts_the_replicas_that_run():
    mine = side(replicas=2)
    theirs = {"service": {"replica_policy": {"min_replicas": 5}}}
    before = disruption.Side(mine.spec, mine.cost, theirs)
    assert "beside the 5 old ones" in disruption.disruption(Effect.ROLLING, before, mine).text
