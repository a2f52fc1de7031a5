"""Launches under way: their owners, and who waits for them."""

import pytest

from pulumi_skypilot import errors
from tests.wanted import CLUSTER, MARK, NAME, OURS, THEIRS, settled, wanted


class TestLaunchesUnderWay:
    def test_launches_of_replicas_end_with_their_service(self, sky, services):
        services.create(wanted())
        settled(sky)
        sky.request("replica", f"{NAME}-7", OURS)
        services.delete(NAME, MARK)
        assert sky.requests() == ()

    def test_launches_of_replicas_without_a_service_end_in_a_sweep(self, sky, services):
        sky.request("replica", f"{NAME}-7", OURS)
        theirs = sky.others_request("replica", f"{NAME}-8", THEIRS)
        services.sweep(MARK)
        assert sky.requests() == (theirs,)

    def test_launches_of_a_living_services_replicas_are_its_own_business(self, sky, services):
        services.create(wanted())
        launch = sky.request("replica", f"{NAME}-1", OURS)
        services.sweep(MARK, lambda _objects: ())
        assert sky.requests() == (launch,)

    def test_a_create_waits_for_whoever_makes_that_name(self, sky, services):
        sky.others_request("up", NAME, {})
        with pytest.raises(errors.TimedOut, match=f"^{NAME}: an earlier request"):
            services.create(wanted())
        assert sky.touched() == []

    def test_nobody_waits_for_what_has_another_name(self, sky, services, made):
        for kind in ("up", "launch", "update", "replica"):
            sky.others_request(kind, f"{NAME}-eu", THEIRS)
            sky.others_request(kind, f"x-{CLUSTER}")
        began = sky.clock.now()
        services.delete(NAME, MARK)
        made.delete(CLUSTER, MARK)
        services.sweep(MARK)
        assert (sky.clock.now(), sky.touched()) == (began, [])

    @pytest.mark.parametrize("labels", [THEIRS, {}], ids=["another mark", "unlabelled"])
    def test_a_strangers_launch_is_not_cancelled(self, sky, made, labels):
        sky.others_request("launch", CLUSTER, labels)
        assert not made.delete(CLUSTER, MARK)
        assert sky.touched() == []

    def test_a_launch_that_is_not_shown_is_neither_cancelled_nor_taken_for_nothing(self, sky, made):
        sky.others_request("launch", CLUSTER)
        with pytest.raises(errors.TimedOut, match="another user's request is launching"):
            made.delete(CLUSTER, MARK)
        assert sky.touched() == []
