"""The replicas that the autoscaler stops and starts; tests/with_sky asks SkyServe's own code."""

import dataclasses

import pytest

from pulumi_skypilot import plan, spec
from pulumi_skypilot.plan import scaling
from pulumi_skypilot.plan.scaling import Policy, Running, Step


@dataclasses.dataclass(frozen=True)
class Case:
    """Running replicas, the new policy, how many replicas traffic asks for, and the step."""

    now: tuple[int, int]
    after: Policy
    target: int
    stopped: int
    started: int


SPOT = Policy(2, 2, spot=True)
CASES = {
    "nothing changes": Case((2, 0), SPOT, 2, 0, 0),
    "more": Case((2, 0), dataclasses.replace(SPOT, fewest=3, most=3), 3, 0, 1),
    "fewer": Case((0, 3), Policy(1, 1), 1, 2, 0),
    "a lower maximum": Case((4, 0), Policy(1, 2, spot=True), 2, 2, 0),
    "fewer spare ones": Case((0, 5), Policy(3, 3, spare=1), 3, 1, 0),
    "one of two is to be on-demand": Case((2, 0), Policy(2, 2, spot=True, always=1), 2, 1, 1),
    "the only one is to be on-demand": Case((1, 0), Policy(1, 1, spot=True, always=1), 1, 1, 1),
    "one on-demand less": Case((1, 2), Policy(3, 3, spot=True, always=1), 3, 1, 1),
    "one on-demand more": Case((2, 1), Policy(3, 3, spot=True, always=2), 3, 1, 1),
    "with a fallback what goes is covered until spot is there": Case(
        (1, 2), Policy(3, 3, spot=True, always=1, fallback=True), 3, 0, 1
    ),
    "a fallback comes, all spot machines there": Case(
        (2, 0), Policy(2, 2, spot=True, fallback=True), 2, 0, 0
    ),
    "a fallback comes, one spot machine away": Case(
        (1, 0), Policy(2, 2, spot=True, fallback=True), 2, 0, 2
    ),
    "a fallback goes, with its stand-ins": Case((0, 3), Policy(3, 3, spot=True, always=1), 3, 2, 2),
    "a fallback goes, none stands in": Case((2, 1), Policy(3, 3, spot=True, always=1), 3, 0, 0),
    "none stands in for a spare one": Case(
        (2, 0), Policy(2, 2, spare=1, spot=True, always=1, fallback=True), 2, 0, 1
    ),
    "all go": Case((0, 2), Policy(0, 0), 0, 2, 0),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_step(case: Case) -> None:
    step = scaling.step(Running(*case.now), case.after, case.target)
    assert step == Step(Running(*case.now), case.stopped, case.started)


def policy(spot: object = None, replicas: object = 2) -> Policy:
    data = {"model": "openai/gpt-oss-20b", "accelerators": "L4:1", "spot": spot}
    data["replicas"] = replicas
    wanted = spec.parse({key: value for key, value in data.items() if value is not None})
    result = scaling.of_spec(wanted)
    assert scaling.of_task(plan.plan(wanted, "chat").task) == result
    return result


AUTO = {"min": 1, "max": 4, "targetQps": 2}


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (policy(), policy(replicas=3), (0, 0, False, 1)),
        (policy(replicas=3), policy(replicas=1), (2, 2, False, 0)),
        (policy(True), policy({"onDemand": 1}), (1, 1, False, 0)),
        (policy(True, 1), policy({"onDemand": 1}, 1), (1, 1, True, 0)),
        (policy({"onDemand": 2}, 3), policy({"onDemand": 1}, 3), (1, 1, False, 0)),
        (policy(True), policy({"fallback": "on-demand"}), (0, 0, False, 0)),
        (
            policy({"fallback": "on-demand", "onDemand": 1}, 3),
            policy({"onDemand": 1}, 3),
            (2, 2, False, 0),
        ),
        (policy(replicas=AUTO), policy(replicas={**AUTO, "max": 2}), (2, 3, False, 0)),
        (policy(replicas=AUTO), policy(replicas={**AUTO, "targetQps": 4}), (0, 3, False, 0)),
        (policy(replicas={**AUTO, "min": 3}), policy(replicas=AUTO), (0, 3, False, 0)),
        (policy(replicas=AUTO), policy(replicas={**AUTO, "min": 2}), (0, 2, False, 1)),
        (policy(replicas={**AUTO, "overprovision": 2}), policy(replicas=AUTO), (2, 5, False, 0)),
        (policy(True, AUTO), policy({"onDemand": 1}, AUTO), (1, 4, True, 0)),
        (policy(replicas=2), policy(replicas=0), (2, 2, True, 0)),
        (policy(replicas={**AUTO, "max": 100000}), policy(replicas=AUTO), (99996, 99999, False, 0)),
    ],
)  # fmt: skip
def test_an_outcome(before: Policy, after: Policy, expected: tuple[int, int, bool, int]) -> None:
    """Expected: stopped, stopped without traffic, whether none is left, and how many more."""
    outcome = scaling.outcome(before, after)
    assert (outcome.worst.stopped, outcome.idle, outcome.none_left, outcome.grown) == expected
    assert outcome.sure is (before.fewest == before.most and not before.fallback)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (Policy(0, 9, 2, spot=True, always=2, fallback=True), Policy(1, 6, 1, True, 3)),
        (Policy(0, 9, 1, spot=True, always=1, fallback=True), Policy(2, 5, 0, True, 1, True)),
        (Policy(3, 8, 0, spot=True, fallback=True), Policy(1, 4, 2, True, 2)),
        (Policy(2, 7, 3, spot=True), Policy(2, 7, 0, True, 5)),
    ],
)
def test_no_state_is_worse_than_the_ones_that_are_tried(before: Policy, after: Policy) -> None:
    every = [
        scaling.step(
            scaling.running(before, target, spot),
            after,
            max(after.fewest, min(after.most, target)),
        )
        for target in range(before.fewest, before.most + 1)
        for spot in (range(target + before.spare + 1) if before.fallback else [None])
    ]
    outcome = scaling.outcome(before, after)
    assert outcome.worst.stopped == max(step.stopped for step in every)
    assert outcome.none_left is any(step.all_stop for step in every)


def test_a_task_that_somebody_else_wrote() -> None:
    assert scaling.of_task({"service": {"replicas": 3}}) == Policy(3, 3)
    assert scaling.of_task({"service": {}}) == Policy(1, 1)
    assert scaling.of_task({"service": "gone", "resources": []}) == Policy(1, 1)
    assert scaling.of_task({"service": {"replica_policy": {"min_replicas": "x"}}}) == Policy(0, 0)
    assert scaling.of_task(
        {
            "resources": {"use_spot": True},
            "service": {"replica_policy": {"min_replicas": 1, "max_replicas": 3}},
        }
    ) == Policy(1, 1, spot=True)
