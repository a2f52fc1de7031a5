"""`timeouts` bound a call's own work, but not its wait for others.

The clock is the fake's: it moves only when a test moves it. The threads are real.
"""

import contextlib
import socket
import threading
import time
import typing
from collections.abc import Callable, Iterator
from concurrent import futures

import pytest

from pulumi_skypilot import errors, skypilot, testing
from pulumi_skypilot.lifecycle import clusters, marker, operations, services, turns
from pulumi_skypilot.skypilot import bounds, coalesce, http_calls, interface
from tests.wanted import CLUSTER, MARK, NAME, cluster, wanted

pytestmark = pytest.mark.timeout(60)
BOUND = 20.0


@pytest.fixture(autouse=True)
def _look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "LOOK_SECONDS", 0.005)


@pytest.fixture
def workers() -> Iterator[futures.ThreadPoolExecutor]:
    with futures.ThreadPoolExecutor() as pool:
        yield pool


def wait_until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + 10
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.002)


class Call(typing.NamedTuple):
    """A call that waits for its turn: its name in messages, and its lock."""

    verb: str
    name: str
    turn: Callable[[], turns.Turn]
    prepare: Callable[[testing.SkyPilot], object]
    run: Callable[[testing.SkyPilot, list[str]], object]


def _services(sky: testing.SkyPilot, said: list[str]) -> services.Services:
    return services.Services(sky, sky.clock, said.append, BOUND)


def _clusters(sky: testing.SkyPilot, said: list[str]) -> clusters.Clusters:
    return clusters.Clusters(sky, sky.clock, said.append, BOUND)


def _no_wait(_now: marker.Applied, _left: float | None) -> None:
    """Wait for no answer."""


def _made(sky: testing.SkyPilot) -> marker.Applied:
    return services.Services(sky, sky.clock).create(wanted())


def _launched(sky: testing.SkyPilot) -> marker.Applied:
    return clusters.Clusters(sky, sky.clock).create(cluster())


def _of(name: str) -> Callable[[], turns.Turn]:
    return lambda: operations._NAMES[name]


def _remembered(made: marker.Wanted, hash_: str, version: int) -> marker.Applied:
    return marker.Applied(
        made.name, made.mark, made.task, made.text, made.digest, hash_, version, None
    )


def _update_service(sky: testing.SkyPilot, said: list[str]) -> object:
    applied = services.Services(sky).read(_remembered(wanted(), "hash-1", 1))
    assert applied is not None
    return _services(sky, said).update(applied.applied, wanted(context=4096))


def _update_cluster(sky: testing.SkyPilot, said: list[str]) -> object:
    applied = _remembered(cluster(), "cluster-1", 0)
    return _clusters(sky, said).update(applied, cluster(), cluster(model="n"), _no_wait)


CALLS = {
    "a service's create": Call(
        "create", NAME, _of(NAME), lambda _: None, lambda s, say: _services(s, say).create(wanted())
    ),
    "a service's registration": Call(
        "registration",
        NAME,
        lambda: services._ONE_UP,
        lambda _: None,
        lambda s, say: _services(s, say).create(wanted()),
    ),
    "a service's update": Call("update", NAME, _of(NAME), _made, _update_service),
    "a service's delete": Call(
        "delete", NAME, _of(NAME), _made, lambda s, say: _services(s, say).delete(NAME, MARK)
    ),
    "a cluster's create": Call(
        "create",
        CLUSTER,
        _of(CLUSTER),
        lambda _: None,
        lambda s, say: _clusters(s, say).create(cluster()),
    ),
    "a cluster's update": Call("update", CLUSTER, _of(CLUSTER), _launched, _update_cluster),
    "a cluster's delete": Call(
        "delete",
        CLUSTER,
        _of(CLUSTER),
        _launched,
        lambda s, say: _clusters(s, say).delete(CLUSTER, MARK),
    ),
}
EACH = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)


@contextlib.contextmanager
def another_s_turn(
    turn: turns.Turn, sky: testing.SkyPilot, bound: float | None = None
) -> Iterator[None]:
    with turn.held("the create of 'another'", sky.clock, lambda _: None, bound):
        yield


@EACH
def test_the_clock_stands_still_while_another_has_its_turn(sky, workers, call):
    call.prepare(sky)
    said: list[str] = []
    with another_s_turn(call.turn(), sky):
        made = workers.submit(call.run, sky, said)
        wait_until(lambda: said)
        sky.clock.sleep(turns.TURN_SECONDS)  # far more than its own bound
    made.result(10)
    assert said[0] == f"the {call.verb} of {call.name!r} waits for the create of 'another'"


@EACH
def test_the_wait_ends_and_says_what_it_was_for(sky, workers, call):
    call.prepare(sky)
    said: list[str] = []
    with another_s_turn(call.turn(), sky, 100.0):
        made = workers.submit(call.run, sky, said)
        wait_until(lambda: said)
        sky.clock.sleep(turns.TURN_SECONDS + 99)
        with pytest.raises(futures.TimeoutError):
            made.result(0.1)
        sky.clock.sleep(2)
        with pytest.raises(
            errors.TimedOut,
            match=rf"^the {call.verb} of '{call.name}' waited 3701 s for the create of 'another'",
        ):
            made.result(10)


class Busy:
    """A lock that several holders take, one after another, before it is free."""

    def __init__(self, turn: turns.Turn, clock: testing.Clock, *holders: str) -> None:
        self.turn, self.clock, self.holders = turn, clock, list(holders)

    def acquire(self, timeout: float) -> bool:
        assert timeout == turns.LOOK_SECONDS
        self.clock.sleep(turns.TURN_SECONDS - 1)
        if not self.holders:
            return True
        self.turn._holder = self.holders.pop(0)
        self.turn._handed += 1
        return False

    def release(self) -> None:
        """Do nothing: nobody waits."""


def test_each_holder_has_its_own_time(sky, monkeypatch):
    """Let the last of many services wait for all the others, which are made one by one."""
    turn, said = turns.Turn(), list[str]()
    monkeypatch.setattr(turn, "_lock", Busy(turn, sky.clock, "one", "two", "three"))
    with turn.held("the last", sky.clock, said.append) as waited:
        assert waited == 4 * (turns.TURN_SECONDS - 1)
    assert said == [f"the last waits for {holder}" for holder in ("one", "two", "three")]


def test_a_holder_that_fails_lets_the_next_one_on(sky):
    turn = turns.Turn()
    with pytest.raises(KeyError), another_s_turn(turn, sky):
        raise KeyError
    with another_s_turn(turn, sky):
        pass


def test_a_create_ends_within_its_bound_and_a_poll(sky):
    """End in time, although the load balancer of the service never listens."""
    sky.fail("listens", *[errors.Unreachable("no route to host")] * 100)
    began = sky.clock.now()
    services.Services(sky, sky.clock, seconds=8).create(wanted())
    assert sky.clock.now() - began <= 8 + operations.POLL_SECONDS


def test_the_wait_for_its_turn_does_not_eat_what_is_left(sky, workers):
    """Keep the time that is left over the wait for the registration, in the middle of the work."""
    said: list[str] = []
    order: list[float | None] = []
    real = sky.up

    def up(name: str, given: interface.Order) -> None:
        order.append(given.seconds)
        real(name, given)

    sky.up = up
    with another_s_turn(services._ONE_UP, sky):
        made = workers.submit(_services(sky, said).create, wanted())
        wait_until(lambda: said)
        sky.clock.sleep(1000)
    made.result(10)
    assert order == [BOUND]


class TestCallsOfTheSdk:
    @pytest.fixture
    def sdk(self, monkeypatch):
        sdk = skypilot.Sdk(skypilot.Connection("http://sky.test:46580"))
        monkeypatch.setattr(sdk, "_sky", lambda: None)
        return sdk

    def test_calls_of_the_sdk_have_what_is_left_of_a_bounded_call(self, sdk):
        began = time.monotonic()
        with bounds.within(lambda: 0.05), pytest.raises(errors.TimedOut, match="no answer in 0 s"):
            sdk._ask(lambda _sky: time.sleep(0.5), seconds=60)
        assert time.monotonic() - began < 0.4

    def test_calls_of_the_sdk_have_their_own_bound_if_that_is_less(self, sdk):
        for left in (lambda: 60.0, lambda: None):
            with bounds.within(left), pytest.raises(errors.TimedOut, match="no answer"):
                sdk._ask(lambda _sky: time.sleep(0.5), seconds=0.05)

    def test_calls_of_the_sdk_are_bounded_only_inside_a_bounded_call(self):
        with bounds.within(lambda: 1.0):
            assert bounds.at_most(9) == 1
        assert bounds.at_most(9) == 9

    def test_a_life_cycle_bounds_each_of_its_calls(self, sky):
        lefts: list[float | None] = []
        real = sky.service

        def look(name: str) -> interface.Service | None:
            lefts.append(bounds.left())
            sky.clock.sleep(5)
            return typing.cast(interface.Service | None, real(name))

        sky.service = look
        services.Services(sky, sky.clock, seconds=BOUND).create(wanted())
        assert lefts[0] == BOUND
        assert lefts == sorted(typing.cast(list[float], lefts), reverse=True)
        assert min(typing.cast(list[float], lefts)) < BOUND
        assert bounds.left() is None
        lefts.clear()
        services.Services(sky, sky.clock).create(wanted())
        assert set(lefts) == {None}

    def test_asking_whether_something_listens_is_bounded_too(self, monkeypatch):
        seconds: list[float] = []

        def connect(_address: object, timeout: float) -> None:
            seconds.append(timeout)
            raise OSError

        monkeypatch.setattr(socket, "create_connection", connect)
        with bounds.within(lambda: 2.0):
            assert not http_calls.listens("http://sky.test:1")
        assert seconds == [2.0]

    def test_a_look_that_is_shared_ends_for_each_with_its_own_time(self, workers):
        """Give the answer to the callers that still wait after the first has left."""
        shared = coalesce.Together[str](())
        began, let = threading.Semaphore(0), threading.Event()

        def call(names: list[str]) -> list[str]:
            began.release()
            assert let.wait(10)
            return names

        first = workers.submit(shared.ask, "a", call, 0.02)
        assert began.acquire(timeout=10)
        second = workers.submit(shared.ask, "b", call, 0.02)
        third = workers.submit(shared.ask, "c", call)
        for short in (first, second):
            with pytest.raises(coalesce.OutOfTimeError):
                short.result(10)
        let.set()
        assert "c" in third.result(10)

    def test_a_look_is_bounded_through_the_port(self, sdk, monkeypatch):
        def silent(_names: object) -> object:
            time.sleep(0.5)
            return ()

        monkeypatch.setattr(sdk, "_services", silent)
        began = time.monotonic()
        with (
            bounds.within(lambda: 0.05),
            pytest.raises(errors.TimedOut, match=r"sky\.test.*no answer"),
        ):
            sdk.service("x")
        assert time.monotonic() - began < 0.4
