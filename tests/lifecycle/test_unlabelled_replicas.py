"""Replicas without the stack's label: only the record of the service names their owner."""

import typing

import pytest

from pulumi_skypilot import errors, testing
from pulumi_skypilot.lifecycle import marker
from pulumi_skypilot.lifecycle.services import Services
from pulumi_skypilot.skypilot import interface
from tests.wanted import BY_HAND, MARK, NAME, settled, wanted


class TestReplicasWithoutOurLabel:
    """Replicas that only the record of their service names."""

    @pytest.fixture
    def adopted(self, sky: testing.SkyPilot, services: Services) -> marker.Applied:
        sky.up(NAME, testing.order(BY_HAND))
        settled(sky)
        sky.machines()
        return services.create(wanted(), adopt=True)

    def test_unlabelled_replicas_are_taken_down_when_skyserve_leaves_them(
        self, sky, services, adopted
    ):
        sky.kill_controller(NAME)
        assert [machine.labels for machine in sky.machines()] == [{}]
        services.delete(NAME, MARK, adopted.hash)
        assert (sky.machines(), sky.services()) == ((), ())

    def test_replicas_of_another_stacks_service_are_taken_down_with_it(self, sky, services):
        services.create(wanted(mark="other"))
        settled(sky)
        sky.machines()
        services.create(wanted(), adopt=True)
        sky.kill_controller(NAME)
        services.delete(NAME, MARK)
        assert sky.machines() == ()

    def test_replicas_are_known_though_the_record_named_them_late(self, sky, services, adopted):
        """Take down also those that an update by hand adds during the end of the service."""
        real, looks = sky.service, []

        def look(name: str) -> interface.Service | None:
            looks.append(name)
            if len(looks) == 2:
                order = testing.order(BY_HAND.replace("min_replicas: 1", "min_replicas: 3"))
                sky.update(name, order)
                sky.clock.sleep(testing.ROW_SECONDS)
                real(name)
                sky.kill_controller(name)
            return typing.cast(interface.Service | None, real(name))

        sky.service = look
        services.delete(NAME, MARK, adopted.hash)
        assert (sky.machines(), sky.services()) == ((), ())

    def test_what_took_the_name_of_a_replica_since_is_no_replica(self, sky, services, adopted):
        sky.kill_controller(NAME)
        real = sky.machine_down

        def taken_at_once(name: str) -> None:
            real(name)
            sky.others_machine(name)

        sky.machine_down = taken_at_once
        services.delete(NAME, MARK, adopted.hash)
        assert [call for call in sky.calls if call.startswith("machine_down")] == [
            f"machine_down {NAME}-1"
        ]
        assert sky.own_machines() == ()

    def test_replicas_that_only_the_controllers_machine_sees_are_not_forgotten(self, sky, services):
        """Do not purge: a controller on a machine of its own keeps its database there."""
        applied = services.create(wanted())
        settled(sky)
        sky.kill_controller(NAME)
        sky.machines = tuple
        with pytest.raises(errors.Failed, match=rf"still has {NAME}-1.*serve down --purge {NAME}"):
            services.delete(NAME, MARK, applied.hash)
        assert f"purge {NAME}" not in sky.calls
