"""A part of the crash sweep, on the fake: `make bench-faults` runs all of it."""

import pytest

from pulumi_skypilot import errors, testing
from pulumi_skypilot.lifecycle import marker, shutdown
from pulumi_skypilot.lifecycle import services as life
from tests import sweep
from tests.wanted import MARK, NAME, wanted


@pytest.mark.parametrize("operation", sweep.OPERATIONS)
def test_a_disturbed_operation_ends_whole_or_with_nothing(operation: str) -> None:
    for case in sweep.some(operation):
        try:
            assert sweep.outcome(case).startswith(("up", "destroy"))
        except Exception as error:
            error.add_note(str(case))
            raise


class TestAServiceThatNobodyEnds:
    """SkyServe's process for it is dead: a plain `down` does nothing any more."""

    def test_a_service_that_nobody_ends_is_taken_down_machines_first(self, sky, services):
        services.create(wanted())
        sky.clock.sleep(testing.START_SECONDS)
        sky.kill_controller(NAME)
        services.delete(NAME, MARK)
        assert (sky.services(), sky.machines()) == ((), ())
        assert sky.calls.index(f"machine_down {NAME}-1") < sky.calls.index(f"purge {NAME}")

    def test_a_service_that_stays_shutting_down_is_helped_after_a_while(self, sky, services):
        services.create(wanted())
        sky.clock.sleep(testing.START_SECONDS)
        sky.half_down(NAME)
        began = sky.clock.now()
        services.delete(NAME, MARK)
        assert (sky.services(), sky.machines()) == ((), ())
        assert sky.clock.now() - began > shutdown.STUCK_SECONDS

    def test_a_service_that_nobody_ends_is_in_no_creates_way(self, sky, services):
        first = services.create(wanted())
        sky.half_down(NAME)
        again = services.create(wanted())
        assert again.hash != first.hash
        assert marker.owner(sky.service(NAME)) == MARK

    def test_a_service_that_nobody_ends_is_helped_within_the_time_that_a_stack_gives(self, sky):
        short = life.Services(sky, sky.clock, seconds=60)
        short.create(wanted())
        sky.half_down(NAME)
        life.Services(sky, sky.clock, seconds=60).delete(NAME, MARK)
        assert sky.services() == ()

    def test_a_dead_service_of_another_stack_is_left_to_it(self, sky, services):
        services.create(wanted(mark="other"))
        sky.half_down(NAME)
        with pytest.raises(errors.TimedOut, match="still shutting down"):
            services.create(wanted())
        assert sky.calls.count(f"purge {NAME}") == 0
