"""A create of a service: state in, call, state out, on the fake SkyPilot."""

import dataclasses
from collections.abc import Callable

import pytest

from pulumi_skypilot import errors, testing
from pulumi_skypilot.lifecycle import marker, operations
from pulumi_skypilot.lifecycle.services import Services
from pulumi_skypilot.skypilot import interface
from tests.wanted import MARK, NAME, settled, wanted


def failing_after(
    up: Callable[[str, interface.Order], None], error: errors.SkyPilotError
) -> Callable[[str, interface.Order], None]:
    """Return a call that does its work and then raises an error."""

    def up_and_fail(name: str, given: interface.Order) -> None:
        up(name, given)
        raise error

    return up_and_fail


NOT_STARTED = errors.NotStarted("its controller has not started in time")


class TestCreate:
    def test_a_create_makes_the_service_and_remembers_its_incarnation(self, sky, services):
        applied = services.create(wanted())
        assert (applied.hash, applied.version) == ("hash-1", 1)
        assert sky.service(NAME) is not None

    def test_a_second_create_takes_up_what_the_first_has_left(self, sky, services):
        first = services.create(wanted())
        assert services.create(wanted()) == first
        assert [call for call in sky.calls if call.startswith(("up", "update"))] == [f"up {NAME}"]

    def test_a_create_updates_what_an_interrupted_create_left_with_another_spec(
        self, sky, services
    ):
        services.create(wanted())
        again = services.create(wanted(context=4096))
        assert again.version == 2
        assert f"up {NAME}" in sky.calls
        assert sky.calls.count(f"up {NAME}") == 1

    def test_a_create_refuses_the_name_of_another_stack(self, sky, services):
        services.create(wanted(mark="other"))
        with pytest.raises(errors.Invalid, match=r"^name: .*belongs to another stack"):
            services.create(wanted())
        assert marker.owner(sky.service(NAME)) == "other"

    def test_a_create_refuses_a_service_that_somebody_made_by_hand(self, sky, services):
        sky.up(NAME, testing.order("service: {replica_policy: {min_replicas: 1}}"))
        with pytest.raises(errors.Invalid, match="belongs to someone else"):
            services.create(wanted())

    def test_a_create_takes_over_what_somebody_made_by_hand_when_told_to(self, sky, services):
        sky.up(NAME, testing.order("service: {replica_policy: {min_replicas: 1}}"))
        applied = services.create(wanted(), adopt=True)
        assert (applied.hash, applied.version) == ("hash-1", 2)
        assert sky.order(NAME).text == wanted().order().text
        fresh = testing.SkyPilot()
        made = Services(fresh, fresh.clock).create(wanted())
        assert dataclasses.replace(applied, hash=made.hash, version=1) == made

    def test_a_create_takes_over_another_stacks_only_when_told_to(self, sky, services):
        theirs = services.create(wanted(mark="other"))
        ours = services.create(wanted(), adopt=True)
        assert marker.owner(sky.service(NAME)) == MARK
        assert services.read(theirs) is None
        services.delete(NAME, "other", theirs.hash)
        assert services.read(ours) == operations.Seen(ours)

    def test_a_create_refuses_to_take_over_what_an_update_would_break(self, sky, services):
        text = "service: {tls: {keyfile: k, certfile: c}}"
        sky.up(NAME, testing.order(text))
        with pytest.raises(errors.Invalid, match=r"^adopt: .*tls is set there"):
            services.create(wanted(), adopt=True)
        assert sky.order(NAME).text == text

    def test_a_create_adopts_nothing_where_there_is_nothing(self, sky, services):
        assert services.create(wanted(), adopt=True).version == 1

    def test_a_create_has_the_time_that_it_is_given_and_no_more(self, sky):
        sky.service = lambda _: None  # registered, and never listed
        began = sky.clock.now()
        with pytest.raises(errors.TimedOut, match="after 30 s"):
            Services(sky, sky.clock, seconds=30).create(wanted())
        assert sky.clock.now() - began <= 30 + operations.POLL_SECONDS

    def test_a_create_tells_skypilot_of_its_time_and_of_the_update_mode(self, sky):
        services = Services(sky, sky.clock, seconds=30)
        applied = services.create(wanted())
        assert sky.order(NAME).seconds == 30
        new = dataclasses.replace(wanted(context=4096), blue_green=True)
        services.update(applied, new)
        assert sky.order(NAME).blue_green

    def test_a_create_waits_for_the_earlier_service_to_be_gone(self, sky, services):
        services.create(wanted())
        settled(sky)
        sky.down(NAME)
        assert services.create(wanted()).hash == "hash-2"

    def test_a_create_names_the_place_without_credentials_before_it_asks_for_anything(
        self, sky, services
    ):
        sky.enabled = frozenset({"kubernetes"})
        with pytest.raises(errors.Denied, match=r"^infra: .* no credentials for aws .*kubernetes"):
            services.create(wanted())
        assert f"up {NAME}" not in sky.calls

    def test_a_create_that_fails_leaves_no_service(self, sky, services):
        sky.fail("up", errors.Invalid("SkyPilot says no"))
        with pytest.raises(errors.Invalid, match="says no"):
            services.create(wanted())
        assert sky.services() == ()

    def test_a_create_whose_answer_is_lost_takes_up_the_service_that_was_made(self, sky, services):
        order = wanted().order()
        sky.up = failing_after(sky.up, errors.TimedOut("no answer"))
        assert services.create(wanted()).version == 1
        assert sky.order(NAME) == order

    def test_a_create_whose_controller_is_slow_waits_for_it(self, sky, services):
        real_service, since = sky.service, sky.clock.now()
        sky.service = lambda name: real_service(name) if sky.clock.now() - since > 100 else None
        sky.up = failing_after(sky.up, NOT_STARTED)
        assert services.create(wanted()).version == 1
        assert sky.calls.count(f"up {NAME}") == 1

    def test_a_service_whose_controller_has_died_is_made_once_more(self, sky, services):
        sky.fail("up", NOT_STARTED)
        since = sky.clock.now()
        assert services.create(wanted()).version == 1
        assert sky.clock.now() - since >= operations.ACCEPT_SECONDS

    def test_a_create_whose_controller_never_starts_is_an_error(self, sky, services):
        sky.fail("up", NOT_STARTED, NOT_STARTED)
        with pytest.raises(errors.TimedOut, match="has not started in time after 300 s"):
            services.create(wanted())
        assert sky.calls.count(f"up {NAME}") == 2

    def test_a_create_that_is_bounded_has_no_time_for_a_second_try(self, sky):
        sky.fail("up", NOT_STARTED)
        with pytest.raises(errors.TimedOut, match="after 200 s"):
            Services(sky, sky.clock, seconds=200).create(wanted())
        assert sky.calls.count(f"up {NAME}") == 1

    def test_a_create_does_not_take_unreachable_for_absent(self, sky, services):
        services.create(wanted())
        sky.fail("service", *[errors.Unreachable("away")] * 99)
        with pytest.raises(errors.Unreachable):
            services.create(wanted())
        assert sky.calls.count(f"up {NAME}") == 1
