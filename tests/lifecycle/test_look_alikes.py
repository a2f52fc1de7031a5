"""Objects that look like a stack's own, but are somebody else's, are left alone."""

import pytest

from pulumi_skypilot import errors, testing
from tests import stack_in_memory, sweep
from tests.wanted import BY_HAND, CLUSTER, MARK, NAME, THEIRS, settled, wanted

LABELS = pytest.mark.parametrize("labels", [None, THEIRS], ids=["unlabelled", "another mark"])


class TestBesideAService:
    """Objects that look like a replica of the service, but are not."""

    @pytest.fixture
    def foreign(self, sky: testing.SkyPilot) -> testing.SkyPilot:
        sky.others_job(NAME)
        sky.others_job(NAME, THEIRS)
        sky.others_cluster(f"{NAME}-79")
        sky.others_machine(f"{NAME}-80", THEIRS)
        for kind in ("launch", "replica"):
            sky.others_request(kind, f"{NAME}-101")
            sky.others_request(kind, f"{NAME}-102", THEIRS)
            sky.others_request(kind, f"{NAME}-81", {})
        return sky

    def test_a_delete_leaves_look_alikes(self, foreign, services):
        services.create(wanted())
        settled(foreign)
        services.delete(NAME, MARK)
        assert (foreign.touched(), foreign.own_machines()) == ([], ())

    def test_a_delete_of_a_service_that_is_gone_leaves_look_alikes(self, foreign, services):
        services.create(wanted())
        foreign.down(NAME)  # which forgets the replica
        foreign.clock.sleep(testing.DRAIN_SECONDS + 1)
        services.delete(NAME, MARK)
        assert (foreign.touched(), foreign.own_machines()) == ([], ())

    def test_a_purge_leaves_look_alikes(self, foreign, services):
        services.create(wanted())
        settled(foreign)
        foreign.kill_controller(NAME)
        services.delete(NAME, MARK)
        assert (foreign.touched(), foreign.own_machines()) == ([], ())
        assert foreign.services() == ()

    def test_a_create_after_a_failed_try_leaves_look_alikes(self, foreign, services):
        services.create(wanted())
        settled(foreign)
        foreign.kill_controller(NAME)
        services.create(wanted())
        assert foreign.touched() == []

    def test_a_second_try_of_a_create_leaves_look_alikes(self, foreign, services):
        foreign.fail("up", errors.NotStarted("its controller has not started in time"))
        services.create(wanted())
        assert foreign.touched() == []

    def test_a_sweep_leaves_look_alikes(self, foreign, services):
        services.create(wanted())
        settled(foreign)
        services.sweep(MARK)
        assert (foreign.touched(), foreign.own_machines()) == ([], ())

    def test_a_delete_of_an_adopted_service_leaves_look_alikes(self, foreign, services):
        foreign.up(NAME, testing.order(BY_HAND))
        settled(foreign)
        services.create(wanted(), adopt=True)
        services.delete(NAME, MARK)
        assert (foreign.touched(), foreign.own_machines()) == ([], ())


class TestSweep:
    def test_a_sweep_leaves_a_replica_that_another_stack_has_adopted_with_its_service(
        self, sky, services
    ):
        """Leave it: it keeps its maker's label until its new owner replaces it."""
        services.create(wanted())
        settled(sky)
        sky.machines()
        services.create(wanted(mark="other", context=4096), adopt=True)
        with pytest.raises(
            errors.Failed, match=rf"{NAME}-1 \(a replica of somebody else's service '{NAME}'"
        ):
            services.sweep(MARK)
        assert f"machine_down {NAME}-1" not in sky.calls
        settled(sky)
        assert services.sweep(MARK) == ()
        assert services.marked("other") != ()

    @LABELS
    def test_a_sweep_takes_nothing_for_a_replica_by_its_name(self, sky, services, labels):
        sky.others_job(NAME, labels)
        services.create(wanted())
        settled(sky)
        assert [entry.name for entry in services.marked(MARK)] == [NAME, f"{NAME}-1"]
        assert services.sweep(MARK) != ()
        assert sky.touched() == []


class TestACommand:
    """Whole commands, with look-alikes of others on the same server."""

    def test_a_destroy_leaves_look_alikes_of_others(self, sky):
        with testing.use(sky):
            engine = stack_in_memory.Engine()
            engine.up({"chat": sweep.SERVICE, "lab": sweep.CLUSTER})
            stack_in_memory.add_others(sky, NAME, CLUSTER)
            engine.destroy()
        assert (sky.touched(), sky.own_machines(), sky.services()) == ([], (), ())

    def test_a_sweep_of_what_no_state_knows_leaves_look_alikes_of_others(self, sky):
        with testing.use(sky):
            engine = stack_in_memory.Engine()
            engine.up({"chat": sweep.SERVICE, "lab": sweep.CLUSTER})
            stack_in_memory.add_others(sky, NAME, CLUSTER)
            stack_in_memory.swept(engine, sky)
        assert (sky.touched(), sky.own_machines(), sky.services()) == ([], (), ())
