import pytest

from pulumi_skypilot import testing
from pulumi_skypilot.lifecycle import clusters, standing
from pulumi_skypilot.lifecycle.services import Services
from tests import wanted as wants
from tests.wanted import CLUSTER, NAME


@pytest.fixture
def sky() -> testing.SkyPilot:
    return testing.SkyPilot()


def of_service(sky: testing.SkyPilot, fewest: int = 1) -> standing.Standing:
    applied = Services(sky, sky.clock).create(wants.wanted())
    return standing.of_service(applied, fewest, sky.service(NAME), sky.machines())


def test_a_replica_costs_nothing_until_its_machine_is_made(sky: testing.SkyPilot) -> None:
    now = of_service(sky)
    (replica,) = now.running
    assert (replica.status, replica.since, replica.hourly) == ("PROVISIONING", None, 0)
    assert (now.ready, now.well, now.last_start) == (0, False, None)


def test_a_ready_replica_has_a_place_an_age_and_a_price(sky: testing.SkyPilot) -> None:
    of_service(sky)
    wants.settled(sky)
    now = of_service(sky)
    (replica,) = now.running
    assert (replica.name, replica.place) == (f"{NAME}-1", "AWS (us-east-1)")
    assert (now.hourly, now.last_start) == (testing.state.HOURLY, replica.since)
    assert now.well


def test_a_part_without_a_price_makes_the_whole_unknown() -> None:
    priced, free = standing.Running("x-1", "READY", hourly=1.0), standing.Running("x-2", "READY")
    assert standing.Standing("READY", 1, running=[priced, free]).hourly is None
    assert standing.Standing("READY", 1, running=[priced, priced]).hourly == 2


def test_a_service_that_ends_says_so(sky: testing.SkyPilot) -> None:
    applied = Services(sky, sky.clock).create(wants.wanted())
    sky.down(NAME)
    ending = standing.of_service(applied, 1, sky.service(NAME), ())
    assert (ending.status, ending.well) == ("SHUTTING_DOWN", False)


def test_a_service_of_somebody_elses_is_not_ours(sky: testing.SkyPilot) -> None:
    applied = Services(sky, sky.clock).create(wants.wanted())
    sky.kill_behind(NAME)
    sky.others_service(NAME, wants.BY_HAND)
    assert standing.of_service(applied, 1, sky.service(NAME), ()).status == standing.GONE


@pytest.mark.parametrize(
    ("status", "ready", "well", "hourly"),
    [("UP", 1, True, 0.1), ("STOPPED", 0, True, 0), ("AUTOSTOPPING", 0, True, 0)],
)
def test_a_cluster_costs_while_it_is_up(
    sky: testing.SkyPilot, status: str, ready: int, well: bool, hourly: float
) -> None:
    life = clusters.Clusters(sky, sky.clock)
    applied = life.create(wants.cluster())
    sky._clusters[CLUSTER].status = status
    seen, cluster = life.read(applied), sky.cluster(CLUSTER)
    now = standing.of_cluster(CLUSTER, seen, cluster, sky.machines())
    assert (now.status, now.ready, now.well, now.hourly) == (status, ready, well, hourly)


def test_a_cluster_that_is_broken_is_not_well(sky: testing.SkyPilot) -> None:
    life = clusters.Clusters(sky, sky.clock)
    applied = life.create(wants.cluster())
    sky.break_cluster(CLUSTER, "a node is lost")
    now = standing.of_cluster(CLUSTER, life.read(applied), sky.cluster(CLUSTER), sky.machines())
    assert (now.well, now.drift) == (False, {"cluster": "it is INIT: a node is lost"})
