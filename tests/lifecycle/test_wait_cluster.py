"""The wait for the server on a cluster, and the message when it does not come."""

import dataclasses

import pytest

from pulumi_skypilot import errors, spec, testing
from pulumi_skypilot.lifecycle import wait_cluster
from pulumi_skypilot.plan import waits
from tests.wanted import CLUSTER as NAME
from tests.wanted import KEY, MARK
from tests.wanted import cluster as wanted


@pytest.fixture
def wait(sky: testing.SkyPilot) -> wait_cluster.Wait:
    return wait_cluster.Wait(sky, sky.clock)


def expected(model: str = "m") -> wait_cluster.Expected:
    return wait_cluster.Expected(NAME, MARK, wanted(model=model).digest, model, 600)


def test_a_wait_is_over_when_the_model_answers(sky, made, wait):
    made.create(wanted())
    assert wait.until_ready(expected(), KEY) == "http://10.1.0.1:8000"
    assert 30 <= sky.clock.now() < 60


def test_a_wait_asks_at_the_host_that_clients_use(made, wait):
    made.create(wanted())
    through = dataclasses.replace(expected(), host="llm.example.com")
    assert wait.until_ready(through, KEY) == "http://llm.example.com:8000"


def test_a_wait_shows_the_log_of_a_server_that_does_not_start(made, wait):
    made.create(wanted(model="does-not-load"))
    with pytest.raises(errors.Failed, match=r"job 1 is FAILED; its log says: .*CUDA out of memory"):
        wait.until_ready(expected("does-not-load"), KEY)


def test_a_wait_says_that_the_key_is_refused(made, wait):
    made.create(wanted())
    with pytest.raises(errors.Failed, match="refuses the API key"):
        wait.until_ready(expected(), "sk-another")


def test_a_wait_says_that_nothing_was_started(sky, made, wait):
    made.create(wanted())
    sky.end_job(NAME, "CANCELLED")
    with pytest.raises(errors.NotFound, match="never started"):
        wait.until_ready(expected("n"), KEY)


def test_a_wait_says_what_creates_a_cluster_again_that_is_gone(sky, made, wait):
    made.create(wanted())
    sky.kill_cluster(NAME)
    with pytest.raises(errors.NotFound, match="up --refresh"):
        wait.until_ready(expected(), KEY)


def test_a_wait_says_that_the_server_has_ended_for_idleness_at_once(sky, made, wait):
    made.create(wanted())
    sky.end_job(NAME, "SUCCEEDED")
    with pytest.raises(errors.Failed, match=r"raise autostop\.idle"):
        wait.until_ready(expected(), KEY)


def test_a_wait_fails_once_the_cluster_is_stopped(sky, made, wait):
    made.create(wanted())
    sky.stop_cluster(NAME)
    with pytest.raises(errors.Failed, match=f"the cluster is STOPPED; start it .sky start {NAME}"):
        wait.until_ready(expected(), KEY)


def test_a_wait_goes_on_while_the_api_server_is_silent_for_a_moment(sky, made, wait):
    made.create(wanted())
    sky.fail("jobs", errors.Unreachable("away"), errors.Unreachable("away"))
    assert wait.until_ready(expected(), KEY)


def test_a_wait_gives_up_on_an_api_server_that_stays_silent(sky, made, wait):
    made.create(wanted())
    sky.get = lambda *_, **__: (503, "")
    sky.fail("jobs", *[errors.Unreachable("away")] * 100)
    with pytest.raises(errors.Unreachable):
        wait.until_ready(expected(), KEY)


def test_a_wait_is_bounded(sky, made, wait):
    made.create(wanted())
    sky.get = lambda *_, **__: (503, "")
    with pytest.raises(errors.TimedOut, match=r"no answer after 6\d\d s; its log says: "):
        wait.until_ready(expected(), KEY)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ((503, "loading"), "/health answers HTTP 503 Service Unavailable (loading)"),
        ((404, "no"), "/v1/models answers HTTP 404 Not Found (no)"),
        ((200, '{"data": [{"id": "b"}]}'), "/v1/models: it serves b, not m"),
        (
            errors.Unreachable("http://10.1.0.1:8000/health: connection refused"),
            "/health: connection",
        ),
    ],
)
def test_a_wait_that_is_too_long_tells_the_address_and_what_it_answered_last(
    sky, made, wait, answer, says
):
    made.create(wanted())

    def get(*_: object, **__: object) -> object:
        if isinstance(answer, Exception):
            raise answer
        return answer

    sky.get = get
    with pytest.raises(errors.TimedOut, match="job 1 is RUNNING, no answer after") as caught:
        wait.until_ready(expected(), KEY)
    assert f"http://10.1.0.1:8000{says}" in str(caught.value)


def test_a_wait_goes_on_while_looks_fail(sky, made, wait):
    made.create(wanted())
    sky.get = lambda *_, **__: (503, "")
    began = sky.clock.now()
    sky.fail("jobs", *[ValueError("Attempted to read a None YAML.")] * 9999)
    with pytest.raises(errors.TimedOut, match=r"the last look failed: .*None YAML"):
        wait.until_ready(expected(), KEY)
    assert sky.clock.now() - began > 600


def test_a_wait_tells_that_no_address_is_known(sky, made, wait):
    made.create(wanted())
    sky.address = lambda *_: None
    with pytest.raises(errors.TimedOut, match="SkyPilot reports no address of its port 8000"):
        wait.until_ready(expected(), KEY)


def test_a_wait_is_as_long_as_the_spec_says():
    data = {"model": "openai/gpt-oss-20b", "kind": "cluster", "cpus": 4}
    assert waits.timeout_seconds(spec.parse(data)) == 2100
    bounded = {**data, "timeouts": {"ready": 60}}
    assert waits.timeout_seconds(spec.parse(bounded)) == 60
