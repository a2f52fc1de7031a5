"""Names that are taken during a call of the life cycle."""

import typing
from collections.abc import Callable

import pytest

from pulumi_skypilot import errors, testing
from pulumi_skypilot.lifecycle import marker, operations
from pulumi_skypilot.skypilot import interface
from tests.wanted import BY_HAND, CLUSTER, MARK, NAME, cluster, settled, wanted


class TestANameThatIsTaken:
    """A name that a stranger takes between two looks."""

    def test_a_name_taken_since_is_not_ended_again_with_the_service(self, sky, services):
        services.create(wanted())
        settled(sky)
        real = sky.down

        def ended_and_taken(name: str, *, purge: bool = False) -> None:
            real(name, purge=purge)
            sky.kill_behind(name)
            sky.others_service(name, BY_HAND)
            sky.kill_controller(name)  # as it is, a purge would end it

        sky.down = ended_and_taken
        services.delete(NAME, MARK)
        assert sky.touched() == []

    def test_a_service_whose_name_is_taken_just_before_its_end_is_not_ended(self, sky, services):
        services.create(wanted())
        settled(sky)
        real = sky.machines

        def taken() -> tuple[interface.Machine, ...]:
            if NAME not in sky.foreign():
                sky.kill_behind(NAME)
                sky.others_service(NAME, BY_HAND)
            return typing.cast(tuple[interface.Machine, ...], real())

        sky.machines = taken
        services.delete(NAME, MARK)
        assert sky.touched() == []

    def test_a_service_adopted_by_another_just_before_its_end_is_not_ended(self, sky, services):
        services.create(wanted())
        settled(sky)
        real = sky.machines

        def adopted() -> tuple[interface.Machine, ...]:
            sky.machines = real
            sky.update(NAME, wanted(mark="other").order())
            return typing.cast(tuple[interface.Machine, ...], real())

        sky.machines = adopted
        services.delete(NAME, MARK)
        assert sky.service(NAME).status == "READY"
        assert f"down {NAME}" not in sky.calls

    def test_a_name_taken_while_a_create_waits_for_its_turn_is_refused(self, sky, services):
        real = sky.places

        def taken() -> frozenset[str]:
            sky.others_service(NAME, BY_HAND)
            return typing.cast(frozenset[str], real())

        sky.places = taken
        with pytest.raises(errors.Invalid, match="belongs to someone else"):
            services.create(wanted())
        assert sky.touched() == []

    def test_a_name_taken_before_its_update_is_refused_though_its_text_is_missing(
        self, sky, services
    ):
        applied = services.create(wanted())
        sky.kill_behind(NAME)
        sky.others_service(NAME, BY_HAND)
        sky.half_update(NAME)
        with pytest.raises(errors.Failed, match="it was replaced"):
            services.update(applied, wanted(context=4096))
        assert sky.touched() == []

    def test_a_name_taken_before_its_update_is_refused_though_it_runs_the_same(self, sky, services):
        applied = services.create(wanted())
        sky.kill_behind(NAME)
        order = wanted().order()
        sky.up(NAME, testing.order(order.text.replace(MARK, "other")))
        with pytest.raises(errors.Failed, match="it was replaced"):
            services.update(applied, wanted(context=4096))
        assert f"update {NAME}" not in sky.calls

    def test_a_cluster_is_gone_when_another_has_its_name(self, sky, made):
        made.create(cluster())
        real = sky.machine_down

        def taken(name: str) -> None:
            real(name)
            sky.others_cluster(name)

        sky.machine_down = taken
        began = sky.clock.now()
        assert made.delete(CLUSTER, MARK)
        assert sky.clock.now() - began < operations.GONE_SECONDS
        assert sky.touched() == []

    @pytest.mark.parametrize("when", ["places", "launch"])
    def test_a_cluster_is_not_launched_on_another(self, sky, made, when):
        real: Callable[..., object] = getattr(sky, when)

        def taken(*args: object) -> object:
            setattr(sky, when, real)
            sky.others_cluster(CLUSTER, "name: x\nresources: {infra: aws}\n")
            if when == "launch":
                sky._clusters[CLUSTER].order = testing.order(cluster().text)
            return real(*args)

        setattr(sky, when, taken)
        with pytest.raises(errors.Invalid, match="belongs to someone else"):
            made.create(cluster(autostop=(3, True)))
        running = [job.name for job in sky.jobs(CLUSTER) if job.status != "CANCELLED"]
        assert running == ["x"]
        assert not [call for call in sky.calls if call.startswith(("autostop", "machine_down"))]

    def test_an_old_server_is_not_started_again_on_another(self, sky, made):
        applied = made.create(cluster())

        def wait(_now: marker.Applied, _left: float | None) -> None:
            sky.kill_cluster(CLUSTER)
            sky.others_cluster(CLUSTER)
            raise errors.Failed("no")

        with pytest.raises(errors.Failed, match="could not be started again either"):
            made.update(applied, cluster(), cluster(model="n"), wait)
        assert [job.name for job in sky.jobs(CLUSTER)] == ["x"]
