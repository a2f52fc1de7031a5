"""The wait for a service, on the fake SkyPilot."""

import dataclasses

import pytest

from pulumi_skypilot import marker, port, readiness, testing
from tests.wanted import NAME, wanted


def expected(applied: marker.Applied, timeout_seconds: float = 900) -> readiness.Expected:
    return readiness.Expected(
        NAME, applied.digest, applied.version, 1, "openai/gpt-oss-20b", timeout_seconds
    )


def wait(sky: testing.SkyPilot) -> readiness.Wait:
    return readiness.Wait(sky, lambda listed: listed, sky.clock)


def test_ends_when_the_model_answers(sky, services):
    applied = services.create(wanted())
    ready = wait(sky).until_ready(expected(applied), "sk-1")
    assert ready == readiness.Ready("http://localhost:30001", 1)


def test_waits_for_the_new_version_not_for_the_old(sky, services):
    applied = services.create(wanted())
    sky.clock.sleep(testing.START_SECONDS + 1)
    updated = services.update(applied, wanted(context=4096))
    wait(sky).until_ready(expected(updated), "sk-1")
    assert [r.id for r in sky.service(NAME).replicas] == [2]


def test_shows_the_log_of_a_model_that_does_not_load(sky, services):
    applied = services.create(wanted())
    sky.loads = False
    with pytest.raises(port.Failed, match=r"replica 1 .*FAILED.*CUDA out of memory"):
        wait(sky).until_ready(expected(applied), "sk-1")


def test_says_that_the_earlier_version_goes_on(sky, services):
    applied = services.create(wanted())
    sky.clock.sleep(testing.START_SECONDS + 1)
    sky.service(NAME)
    updated = services.update(applied, wanted(context=4096))
    sky._services[NAME].replicas[-1].failed = True
    with pytest.raises(port.Failed, match="earlier version goes on serving"):
        wait(sky).until_ready(expected(updated), "sk-1")


def test_calls_off_the_wait_when_no_place_has_the_machine(sky, services):
    sky.capacity = False
    applied = services.create(wanted())
    with pytest.raises(port.NoCapacity, match="InsufficientInstanceCapacity"):
        wait(sky).until_ready(expected(applied), "sk-1")


def test_is_bounded(sky, services):
    applied = services.create(wanted())
    with pytest.raises(port.TimedOut, match="not ready after"):
        wait(sky).until_ready(expected(applied, timeout_seconds=30), "sk-1")


def test_with_no_replica_asked_for_is_over_once_registered(sky, services):
    applied = services.create(wanted(replicas={"min": 0, "max": 2, "targetQps": 1}))
    registered = dataclasses.replace(expected(applied), min_replicas=0)
    assert wait(sky).until_ready(registered, "sk-1").version == 1


def test_outlasts_a_server_that_is_away_for_a_while(sky, services):
    applied = services.create(wanted())
    sky.fail("service", *[port.Unreachable("away")] * 10)
    assert wait(sky).until_ready(expected(applied), "sk-1").version == 1


def test_does_not_wait_for_ever_for_a_server_that_is_away(sky, services):
    applied = services.create(wanted())
    sky.fail("service", *[port.Unreachable("away")] * 1000)
    with pytest.raises(port.Unreachable):
        wait(sky).until_ready(expected(applied), "sk-1")
