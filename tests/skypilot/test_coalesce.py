"""Calls that are shared by callers that ask at the same time."""

import threading
from collections.abc import Iterator, Sequence
from concurrent import futures

import pytest

from pulumi_skypilot.skypilot import coalesce


class Server:
    """A server that answers when a test lets it, and records what it was asked."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.broken: set[str] = set()
        self.began = threading.Semaphore(0)
        self.let = threading.Semaphore(0)

    def call(self, names: list[str]) -> list[str]:
        self.asked.append(names)
        self.began.release()
        assert self.let.acquire(timeout=10)
        if self.broken & set(names):
            raise RuntimeError(f"broken: {names}")
        if "away" in self.broken:
            raise ConnectionError("away")
        if "odd" in self.broken and len(names) > 1:
            raise ConnectionResetError("one of them")
        return [f"{name} at {len(self.asked)}" for name in names]


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def workers() -> Iterator[futures.ThreadPoolExecutor]:
    with futures.ThreadPoolExecutor() as pool:
        yield pool


def asking(
    workers: futures.ThreadPoolExecutor, server: Server, *rest: str
) -> dict[str, futures.Future[Sequence[str]]]:
    """Return the answers to "a", whose call is under way, and to the rest, who share the next."""
    shared = coalesce.Together[str]((ConnectionError,), but=(ConnectionResetError,))
    calls = {"a": shared.enter("a", server.call)}
    assert server.began.acquire(timeout=10)
    calls |= {name: shared.enter(name, server.call) for name in rest}
    return {
        name: workers.submit(shared.answer, entered, name, server.call)
        for name, entered in calls.items()
    }


def test_who_asks_alone_is_answered_at_once(workers, server):
    made = asking(workers, server)
    server.let.release()
    assert made["a"].result(10) == ["a at 1"]


def test_who_asks_meanwhile_shares_a_call_that_begins_after_they_asked(workers, server):
    made = asking(workers, server, "b", "c")
    server.let.release(2)
    assert made["a"].result(10) == ["a at 1"]
    assert made["b"].result(10) == made["c"].result(10) == ["b at 2", "c at 2"]
    assert server.asked == [["a"], ["b", "c"]]


def test_a_call_for_several_that_fails_is_made_for_each_alone(workers, server):
    server.broken = {"b"}
    made = asking(workers, server, "b", "c")
    server.let.release(4)
    assert made["c"].result(10)[0].startswith("c at ")
    with pytest.raises(RuntimeError, match=r"broken: \['b'\]"):
        made["b"].result(10)
    assert sorted(server.asked) == [["a"], ["b"], ["b", "c"], ["c"]]


def test_what_is_wrong_with_all_is_not_asked_again(workers, server):
    server.broken = {"away"}
    made = asking(workers, server, "b", "c")
    server.let.release(2)
    for answer in made.values():
        with pytest.raises(ConnectionError):
            answer.result(10)
    assert server.asked == [["a"], ["b", "c"]]


def test_what_may_be_wrong_with_one_is_asked_of_each_alone(workers, server):
    server.broken = {"odd"}
    made = asking(workers, server, "b", "c")
    server.let.release(4)
    assert made["b"].result(10)[0].startswith("b at ")
    assert made["c"].result(10)[0].startswith("c at ")
    assert sorted(server.asked) == [["a"], ["b"], ["b", "c"], ["c"]]


def test_a_call_that_fails_is_followed_by_others(workers, server):
    server.broken = {"a"}
    made = asking(workers, server, "b")
    server.let.release(2)
    with pytest.raises(RuntimeError, match="broken"):
        made["a"].result(10)
    assert made["b"].result(10) == ["b at 2"]


def test_who_asks_is_told_when_their_own_time_is_up(server):
    shared = coalesce.Together[str]()
    with pytest.raises(coalesce.OutOfTimeError):
        shared.ask("a", server.call, 0.01)
    server.let.release()
