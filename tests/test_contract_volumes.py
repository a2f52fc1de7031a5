"""A volume's life on the fake SkyPilot and on the real one, so that the fake cannot drift.

The real one runs on the embedded Kubernetes, whose class makes volumes on the nodes' disk.
"""

import dataclasses
import itertools
from collections.abc import Iterator

import pytest

from pulumi_skypilot import errors, skypilot, testing
from pulumi_skypilot.lifecycle import operations, volumes
from pulumi_skypilot.skypilot import interface
from pulumi_skypilot.spec import storage
from tests.conftest import KUBERNETES

pytestmark = pytest.mark.timeout(1800)
MARK = "contract0001"
_NUMBERS = itertools.count(1)

REAL = [*KUBERNETES, pytest.mark.filterwarnings("ignore")]


@dataclasses.dataclass(frozen=True)
class World:
    """A SkyPilot, the life cycle of its volumes, and a name that nobody else uses."""

    sky: interface.SkyPilot
    life: volumes.Volumes
    name: str

    def wanted(self, **keys: object) -> volumes.Wanted:
        table = {"infra": "k8s", "size": 2, **keys}
        given = {key: value for key, value in table.items() if value is not None}
        return volumes.Wanted(self.name, MARK, storage.parse(given))


@pytest.fixture(params=["fake", pytest.param("kubernetes", marks=REAL)])
def world(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> Iterator[World]:
    if request.param == "fake":
        fake = testing.SkyPilot()
        fake.enabled = frozenset({"kubernetes"})
        sky: interface.SkyPilot = fake
        clock: operations.Clock = fake.clock
    else:
        url = request.getfixturevalue("kubernetes").api_server
        monkeypatch.setenv("HOME", str(tmp_path))  # the SDK writes to ~/.sky
        monkeypatch.setenv("SKYPILOT_DISABLE_USAGE_COLLECTION", "1")
        sky, clock = skypilot.Sdk(skypilot.Connection(url)), operations.SystemClock()
    made = World(sky, volumes.Volumes(sky, clock), f"contract-volume-{next(_NUMBERS)}")
    yield made
    if sky.volume(made.name) is not None:
        sky.delete_volume(made.name)


def test_a_volume_is_made_twice_and_read_and_deleted(world: World) -> None:
    applied = world.life.create(world.wanted())
    assert world.life.create(world.wanted()) == applied
    assert applied.found["name"].startswith(world.name)
    assert (applied.found["size"], applied.found["accessMode"]) == (2, "ReadWriteOnce")
    assert applied.found["infra"].startswith("k8s/")
    assert {"namespace", "storageClass"} <= applied.found.keys()
    assert world.life.read(applied) == volumes.Seen(applied)
    volume = world.sky.volume(world.name)
    assert volume is not None
    assert (volume.status, volume.used_by, volume.lost) == ("READY", (), False)
    assert world.name in {listed.name for listed in world.sky.volumes()}

    with pytest.raises(errors.Invalid, match=r"size: .* grow its claim"):
        world.life.update(applied, world.wanted(size=4))
    assert world.life.delete(applied)
    assert not world.life.delete(applied)
    assert world.life.read(applied) is None


def test_what_is_not_there_is_named_alike_by_a_volume(world: World) -> None:
    assert world.sky.volume(world.name) is None
    with pytest.raises(errors.NotFound):
        world.sky.delete_volume(world.name)
    with pytest.raises(errors.Invalid, match="storageClass: k8s has no class nowhere"):
        world.life.create(world.wanted(storageClass="nowhere"))
    claim = dataclasses.replace(world, name="no-such-claim")
    with pytest.raises(errors.Invalid, match="existing: k8s has no claim no-such-claim"):
        claim.life.create(claim.wanted(existing="no-such-claim", size=None))


def test_a_volume_of_somebody_else_is_left_as_it_is(world: World) -> None:
    first = world.life.create(world.wanted())
    other = dataclasses.replace(world.wanted(), mark="contract0002")
    with pytest.raises(errors.Invalid, match="belongs to another stack"):
        world.life.create(other)
    adopted = world.life.create(other, adopt=True)
    assert adopted.found == first.found
