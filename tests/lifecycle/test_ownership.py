"""Nothing of others is touched: what may be ended, and by what right."""

import ast
import pathlib
import typing
from collections.abc import Callable

import pytest

from pulumi_skypilot import errors, testing
from pulumi_skypilot.lifecycle import clusters, marker, operations, ownership
from pulumi_skypilot.lifecycle.services import Services
from pulumi_skypilot.skypilot import interface
from tests import faults, sweep
from tests.wanted import CLUSTER, MARK, NAME, cluster, wanted

OURS = {marker.LABEL: MARK}
THEIRS = {marker.LABEL: "other"}
BY_HAND = "service: {replica_policy: {min_replicas: 1}}\nresources: {infra: aws}\n"
LABELS = pytest.mark.parametrize("labels", [None, THEIRS], ids=["unlabelled", "another mark"])


@pytest.fixture
def made(sky: testing.SkyPilot) -> clusters.Clusters:
    return clusters.Clusters(sky, sky.clock)


def settled(sky: testing.SkyPilot) -> None:
    sky.clock.sleep(testing.START_SECONDS + 1)


def service(
    text: str | None = None, hash_: str = "h", replicas: tuple[interface.Replica, ...] = ()
) -> interface.Service:
    return interface.Service(NAME, "READY", 1, (1,), hash_, None, text, replicas)


class TestRights:
    @pytest.mark.parametrize(
        ("text", "hash_", "ours"),
        [
            (wanted().order().text, "h", True),
            (wanted().order().text, "another", True),
            (wanted(mark="other").order().text, "h", False),
            (BY_HAND, "h", True),
            (BY_HAND, "another", False),
            (None, "h", True),
            (None, "another", False),
            (BY_HAND, "", False),
        ],
    )
    def test_a_service_is_ours_by_its_mark_or_unmarked_as_the_incarnation_in_state(
        self, text, hash_, ours
    ):
        assert ownership.of_service(service(text, hash_), MARK, hash_ and "h") is ours

    @pytest.mark.parametrize(
        ("text", "hash_", "same"),
        [
            (wanted().order().text, "h", True),
            (None, "h", True),
            (wanted().order().text, "another", False),
            (wanted(mark="other").order().text, "h", False),
        ],
    )
    def test_a_service_is_the_same_until_it_is_another_or_adopted(self, text, hash_, same):
        before = service(wanted().order().text)
        assert ownership.same_service(before, service(text, hash_)) is same

    @pytest.mark.parametrize(
        ("name", "labels", "hash_", "owns"),
        [
            (f"{NAME}-3", OURS, "x", True),
            (f"{NAME}-eu-3", OURS, "x", False),
            (NAME, OURS, "x", False),
            (f"{NAME}-3", {}, "x", False),
            (f"{NAME}-3", THEIRS, "x", False),
            # 1 was seen when the record named it; 2 had no machine then.
            (f"{NAME}-1", {}, "seen", True),
            (f"{NAME}-1", THEIRS, "seen", True),
            (f"{NAME}-1", {}, "another", False),
            (f"{NAME}-2", {}, "x", True),
            (f"{NAME}-2", THEIRS, "x", False),
        ],
    )
    def test_a_machine_is_ours_by_its_label_or_by_the_record(self, name, labels, hash_, owns):
        replicas = ownership.Replicas(NAME, MARK)
        listed = tuple(interface.Replica(id_, "READY", 1, launched=True) for id_ in (1, 2))
        replicas.record(service(replicas=listed), [interface.Machine(f"{NAME}-1", {}, "seen")])
        replicas.record(service(replicas=listed), [interface.Machine(f"{NAME}-1", {}, "another")])
        assert replicas.owns(interface.Machine(name, labels, hash_)) is owns

    @pytest.mark.parametrize(
        ("kind", "name", "labels", "launches"),
        [
            ("replica", f"{NAME}-3", OURS, True),
            ("replica", f"{NAME}-3", {}, False),
            ("replica", f"{NAME}-3", THEIRS, False),
            ("replica", f"{NAME}-3", None, False),
            ("launch", f"{NAME}-3", OURS, False),
            ("replica", f"{NAME}-1", {}, True),
            ("replica", f"{NAME}-1", THEIRS, False),
            ("replica", f"{NAME}-1", None, False),
            ("launch", f"{NAME}-1", {}, False),
        ],
    )
    def test_a_launch_is_ours_by_its_labels_or_by_the_record(self, kind, name, labels, launches):
        replicas = ownership.Replicas(NAME, MARK)
        replicas.record(
            service(replicas=(interface.Replica(1, "PROVISIONING", 1, launched=False),))
        )
        assert replicas.launches(interface.Request("r", kind, name, labels)) is launches


class TestBesideAService:
    """What looks like a replica of it, and is not."""

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


class TestReplicasWithoutOurLabel:
    """Only the record of the service tells that they are its own."""

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
        assert [one.labels for one in sky.machines()] == [{}]
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
        """An update by hand makes more of them while the service is being ended."""
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
        """A purge would forget them: with a controller of its own its database is there."""
        applied = services.create(wanted())
        settled(sky)
        sky.kill_controller(NAME)
        sky.machines = tuple
        with pytest.raises(errors.Failed, match=rf"still has {NAME}-1.*serve down --purge {NAME}"):
            services.delete(NAME, MARK, applied.hash)
        assert f"purge {NAME}" not in sky.calls


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
        services.sweep(MARK, lambda found: ())
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


class TestANameThatIsTaken:
    """By a stranger, between two looks."""

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


class TestSweep:
    def test_a_sweep_leaves_a_replica_that_another_stack_has_adopted_with_its_service(
        self, sky, services
    ):
        """Its label is of the stack that made it until its new owner has replaced it."""
        services.create(wanted())
        settled(sky)
        sky.machines()
        services.create(wanted(mark="other", context=4096), adopt=True)
        with pytest.raises(errors.Failed, match=rf"{NAME}-1 \(a replica of the service '{NAME}'"):
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
        assert [one.name for one in services.marked(MARK)] == [NAME, f"{NAME}-1"]
        assert services.sweep(MARK) != ()
        assert sky.touched() == []


class TestACommand:
    """What people type, with look-alikes of others on the same server."""

    def test_a_destroy_leaves_look_alikes_of_others(self, sky):
        with testing.use(sky):
            engine = faults.Engine()
            engine.up({"chat": sweep.SERVICE, "lab": sweep.CLUSTER})
            faults.add_others(sky, NAME, CLUSTER)
            engine.destroy()
        assert (sky.touched(), sky.own_machines(), sky.services()) == ([], (), ())

    def test_a_sweep_of_what_no_state_knows_leaves_look_alikes_of_others(self, sky):
        with testing.use(sky):
            engine = faults.Engine()
            engine.up({"chat": sweep.SERVICE, "lab": sweep.CLUSTER})
            faults.add_others(sky, NAME, CLUSTER)
            faults.swept(engine, sky)
        assert (sky.touched(), sky.own_machines(), sky.services()) == ([], (), ())


ENDS = {
    ("services", "update"): "create takes over what `adopt` names; update has checked of_service",
    ("shutdown", "down"): "_end's caller has checked of_service, _still that it is the same one",
    ("shutdown", "machine_down"): "Replicas.owns; in a sweep the label",
    ("shutdown", "cancel"): "Replicas.launches",
    ("services", "cancel"): "of_request, and no service lists what it launches",
    ("operations", "cancel"): "`ours`, which is of_request",
    ("clusters", "machine_down"): "_down's caller has checked of_cluster",
    ("clusters", "cancel_jobs"): "the mark in the job's name; all of a cluster that `adopt` names",
    ("clusters", "autostop"): "of_cluster, just before",
    ("clusters", "exec"): "of_cluster, at the begin of the update",
    ("clusters", "launch"): "of_cluster, just before and after",
    ("services", "up"): "only where there is no service of the name",
    ("services", "wake"): "starts SkyServe's controller, and ends nothing",
}
"""Every call that changes something, by its module, and by what right it is made."""


def test_every_call_that_changes_something_is_known_with_its_right() -> None:
    """A new one needs a right too: say here which, and let `ownership` decide it."""
    changes = {call for _, call in ENDS}
    package = pathlib.Path(ownership.__file__).parents[1]
    made = {
        (file.stem, node.func.attr)
        for file in [*package.glob("lifecycle/*.py"), *package.glob("providers/*.py")]
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in changes
        and isinstance(node.func.value, ast.Attribute)
        and node.func.value.attr == "_sky"
    }
    assert made == set(ENDS)
