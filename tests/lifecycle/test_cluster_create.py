"""A create of a cluster: state in, call, state out, on the fake SkyPilot."""

import pytest

from pulumi_skypilot import errors, testing
from pulumi_skypilot.lifecycle import marker, operations
from pulumi_skypilot.plan import task
from pulumi_skypilot.skypilot import interface
from tests.lifecycle.cluster_jobs import jobs, launches
from tests.wanted import CLUSTER as NAME
from tests.wanted import KEY, MARK
from tests.wanted import cluster as wanted


class TestDigest:
    def test_the_digest_changes_with_all_that_reaches_the_server(self):
        assert wanted().digest == wanted().digest
        assert wanted().digest != wanted(model="n").digest
        assert wanted().digest != wanted(key="sk-key-2").digest

    def test_the_digest_is_the_same_for_another_autostop(self):
        first, second = wanted(autostop=(3, False), idle=30), wanted(autostop=(3, True), idle=60)
        assert first.digest == second.digest

    def test_the_digest_stands_in_the_name_of_the_job_and_the_mark_in_the_label(self):
        cluster = wanted()
        content = task.from_text(cluster.order().text)
        assert marker.read_job(content["name"]) == (MARK, cluster.digest)
        assert content["resources"]["labels"] == {marker.LABEL: MARK}
        assert marker.read_job("somebody-else") == (None, None)


class TestCreate:
    def test_a_create_launches_a_cluster_that_carries_the_mark(self, sky, made):
        applied = made.create(wanted())
        assert (applied.hash, applied.endpoint) == ("cluster-1", "http://10.1.0.1:8000")
        assert sky.cluster(NAME).labels == {marker.LABEL: MARK}
        assert jobs(sky) == [(wanted().digest, "SETTING_UP")]
        assert sky.job_order(NAME).secrets == {"SERVE_API_KEYS": KEY}

    def test_a_second_create_launches_nothing_more(self, sky, made):
        assert made.create(wanted()) == made.create(wanted())
        assert launches(sky) == 1

    @pytest.mark.parametrize("change", [{"model": "n"}, {"cpus": 8}])
    def test_a_create_makes_again_what_it_has_left_of_another_spec(self, sky, made, change):
        made.create(wanted())
        assert made.create(wanted(**change)).hash == "cluster-2"
        assert jobs(sky) == [(wanted(**change).digest, "SETTING_UP")]

    def test_a_create_makes_again_what_a_killed_launch_has_left_half_made(self, sky, made):
        made.create(wanted())
        sky.break_cluster(NAME, "")
        assert made.create(wanted()).hash == "cluster-2"

    def test_a_create_refuses_the_cluster_of_another_stack(self, sky, made):
        made.create(wanted(mark="other"))
        for adopt in (False, True):
            with pytest.raises(errors.Invalid, match="belongs to another stack; choose"):
                made.create(wanted(), adopt=adopt)
        assert launches(sky) == 1

    def test_a_create_refuses_what_somebody_made_by_hand_unless_it_is_to_be_adopted(
        self, sky, made
    ):
        by_hand = testing.order("name: x\nresources: {infra: aws, cpus: 4}")
        sky.launch(NAME, by_hand)
        with pytest.raises(errors.Invalid, match=r"belongs to someone else.*adopt"):
            made.create(wanted())
        applied = made.create(wanted(), adopt=True)
        assert jobs(sky) == [(wanted().digest, "SETTING_UP"), (None, "CANCELLED")]
        assert made.read(applied) == operations.Seen(applied)

    def test_a_create_never_gives_up_a_machine_that_it_was_to_adopt(self, sky, made):
        by_hand = testing.order("name: x\nresources: {infra: gcp}")
        sky.launch(NAME, by_hand)
        with pytest.raises(errors.Invalid, match=r"infra is gcp there and aws here"):
            made.create(wanted(), adopt=True)
        assert jobs(sky) == [(None, "SETTING_UP")]

    def test_a_create_names_the_place_without_credentials_before_it_asks_for_anything(
        self, sky, made
    ):
        sky.enabled = frozenset({"kubernetes"})
        with pytest.raises(errors.Denied, match=r"no credentials for aws"):
            made.create(wanted())
        assert launches(sky) == 0

    def test_a_create_is_tried_where_the_server_lists_no_place_at_all(self, sky, made):
        """SkyPilot drops a cluster that was away for a while, and looks again at the launch."""
        sky.enabled = frozenset()
        made.create(wanted())
        assert launches(sky) == 1

    def test_a_create_that_fails_leaves_no_machine(self, sky, made):
        sky.sets_up = False
        with pytest.raises(errors.Failed, match="set up"):
            made.create(wanted())
        assert sky.machines() == ()

    def test_a_create_whose_answer_is_lost_takes_up_what_was_made(self, sky, made):
        real = sky.launch

        def launch(name: str, order: interface.Order) -> None:
            real(name, order)
            raise errors.TimedOut("no answer")

        sky.launch = launch
        with pytest.raises(errors.TimedOut):
            made.create(wanted())
        sky.launch = real
        assert made.create(wanted()).hash == "cluster-1"
        assert launches(sky) == 1

    def test_a_create_does_not_take_unreachable_for_absent(self, sky, made):
        made.create(wanted())
        sky.fail("cluster", *[errors.Unreachable("away")] * 99)
        with pytest.raises(errors.Unreachable):
            made.create(wanted())
        assert launches(sky) == 1
