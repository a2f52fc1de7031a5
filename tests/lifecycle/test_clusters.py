"""The life cycle of clusters on the fake SkyPilot: state in, call, state out."""

import pytest

from pulumi_skypilot import errors, testing
from pulumi_skypilot.lifecycle import clusters, marker, operations
from pulumi_skypilot.skypilot import interface
from tests.lifecycle.cluster_jobs import jobs, launches
from tests.wanted import CLUSTER as NAME
from tests.wanted import MARK
from tests.wanted import cluster as wanted


def nothing(_applied: marker.Applied, _left: float | None) -> None:
    """Wait for no answer."""


class TestRead:
    def test_a_read_of_an_unchanged_cluster_finds_no_drift(self, made):
        applied = made.create(wanted(autostop=(3, False)))
        assert made.read(applied) == operations.Seen(applied)

    def test_a_read_of_a_cluster_that_was_taken_away_finds_none(self, sky, made):
        applied = made.create(wanted())
        sky.kill_cluster(NAME)
        assert made.read(applied) is None

    def test_a_read_of_a_name_that_another_stack_took_finds_none(self, sky, made):
        applied = made.create(wanted())
        sky.kill_cluster(NAME)
        made.create(wanted(mark="other"))
        assert made.read(applied) is None

    def test_a_read_raises_when_the_server_does_not_answer(self, sky, made):
        applied = made.create(wanted())
        sky.fail("cluster", *[errors.Unreachable("away")] * 99)
        with pytest.raises(errors.Unreachable):
            made.read(applied)

    def test_a_read_takes_stopped_for_neither_drift_nor_gone(self, sky, made):
        applied = made.create(wanted())
        sky.stop_cluster(NAME)
        assert made.read(applied) == operations.Seen(applied)

    @pytest.mark.parametrize("error", [errors.Unreachable("not up"), errors.Failed("code 255")])
    def test_a_read_bears_that_it_stops_between_two_questions(self, sky, made, error):
        applied = made.create(wanted())

        def jobs(_name: str) -> tuple[interface.Job, ...]:
            sky.stop_cluster(NAME)
            raise error

        sky.jobs = jobs
        assert made.read(applied) == operations.Seen(applied)

    def test_a_read_raises_when_the_queue_of_a_cluster_that_is_up_does_not_answer(self, sky, made):
        applied = made.create(wanted())
        sky.fail("jobs", *[errors.Unreachable("away")] * 99)
        with pytest.raises(errors.Unreachable):
            made.read(applied)

    def test_a_read_takes_a_server_that_ended_for_idleness_for_no_drift(self, sky, made):
        applied = made.create(wanted())
        sky.end_job(NAME, "SUCCEEDED")
        assert made.read(applied) == operations.Seen(applied)

    def test_a_read_finds_that_the_server_does_not_run_once_the_machine_was_started_again(
        self, sky, made
    ):
        applied = made.create(wanted())
        sky.end_job(NAME, "SUCCEEDED")
        sky.stop_cluster(NAME)
        sky.clock.sleep(60)
        sky.start_cluster(NAME)
        assert made.read(applied).drift == {"server": "it does not run: its job 1 is SUCCEEDED"}

    @pytest.mark.parametrize("end", ["FAILED", "CANCELLED", "FAILED_SETUP"])
    def test_a_read_finds_a_server_that_has_ended(self, sky, made, end):
        applied = made.create(wanted())
        sky.end_job(NAME, end)
        assert made.read(applied).drift == {"server": f"it does not run: its job 1 is {end}"}

    def test_a_read_names_what_runs_instead(self, sky, made):
        applied = made.create(wanted())
        sky.end_job(NAME, "CANCELLED")
        sky.launch(NAME, testing.order(f"{wanted().text}\nname: mine"))
        assert made.read(applied).drift["server"].endswith("; mine runs")

    def test_a_read_lets_others_run_their_jobs_beside_the_server(self, sky, made):
        applied = made.create(wanted())
        sky.exec(NAME, "somebody", "nvidia-smi")
        assert made.read(applied) == operations.Seen(applied)

    def test_a_read_shows_a_broken_cluster_with_its_reason(self, sky, made):
        applied = made.create(wanted())
        sky.break_cluster(NAME, "one or more nodes terminated")
        assert made.read(applied).drift == {"cluster": "it is INIT: one or more nodes terminated"}

    def test_a_read_shows_another_autostop(self, sky, made):
        applied = made.create(wanted(autostop=(3, False)))
        sky.autostop(NAME, -1, down=False)
        assert made.read(applied).drift == {"autostop": "stop after 3 minutes -> none"}


class TestUpdate:
    def test_an_update_of_the_autostop_leaves_the_server_alone(self, sky, made):
        old, new = wanted(autostop=(3, False)), wanted(autostop=(3, True), idle=60)
        applied = made.update(made.create(old), old, new, nothing)
        assert applied.text == new.text
        assert launches(sky) == 1
        assert (sky.cluster(NAME).autostop_minutes, sky.cluster(NAME).autostop_down) == (3, True)
        assert f"exec {NAME} echo 60 > ~/.autostop-idle-minutes" in sky.calls
        assert made.read(applied) == operations.Seen(applied)

    def test_an_update_of_the_command_ends_the_server_and_starts_the_new_one(self, sky, made):
        waited: list[str] = []
        new = wanted(model="n")
        applied = made.create(wanted())
        after = made.update(applied, wanted(), new, lambda now, _: waited.append(now.digest))
        assert jobs(sky) == [(new.digest, "SETTING_UP"), (wanted().digest, "CANCELLED")]
        assert waited == [new.digest]
        assert after.hash == applied.hash

    @pytest.mark.parametrize("runs", [True, False])
    def test_an_update_puts_off_the_autostop_until_the_new_server_has_its_job(
        self, sky, made, runs
    ):
        """A slow launch has no job for minutes, and the machine would be taken down as idle."""
        old, new = wanted(autostop=(3, True)), wanted(autostop=(3, True), model="n")
        applied = made.create(old)
        if not runs:
            sky.end_job(NAME, "SUCCEEDED")
        real, seen = sky.launch, []

        def launch(*args: object) -> object:
            now = sky.cluster(NAME)
            seen.append((now.autostop_minutes, now.autostop_down))
            return real(*args)

        sky.launch = launch
        before = len(sky.calls)
        made.update(applied, old, new, nothing)
        assert seen == [(clusters.RELIEF_MINUTES, True)]
        did = [call.split()[0] for call in sky.calls[before:]]
        if runs:
            assert did.index("autostop") < did.index("cancel_jobs")
        after = sky.cluster(NAME)
        assert (after.autostop_minutes, after.autostop_down) == (3, True)

    def test_an_update_that_fails_starts_the_old_server_again(self, sky, made):
        def wait(_now: marker.Applied, _left: float | None) -> None:
            raise errors.Failed("its log says: CUDA out of memory")

        new = wanted(model="does-not-load")
        applied = made.create(wanted())
        with pytest.raises(
            errors.Failed, match="out of memory; the old server is being started again"
        ):
            made.update(applied, wanted(), new, wait)
        assert [digest for digest, state in jobs(sky) if state == "SETTING_UP"] == [wanted().digest]
        assert made.read(applied) == operations.Seen(applied)

    def test_an_update_ends_no_server_where_the_place_cannot_be_asked(self, sky, made):
        applied = made.create(wanted())
        sky.fail("address", errors.Denied("infra: Kubernetes refuses the credentials"))
        with pytest.raises(errors.Denied, match="credentials"):
            made.update(applied, wanted(), wanted(model="n"), nothing)
        assert jobs(sky) == [(wanted().digest, "SETTING_UP")]

    def test_an_update_that_has_no_time_left_starts_the_old_server_again_in_its_own_time(
        self, sky, made
    ):
        def wait(_now: marker.Applied, left: float | None) -> None:
            assert left == 60
            sky.clock.sleep(90)
            raise errors.TimedOut("no answer after 60 s")

        applied = made.create(wanted())
        bounded = clusters.Clusters(sky, sky.clock, seconds=60)
        with pytest.raises(errors.Failed, match="no answer after 60 s; the old server is being"):
            bounded.update(applied, wanted(), wanted(model="n"), wait)
        assert sky.job_order(NAME).seconds is None
        assert made.read(applied) == operations.Seen(applied)

    @pytest.mark.parametrize(
        ("failed", "raised"),
        [
            (
                operations.gone(NAME),
                f"^the cluster '{NAME}' is gone; `pulumi up --refresh` creates",
            ),
            (errors.Failed("no answer"), "^no answer; .* again either: the cluster .* is gone"),
        ],
    )
    def test_an_update_whose_cluster_is_lost_launches_no_other_and_says_so_at_once(
        self, sky, made, failed, raised
    ):
        def wait(_now: marker.Applied, _left: float | None) -> None:
            sky.kill_cluster(NAME)
            raise failed

        applied = made.create(wanted())
        with pytest.raises(type(failed), match=raised):
            made.update(applied, wanted(), wanted(model="n"), wait)
        assert sky.cluster(NAME) is None
        assert sky.clock.now() < 60

    def test_an_update_that_fails_leaves_the_jobs_of_others_alone(self, sky, made):
        def wait(_now: marker.Applied, _left: float | None) -> None:
            raise errors.Failed("no")

        applied = made.create(wanted())
        sky.launch(NAME, testing.order(f"{wanted().text}\nname: mine"))
        with pytest.raises(errors.Failed):
            made.update(applied, wanted(), wanted(model="n"), wait)
        assert (None, "SETTING_UP") in jobs(sky)

    def test_an_update_that_fails_does_not_start_an_old_server_that_did_not_run(self, sky, made):
        def wait(_now: marker.Applied, _left: float | None) -> None:
            raise errors.Failed("no")

        applied = made.create(wanted())
        sky.end_job(NAME, "FAILED")
        with pytest.raises(errors.Failed, match=r"^no$"):
            made.update(applied, wanted(), wanted(model="n"), wait)

    def test_an_update_puts_right_what_a_refresh_has_shown(self, sky, made):
        applied = made.create(wanted(autostop=(3, False)))
        sky.end_job(NAME, "FAILED")
        sky.autostop(NAME, -1, down=False)
        seen = made.read(applied)
        same = wanted(autostop=(3, False))
        right = made.update(seen.applied, same, same, nothing)
        assert made.read(right) == operations.Seen(right)

    def test_a_second_update_launches_nothing_more(self, sky, made):
        applied = made.create(wanted())
        for _ in range(2):
            made.update(applied, wanted(), wanted(model="n"), nothing)
        assert launches(sky) == 2

    def test_an_update_starts_a_stopped_cluster_with_the_new_command(self, sky, made):
        applied = made.create(wanted())
        sky.stop_cluster(NAME)
        made.update(applied, wanted(), wanted(model="n"), nothing)
        assert sky.cluster(NAME).status == "UP"
        assert jobs(sky)[0] == (wanted(model="n").digest, "SETTING_UP")

    def test_an_update_of_the_autostop_does_not_wake_a_stopped_cluster(self, sky, made):
        old, new = wanted(autostop=(3, False)), wanted(autostop=(3, True))
        applied = made.create(old)
        sky.stop_cluster(NAME)
        assert made.update(applied, old, new, nothing).text == new.text
        assert sky.cluster(NAME).status == "STOPPED"

    def test_an_update_leaves_the_jobs_of_others_alone(self, sky, made):
        applied = made.create(wanted())
        sky.launch(NAME, testing.order(f"{wanted().text}\nname: mine"))
        made.update(applied, wanted(), wanted(model="n"), nothing)
        assert (None, "SETTING_UP") in jobs(sky)

    def test_an_update_takes_the_place_of_what_an_interrupted_update_has_left(self, sky, made):
        applied = made.create(wanted())
        made.update(applied, wanted(), wanted(model="n"), nothing)  # and its state was lost
        assert "runs" in made.read(applied).drift["server"]
        after = made.update(applied, wanted(), wanted(model="o"), nothing)
        assert jobs(sky)[:2] == [
            (wanted(model="o").digest, "SETTING_UP"),
            (wanted(model="n").digest, "CANCELLED"),
        ]
        assert made.read(after) == operations.Seen(after)

    def test_an_update_of_a_cluster_that_is_gone_says_how_to_go_on(self, sky, made):
        applied = made.create(wanted())
        sky.kill_cluster(NAME)
        with pytest.raises(errors.NotFound, match="--refresh"):
            made.update(applied, wanted(), wanted(model="n"), nothing)

    def test_an_update_spares_a_cluster_that_is_someone_elses_now(self, sky, made):
        applied = made.create(wanted())
        sky.kill_cluster(NAME)
        made.create(wanted(mark="other"))
        with pytest.raises(errors.Failed, match="someone else's now"):
            made.update(applied, wanted(), wanted(model="n"), nothing)


class TestDelete:
    def test_a_delete_leaves_nothing(self, sky, made):
        made.create(wanted())
        made.delete(NAME, MARK)
        assert sky.machines() == ()

    def test_deleting_a_cluster_that_is_gone_is_no_error(self, sky, made):
        made.create(wanted())
        sky.kill_cluster(NAME)
        made.delete(NAME, MARK)
        assert sky.cluster(NAME) is None

    def test_a_delete_takes_down_a_stopped_cluster(self, sky, made):
        made.create(wanted())
        sky.stop_cluster(NAME)
        made.delete(NAME, MARK)
        assert sky.machines() == ()

    def test_a_delete_spares_the_cluster_of_another_stack(self, sky, made):
        made.create(wanted(mark="other"))
        made.delete(NAME, MARK)
        assert sky.cluster(NAME) is not None

    def test_a_delete_takes_down_an_adopted_one_by_its_incarnation(self, sky, made):
        by_hand = testing.order("name: x\nresources: {infra: aws, cpus: 4}")
        sky.launch(NAME, by_hand)
        applied = made.create(wanted(), adopt=True)
        made.delete(NAME, MARK, applied.hash)
        assert sky.cluster(NAME) is None

    def test_a_delete_cancels_a_launch_that_does_not_end(self, sky, made):
        made.create(wanted())
        sky.request("launch", NAME, {marker.LABEL: MARK})
        made.delete(NAME, MARK)
        assert (sky.requests(), sky.machines()) == ((), ())

    def test_a_cluster_is_part_of_the_sweep_of_a_stack(self, sky, made, services):
        made.create(wanted())
        made.create(wanted(name="other-lab", mark="other"))
        services.sweep(MARK)
        assert [machine.name for machine in sky.machines()] == ["other-lab"]
