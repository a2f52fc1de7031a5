"""The life cycle of a service: state in, call, state out, on the fake SkyPilot."""

import dataclasses
import itertools
import typing

import pytest

from pulumi_skypilot import errors, testing
from pulumi_skypilot.lifecycle import marker, operations
from pulumi_skypilot.lifecycle.services import Services
from pulumi_skypilot.skypilot import interface
from tests.wanted import MARK, NAME, settled, wanted


class TestRead:
    def test_a_read_of_an_unchanged_service_finds_no_drift(self, sky, services):
        applied = services.create(wanted())
        assert services.read(applied) == operations.Seen(applied)

    def test_a_read_of_a_service_that_was_taken_away_finds_none(self, sky, services):
        applied = services.create(wanted())
        sky.kill_behind(NAME)
        assert services.read(applied) is None

    def test_a_read_of_a_name_that_another_stack_took_finds_none(self, sky, services):
        applied = services.create(wanted())
        sky.kill_behind(NAME)
        services.create(wanted(mark="other"))
        assert services.read(applied) is None

    def test_a_read_raises_when_the_server_does_not_answer(self, sky, services):
        applied = services.create(wanted())
        sky.fail("service", *[errors.Unreachable("away")] * 99)
        with pytest.raises(errors.Unreachable):
            services.read(applied)

    def test_a_read_names_what_somebody_changed_by_hand(self, sky, services):
        applied = services.create(wanted())
        text = sky.order(NAME).text.replace("min_replicas: 1", "min_replicas: 3")
        sky.update(NAME, testing.order(text, secrets=sky.order(NAME).secrets))
        seen = services.read(applied)
        assert seen.drift == {"replicas.min": "1 -> 3"}

    def test_a_read_knows_its_own_service_though_the_text_was_edited(self, sky, services):
        applied = services.create(wanted())
        text = sky.order(NAME).text + "# edited\n"
        sky.update(NAME, testing.order(text, secrets=sky.order(NAME).secrets))
        assert services.read(applied).applied.digest.startswith("foreign-")


class TestUpdate:
    def test_an_update_of_the_service_section_keeps_the_replica(self, sky, services):
        applied = services.create(wanted())
        settled(sky)
        before = [r.id for r in sky.service(NAME).replicas]
        services.update(applied, wanted(replicas={"min": 1, "max": 3, "targetQps": 2}))
        assert [r.id for r in sky.service(NAME).replicas] == before

    def test_an_update_of_the_command_starts_a_new_replica_beside_the_old(self, sky, services):
        applied = services.create(wanted())
        settled(sky)
        services.update(applied, wanted(context=4096))
        assert [(r.id, r.status) for r in sky.service(NAME).replicas] == [
            (1, "READY"),
            (2, "PROVISIONING"),
        ]

    def test_a_second_update_makes_no_second_version(self, sky, services):
        applied = services.create(wanted())
        second = services.update(applied, wanted(context=4096))
        assert services.update(applied, wanted(context=4096)) == second
        assert sky.calls.count(f"update {NAME}") == 1

    def test_an_update_refuses_to_overwrite_what_somebody_changed_since(self, sky, services):
        applied = services.create(wanted())
        text = sky.order(NAME).text.replace("min_replicas: 1", "min_replicas: 3")
        sky.update(NAME, testing.order(text, secrets=sky.order(NAME).secrets))
        with pytest.raises(errors.Failed, match=r"replicas.min: 1 -> 3.*pulumi refresh"):
            services.update(applied, wanted(context=4096))

    def test_an_update_puts_right_what_a_refresh_has_shown(self, sky, services):
        applied = services.create(wanted())
        text = sky.order(NAME).text.replace("min_replicas: 1", "min_replicas: 3")
        sky.update(NAME, testing.order(text, secrets=sky.order(NAME).secrets))
        seen = services.read(applied)
        right = services.update(seen.applied, wanted())
        assert services.read(right) == operations.Seen(right)

    def test_an_update_of_a_service_that_is_gone_says_how_to_go_on(self, sky, services):
        applied = services.create(wanted())
        sky.kill_behind(NAME)
        with pytest.raises(errors.NotFound, match="--refresh"):
            services.update(applied, wanted(context=4096))


class TestDelete:
    def test_a_delete_leaves_nothing(self, sky, services):
        services.create(wanted())
        settled(sky)
        services.delete(NAME, MARK)
        assert (sky.services(), sky.machines()) == ((), ())

    def test_a_delete_while_a_replica_is_provisioned_leaves_no_machine(self, sky, services):
        services.create(wanted())
        services.delete(NAME, MARK)
        assert sky.machines() == ()

    def test_a_delete_takes_down_a_replica_that_an_earlier_down_has_forgotten(self, sky, services):
        services.create(wanted())
        sky.down(NAME)
        assert [m.name for m in sky.machines()] == [f"{NAME}-1"]
        services.delete(NAME, MARK)
        assert sky.machines() == ()

    @pytest.mark.parametrize(("took", "rest"), [(0, 4), (2, 6), (6, 15)])
    def test_a_delete_leaves_a_busy_server_time_for_other_things(
        self, sky, services, monkeypatch, took, rest
    ):
        services.create(wanted())
        settled(sky)
        looks: list[float] = []
        real = sky.service

        def slow(name: str) -> interface.Service | None:
            looks.append(sky.clock.now())
            sky.clock.sleep(took)
            return typing.cast(interface.Service | None, real(name))

        monkeypatch.setattr(sky, "service", slow)
        services.delete(NAME, MARK)
        assert took + rest in {after - before for before, after in itertools.pairwise(looks)}

    def test_deleting_a_service_that_is_gone_is_no_error(self, sky, services):
        services.create(wanted())
        sky.kill_behind(NAME)
        services.delete(NAME, MARK)
        assert sky.service(NAME) is None

    def test_a_delete_spares_the_service_of_another_stack(self, sky, services):
        services.create(wanted(mark="other"))
        services.delete(NAME, MARK)
        assert sky.service(NAME).status != "SHUTTING_DOWN"

    def test_a_delete_spares_a_service_that_somebody_made_by_hand_since(self, sky, services):
        applied = services.create(wanted())
        sky.kill_behind(NAME)
        sky.up(NAME, testing.order("service: {replica_policy: {min_replicas: 1}}"))
        services.delete(NAME, MARK, applied.hash)
        assert sky.service(NAME).status != "SHUTTING_DOWN"

    def test_a_delete_takes_down_its_own_though_the_mark_was_edited_away(self, sky, services):
        applied = services.create(wanted())
        sky.update(NAME, testing.order("service: {replica_policy: {min_replicas: 1}}"))
        services.delete(NAME, MARK, applied.hash)
        assert sky.service(NAME) is None

    def test_a_delete_does_not_take_unreachable_for_gone(self, sky, services):
        services.create(wanted())
        sky.fail("service", *[errors.Unreachable("away")] * 99)
        with pytest.raises(errors.Unreachable):
            services.delete(NAME, MARK)


class TestSweep:
    def test_a_sweep_takes_down_all_that_carries_the_mark_and_nothing_else(self, sky, services):
        services.create(wanted())
        other = dataclasses.replace(wanted(mark="other"), name="other-chat")
        services.create(other)
        settled(sky)
        services.sweep(MARK)
        assert [s.name for s in sky.services()] == ["other-chat"]
        assert [m.name for m in sky.machines()] == ["other-chat-1"]

    def test_a_sweep_finds_a_machine_whose_service_is_gone(self, sky, services):
        services.create(wanted())
        sky.down(NAME)
        sky.clock.sleep(testing.DRAIN_SECONDS + 1)
        assert [entry.name for entry in services.marked(MARK)] == [f"{NAME}-1"]
        services.sweep(MARK)
        assert services.marked(MARK) == ()

    def test_a_sweep_ends_a_request_that_does_not_end(self, sky, services):
        services.create(wanted())
        sky.request("launch", "local-lab", {marker.LABEL: MARK})
        services.sweep(MARK)
        assert (sky.requests(), sky.services(), sky.machines()) == ((), (), ())

    def test_a_sweep_fails_with_the_list_of_what_stays(self, sky, services):
        services.create(wanted())
        sky.down(NAME)
        sky.fail("machine_down", errors.NotFound("no"), errors.NotFound("no"))
        sky.clock.sleep(testing.DRAIN_SECONDS + 1)
        with pytest.raises(errors.Failed, match=f"still there.*{NAME}-1"):
            services.sweep(MARK)


class TestAControllerThatSleeps:
    """SkyServe's controller on a machine of its own, which stops after a time without a service."""

    def test_a_controller_that_sleeps_is_started_to_make_a_service(self, sky, services):
        sky.asleep = True
        services.create(wanted())
        assert sky.service(NAME) is not None

    @pytest.mark.parametrize(
        "change",
        [
            lambda services, applied: services.update(applied, wanted(context=4096)),
            lambda services, _: services.delete(NAME, MARK),
            lambda services, _: services.sweep(MARK),
        ],
    )
    def test_a_controller_that_sleeps_is_started_to_change_one(self, sky, services, change):
        applied = services.create(wanted())
        sky.asleep = True
        change(services, applied)
        assert "wake" in sky.calls

    def test_a_controller_that_sleeps_is_left_asleep_by_a_refresh_which_does_not_take_it_for_gone(
        self, sky, services
    ):
        applied = services.create(wanted())
        sky.asleep = True
        with pytest.raises(errors.Unreachable):
            services.read(applied)
        assert "wake" not in sky.calls


def test_a_service_waits_until_the_one_before_it_listens(sky: testing.SkyPilot) -> None:
    """Wait: else SkyServe may give both services the same port."""
    away = errors.Unreachable("connection refused")
    sky.fail("listens", away, away)
    Services(sky, sky.clock).create(wanted())
    asked = [call for call in sky.calls if call.startswith("listens ")]
    assert asked == ["listens http://localhost:30001"] * 3


def test_a_service_that_is_made_is_not_asked_anything(sky: testing.SkyPilot) -> None:
    """Send no request: it is traffic, and wakes a replica of a service that has none."""
    made = Services(sky, sky.clock)
    made.update(made.create(wanted()), wanted(context=4096))
    assert not [call for call in sky.calls if call.startswith("get ")]


def test_a_load_balancer_out_of_reach_holds_nobody_up_for_long(sky: testing.SkyPilot) -> None:
    sky.fail("listens", *[errors.Unreachable("no route to host")] * 100)
    before = sky.clock.now()
    Services(sky, sky.clock).create(wanted())
    assert sky.clock.now() - before < 60
