"""The same scenarios on the fake SkyPilot and on the real one, so that the fake cannot drift.

The real one runs on both embedded clouds, the emulated AWS and the real Kubernetes, with a stub as
the engine. The fake is held to what it answered on each.
"""

import dataclasses
import itertools
import pathlib
import string
import time
from collections.abc import Callable, Iterator

import pytest

from pulumi_skypilot import errors, plan, skypilot, spec, testing
from pulumi_skypilot.lifecycle import clusters, marker, operations, wait_cluster, wait_service
from pulumi_skypilot.lifecycle.services import Services
from pulumi_skypilot.skypilot import interface, sdk_calls
from tests import snapshots
from tests.conftest import KUBERNETES

pytestmark = pytest.mark.timeout(3000)
MARK = "contract0001"
KEY = "sk-contract"
_NUMBERS = itertools.count(1)


@dataclasses.dataclass(frozen=True)
class Place:
    """A cloud, and the scenario that runs there."""

    infra: str
    scenario: str

    @property
    def record(self) -> tuple[str, str]:
        """Return where the answers of the real SkyPilot are recorded."""
        return self.infra.partition("/")[0], self.scenario


class World:
    """A SkyPilot, the life cycle over it and a name that nobody else uses."""

    def __init__(
        self,
        sky: interface.SkyPilot,
        clock: operations.Clock,
        url: str,
        place: Place,
        *,
        real: bool,
    ) -> None:
        self.sky, self.clock, self.url = sky, clock, url
        self._place, self._real = place, real
        self.services = Services(sky, clock)
        self.clusters = clusters.Clusters(sky, clock)
        self.name = f"contract-{string.ascii_lowercase[next(_NUMBERS)]}"

    def wanted(self, **changes: object) -> marker.Wanted:
        data = {
            "model": "openai/gpt-oss-20b",
            "cpus": 2,
            "memory": 8,
            "infra": self._place.infra,
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
            "infra": self._place.infra,
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
            snapshots.record(self._place.record, moment, table)
        assert table == snapshots.recorded(self._place.record, moment), moment

    def logged(self, part: interface.LogPart, name: str, number: int | None = None) -> bool:
        """Return whether a log has lines."""
        lines: list[str] = []
        log = interface.Log(part, name, number)
        self.sky.stream_log(log, lines.append, lines=5, follow=False)
        return bool(lines)

    def machines(self) -> list[str]:
        return [m.name for m in self.sky.machines() if m.name.startswith(f"{self.name}-")]


# SkyPilot's own imports cause warnings that this project cannot fix.
QUIET = pytest.mark.filterwarnings("ignore")
CLOUDS = {"aws": "cloud", "k8s/rehearsal": "kubernetes"}
"""Infra → the fixture of the embedded cloud that has it."""


def worlds(*on_kubernetes: pytest.MarkDecorator) -> list[object]:
    """Return the SkyPilots of a scenario, with more marks of the one on Kubernetes."""
    return [
        ("fake", "aws"),
        ("fake", "k8s/rehearsal"),
        pytest.param(("real", "aws"), marks=[pytest.mark.cloud, QUIET]),
        pytest.param(("real", "k8s/rehearsal"), marks=[*KUBERNETES, QUIET, *on_kubernetes]),
    ]


LONG_ON_KUBERNETES = pytest.mark.parametrize(
    "world", worlds(pytest.mark.long), indirect=True, ids=" ".join
)
"""The mark of a scenario whose calls tests/e2e/test_kubernetes.py makes there too."""


@pytest.fixture(params=worlds(), ids=" ".join)
def world(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> Iterator[World]:
    kind, infra = request.param
    place = Place(infra, request.function.__name__)
    if kind == "fake":
        fake = testing.SkyPilot()
        fake.enabled = frozenset({"aws", "kubernetes"})
        made = World(fake, fake.clock, skypilot.DEFAULT_URL, place, real=False)
    else:
        url = request.getfixturevalue(CLOUDS[infra]).api_server
        monkeypatch.setenv("HOME", str(tmp_path))  # the SDK writes to ~/.sky
        monkeypatch.setenv("SKYPILOT_DISABLE_USAGE_COLLECTION", "1")
        # One process of the SDK talks to one server; this one has finished with the other.
        monkeypatch.setattr(sdk_calls.Calls, "_one", None)
        sdk = skypilot.Sdk(skypilot.Connection(url))
        made = World(sdk, operations.SystemClock(), url, place, real=True)
    yield made
    made.services.delete(made.name, MARK)
    made.clusters.delete(made.name, MARK)


@LONG_ON_KUBERNETES
def test_a_service_is_made_twice_and_changed_in_place_and_behind_our_back(world: World) -> None:
    """The records show that one replica on one machine serves all the time."""
    applied = world.services.create(world.wanted())
    assert world.services.create(world.wanted()).hash == applied.hash
    assert world.ready(applied).version == 1
    assert world.services.read(applied) == operations.Seen(applied)
    world.is_as_recorded("ready", snapshots.of_service)
    parts = interface.LogPart
    assert world.logged(parts.REPLICA, world.name, 1)
    assert world.logged(parts.CONTROLLER, world.name)
    assert world.logged(parts.BALANCER, world.name)
    assert world.logged(parts.PROVISION, f"{world.name}-1")

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
    assert world.logged(interface.LogPart.JOB, world.name, 1)
    assert world.logged(interface.LogPart.PROVISION, world.name)

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


def test_the_record_of_kubernetes_differs_from_that_of_aws_in_place_and_price_alone() -> None:
    scenarios = snapshots.scenarios("aws")
    assert snapshots.scenarios("k8s") == scenarios
    differences = {
        difference
        for scenario, moments in scenarios.items()
        for moment in moments
        for difference in snapshots.differences(
            snapshots.recorded(("aws", scenario), moment),
            snapshots.recorded(("k8s", scenario), moment),
        )
    }
    assert differences == {
        ("service.replicas.0.infra", "AWS (ZONE)", "Kubernetes (rehearsal)"),
        ("machines.0.infra", "AWS (ZONE)", "Kubernetes (rehearsal)"),
        ("machines.0.hourly", "PRICE", None),
    }
