"""How often a deployment is parsed, planned, read from YAML and written as YAML."""

import collections
import typing
from collections.abc import Callable, Iterator

import pytest

from pulumi_skypilot import plan, providers, spec, task, testing
from tests.providers.props import CLUSTER, SERVICE, Sent

COUNTED: tuple[tuple[typing.Any, str], ...] = (
    (spec, "parse"),
    (plan, "plan"),
    (task, "from_text"),
    (task, "text"),
)
Counts = collections.Counter[str]


@pytest.fixture
def counts(monkeypatch: pytest.MonkeyPatch) -> Counts:
    counted: Counts = collections.Counter()

    def counting(name: str, real: Callable[..., object]) -> Callable[..., object]:
        def call(*args: object, **options: object) -> object:
            counted[name] += 1
            return real(*args, **options)

        return call

    for module, name in COUNTED:
        monkeypatch.setattr(module, name, counting(name, getattr(module, name)))
    return counted


@pytest.fixture
def _sky() -> Iterator[None]:
    with testing.use(testing.SkyPilot()):
        yield


@pytest.mark.usefixtures("_sky")
@pytest.mark.parametrize("sent", [SERVICE, CLUSTER], ids=["service", "cluster"])
class TestProvider:
    def test_check_parses_plans_and_writes_once(self, sent: Sent, counts: Counts) -> None:
        props = sent.checked()
        counts.clear()
        assert not sent.provider().check({}, props).failures
        assert counts == {"parse": 1, "plan": 1, "text": 1}

    def test_diff_parses_each_side_once_and_writes_nothing(
        self, sent: Sent, counts: Counts
    ) -> None:
        state = sent.provider().create(sent.checked()).outs
        assert state is not None
        props = sent.checked(context=4096.0)
        counts.clear()
        assert sent.provider().diff(sent.name, state, props).changes
        assert counts == {"parse": 2, "plan": 1, "from_text": 1}

    def test_create_parses_and_plans_once(self, sent: Sent, counts: Counts) -> None:
        props = sent.checked()
        counts.clear()
        sent.provider().create(props)
        assert (counts["parse"], counts["plan"]) == (1, 1)

    def test_update_parses_each_side_once(self, sent: Sent, counts: Counts) -> None:
        state = sent.provider().create(sent.checked()).outs
        assert state is not None
        props = sent.checked(context=4096.0)
        counts.clear()
        sent.provider().update(sent.name, state, props)
        assert (counts["parse"], counts["plan"]) == (2, 1)


def test_the_state_of_a_release_that_took_more_is_parsed_once_for_each_refusal(
    counts: Counts,
) -> None:
    props = SERVICE.checked()
    counts.clear()
    old = {**props, "modle": 1, "task": "name: x\n"}
    providers.ServiceProvider().diff(SERVICE.name, old, props)
    assert (counts["parse"], counts["plan"]) == (1 + 2, 1)
