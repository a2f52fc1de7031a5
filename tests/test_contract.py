"""The same scenarios on the fake SkyPilot and on the real one, so that the fake cannot drift.

The real one runs on the embedded cloud with a stub as the engine.
"""

import itertools
import pathlib
import time
from collections.abc import Callable, Iterator

import pytest

from pulumi_skypilot import errors, plan, skypilot, spec, testing
from pulumi_skypilot.lifecycle import clusters, marker, operations, wait_cluster, wait_service
from pulumi_skypilot.lifecycle.services import Services
from pulumi_skypilot.skypilot import interface
from tests import snapshots

pytestmark = pytest.mark.timeout(3000)
MARK = "contract0001"
KEY = "sk-contract"
_NUMBERS = itertools.count(1)


class World:
    """A SkyPilot, the life cycle over it and a name that nobody else uses."""

    def __init__(
        self,
        sky: interface.SkyPilot,
        clock: operations.Clock,
        url: str,
        scenario: str,
        *,
        real: bool,
    ) -> None:
        self.sky, self.clock, self.url = sky, clock, url
        self._scenario, self._real = scenario, real
        self.services = Services(sky, clock)
        self.clusters = clusters.Clusters(sky, clock)
        self.name = f"contract-{'abcdefghij'[next(_NUMBERS)]}"

    def wanted(self, **changes: object) -> marker.Wanted:
        data = {
            "model": "openai/gpt-oss-20b",
            "cpus": 2,
            "memory": 8,
            "infra": "aws",
            "readinessProbe": {"initialDelay": 300},
            **changes,
        }
        content = plan.plan(spec.parse(data), self.name).task
        return marker.Wanted(self.name, MARK, content, {}, {"SERVE_API_KEYS": KEY})

    def wanted_cluster(self, **changes: object) -> marker.ClusterWanted:
        data = {
            "kind": "cluster",
            "model": "org/one",
            "cpus": 2,
            "memory": 8,
            "infra": "aws",
            **changes,
        }
        content = plan.plan(spec.parse({"servedName": "chat", **data}), self.name).task
        return marker.ClusterWanted(self.name, MARK, content, {}, {"SERVE_API_KEYS": KEY})

    def answering(self, wanted: marker.ClusterWanted) -> str:
        expected = wait_cluster.Expected(self.name, MARK, wanted.digest, "chat", 600)
        return wait_cluster.Wait(self.sky, self.clock).until_ready(expected, KEY)

    def ready(self, applied: marker.Applied) -> wait_service.Ready:
        expected = wait_service.Expected(self.name, applied.version, 1, "openai/gpt-oss-20b", 600)
        address = lambda listed: operations.endpoint(listed, self.url)  # noqa: E731
        return wait_service.Wait(self.sky, address, self.clock).until_ready(expected, KEY)

    def is_as_recorded(self, moment: str, take: Callable[..., snapshots.Table]) -> None:
        """Compare every field of the interface's answer with the record of the real SkyPilot."""
        now = time.time() if self._real else self.clock.now()
        table = take(self.sky, self.name, now)
        if self._real and snapshots.recording():
            snapshots.record(self._scenario, moment, table)
        assert table == snapshots.recorded(self._scenario, moment), moment

    def machines(self) -> list[str]:
        return [m.name for m in self.sky.machines() if m.name.startswith(f"{self.name}-")]


# SkyPilot's own imports cause warnings that this project cannot fix.
REAL = [pytest.mark.cloud, pytest.mark.filterwarnings("ignore")]


@pytest.fixture(params=["fake", pytest.param("real", marks=REAL)])
def world(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> Iterator[World]:
    scenario = request.function.__name__
    if request.param == "fake":
        fake = testing.SkyPilot()
        made = World(fake, fake.clock, skypilot.DEFAULT_URL, scenario, real=False)
    else:
        url = request.getfixturevalue("cloud").api_server
        monkeypatch.setenv("HOME", str(tmp_path))  # the SDK writes to ~/.sky
        monkeypatch.setenv("SKYPILOT_DISABLE_USAGE_COLLECTION", "1")
        sdk = skypilot.Sdk(skypilot.Connection(url))
        made = World(sdk, operations.SystemClock(), url, scenario, real=True)
    yield made
    made.services.delete(made.name, MARK)
    made.clusters.delete(made.name, MARK)


def test_a_service_is_made_twice_and_changed_in_place_and_behind_our_back(world: World) -> None:
    """The records show that one replica on one machine serves all the time."""
    applied = world.services.create(world.wanted())
    assert world.services.create(world.wanted()).hash == applied.hash
    assert world.ready(applied).version == 1
    assert world.services.read(applied) == operations.Seen(applied)
    world.is_as_recorded("ready", snapshots.of_service)

    scaled = world.wanted(replicas={"min": 1, "max": 2, "targetQps": 5})
    second = world.services.update(applied, scaled)
    assert world.ready(second).version == 2
    world.is_as_recorded("scaled", snapshots.of_service)

    order = scaled.order()
    text = order.text.replace("max_replicas: 2", "max_replicas: 3")
    world.sky.update(world.name, testing.order(text, env=order.env, secrets=order.secrets))
    seen = world.services.read(second)
    assert seen is not None
    assert seen.drift == {"replicas.max": "2 -> 3"}
    right = world.services.update(seen.applied, scaled)
    assert world.services.read(right) == operations.Seen(right)
    assert world.ready(right).version == 4
    world.is_as_recorded("put right", snapshots.of_service)

    marked = [(thing.name, thing.kind) for thing in world.services.marked(MARK)]
    assert marked == [(world.name, "service"), (f"{world.name}-1", "replica")]
    world.services.sweep(MARK)
    world.is_as_recorded("gone", snapshots.of_service)


def test_a_delete_right_after_create_leaves_no_machine(world: World) -> None:
    world.services.create(world.wanted())
    world.services.delete(world.name, MARK)
    assert world.sky.service(world.name) is None
    world.clock.sleep(20)
    assert world.machines() == []


def test_what_is_not_there_is_named_alike(world: World) -> None:
    assert world.sky.service(world.name) is None
    with pytest.raises(errors.NotFound):
        world.sky.update(world.name, world.wanted().order())
    with pytest.raises(errors.NotFound):
        world.sky.machine_down(world.name)
    world.sky.down(world.name)
    assert not [request for request in world.sky.requests() if request.name == world.name]


def test_a_cluster_is_made_twice_and_its_server_ends_and_is_changed(world: World) -> None:
    wanted = world.wanted_cluster()
    applied = world.clusters.create(wanted)
    assert world.clusters.create(wanted) == applied
    address = world.answering(wanted)
    assert address == applied.endpoint
    assert world.clusters.read(applied) == operations.Seen(applied)
    mine = [machine for machine in world.sky.machines() if machine.name == world.name]
    assert [machine.labels[marker.LABEL] for machine in mine] == [MARK]
    world.is_as_recorded("ready", snapshots.of_cluster)

    world.sky.cancel_jobs(world.name, [1])
    seen = world.clusters.read(applied)
    assert seen is not None
    assert seen.drift == {"server": "it does not run: its job 1 is CANCELLED"}
    world.is_as_recorded("cancelled", snapshots.of_cluster)
    changed = world.wanted_cluster(context=4096)
    second = world.clusters.update(applied, wanted, changed, lambda *_: world.answering(changed))
    assert second.hash == applied.hash
    assert world.clusters.read(second) == operations.Seen(second)
    world.is_as_recorded("changed", snapshots.of_cluster)

    broken = world.wanted_cluster(model="org/does-not-load")
    with pytest.raises(
        errors.Failed, match=r"CUDA out of memory.*old server is being started again"
    ):
        world.clusters.update(second, changed, broken, lambda *_: world.answering(broken))
    world.answering(changed)
    assert world.clusters.read(second) == operations.Seen(second)
    world.is_as_recorded("the old one again", snapshots.of_cluster)

    world.clusters.delete(world.name, MARK)
    assert world.sky.cluster(world.name) is None
    assert world.clusters.read(second) is None
    world.is_as_recorded("gone", snapshots.of_cluster)


def test_what_is_not_there_is_named_alike_by_a_cluster(world: World) -> None:
    assert world.sky.cluster(world.name) is None
    for call in (world.sky.jobs, world.sky.machine_down):
        with pytest.raises(errors.NotFound):
            call(world.name)
    with pytest.raises(errors.NotFound):
        world.sky.autostop(world.name, 5, down=False)
