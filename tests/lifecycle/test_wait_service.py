"""The wait for a service, on the fake SkyPilot."""

import dataclasses
import itertools
import typing

import pytest

from pulumi_skypilot import errors, testing
from pulumi_skypilot.lifecycle import marker, wait_service
from pulumi_skypilot.skypilot import interface
from tests.wanted import NAME, wanted

TLS = interface.Tls("certificate", "key")


def expected(applied: marker.Applied, **changes: typing.Any) -> wait_service.Expected:
    service = wait_service.Expected(NAME, applied.version, 1, "openai/gpt-oss-20b", 900)
    return dataclasses.replace(service, **changes)


def with_keys(keys: str, **changes: typing.Any) -> marker.Wanted:
    return dataclasses.replace(wanted(**changes), secrets={"SERVE_API_KEYS": keys})


def wait(sky: testing.SkyPilot) -> wait_service.Wait:
    return wait_service.Wait(sky, lambda listed: listed, sky.clock)


def test_a_wait_ends_when_the_model_answers(sky, services):
    applied = services.create(wanted())
    ready = wait(sky).until_ready(expected(applied), "sk-1")
    assert ready == wait_service.Ready("http://localhost:30001", 1)


def test_a_wait_waits_for_the_new_version_not_for_the_old(sky, services):
    applied = services.create(wanted())
    sky.clock.sleep(testing.START_SECONDS + 1)
    updated = services.update(applied, wanted(context=4096))
    wait(sky).until_ready(expected(updated), "sk-1")
    assert [r.id for r in sky.service(NAME).replicas] == [2]


def test_a_wait_shows_the_log_of_a_model_that_does_not_load(sky, services):
    applied = services.create(wanted())
    sky.loads = False
    with pytest.raises(errors.Failed, match=r"replica 1 .*FAILED.*CUDA out of memory"):
        wait(sky).until_ready(expected(applied), "sk-1")


def test_a_wait_says_that_the_earlier_version_goes_on(sky, services):
    applied = services.create(wanted())
    sky.clock.sleep(testing.START_SECONDS + 1)
    sky.service(NAME)
    updated = services.update(applied, wanted(context=4096))
    sky._services[NAME].replicas[-1].failed = True
    with pytest.raises(errors.Failed, match="earlier version goes on serving"):
        wait(sky).until_ready(expected(updated), "sk-1")


def test_a_wait_is_called_off_when_no_place_has_the_machine(sky, services):
    sky.capacity = False
    applied = services.create(wanted())
    with pytest.raises(errors.NoCapacity, match="InsufficientInstanceCapacity"):
        wait(sky).until_ready(expected(applied), "sk-1")


def test_a_wait_leaves_a_busy_server_time_for_other_things(
    sky: testing.SkyPilot, services, monkeypatch
):
    applied = services.create(wanted())
    looks: list[float] = []
    real = sky.service

    def slow(name: str) -> interface.Service | None:
        looks.append(sky.clock.now())
        sky.clock.sleep(8)
        return real(name)

    monkeypatch.setattr(sky, "service", slow)
    wait(sky).until_ready(expected(applied), "sk-1")
    assert {after - before for before, after in itertools.pairwise(looks)} == {8 + 3 * 8}


def test_a_wait_reads_the_log_of_a_replica_without_a_machine_now_and_then(
    sky: testing.SkyPilot, services, monkeypatch
):
    sky.capacity = False
    applied = services.create(wanted())
    reads: list[float] = []
    real = sky.log

    def log(name: str, replica: int, lines: int) -> tuple[str, ...]:
        reads.append(sky.clock.now())
        return real(name, replica, lines)

    monkeypatch.setattr(sky, "log", log)
    with pytest.raises(errors.NoCapacity):
        wait(sky).until_ready(expected(applied), "sk-1")
    assert {after - before for before, after in itertools.pairwise(reads)} == {30}


def test_a_wait_is_bounded(sky, services):
    applied = services.create(wanted())
    with pytest.raises(errors.TimedOut, match="not ready after"):
        wait(sky).until_ready(expected(applied, timeout_seconds=30), "sk-1")


def test_a_wait_with_no_replica_asked_for_is_over_once_registered(sky, services):
    applied = services.create(wanted(replicas={"min": 0, "max": 2, "targetQps": 1}))
    registered = dataclasses.replace(expected(applied), min_replicas=0)
    assert wait(sky).until_ready(registered, "sk-1").version == 1


def test_a_wait_outlasts_a_server_that_is_away_for_a_while(sky, services):
    applied = services.create(wanted())
    sky.fail("service", *[errors.Unreachable("away")] * 10)
    assert wait(sky).until_ready(expected(applied), "sk-1").version == 1


def test_a_wait_does_not_wait_for_ever_for_a_server_that_is_away(sky, services):
    applied = services.create(wanted())
    sky.fail("service", *[errors.Unreachable("away")] * 1000)
    with pytest.raises(errors.Unreachable):
        wait(sky).until_ready(expected(applied), "sk-1")


class TestATimeOut:
    """A time-out: its one line has the question, the answer and what to do."""

    @pytest.fixture
    def late(self, sky, services, monkeypatch):
        applied = services.create(wanted())
        sky.clock.sleep(testing.START_SECONDS + 1)

        def line(get, listed="http://10.0.0.7:30001") -> str:
            monkeypatch.setattr(sky, "get", get)
            slow = expected(applied, timeout_seconds=60)
            with pytest.raises(errors.TimedOut) as caught:
                wait_service.Wait(sky, lambda _: listed, sky.clock).until_ready(slow, "sk-1")
            return str(caught.value)

        return line

    @pytest.mark.parametrize(
        ("status", "body", "says"),
        [
            (503, "No ready replicas", "/health answers HTTP 503 Service Unavailable (No ready"),
            (404, "Not Found", "/v1/models answers HTTP 404 Not Found (Not Found)"),
            (502, "Bad Gateway", "/health answers HTTP 502 Bad Gateway (Bad Gateway)"),
            (200, '{"data": [{"id": "b"}]}', "/v1/models: it serves b, not openai/gpt-oss-20b"),
        ],
    )
    def test_a_time_out_tells_the_address_and_what_it_answered_last(self, late, status, body, says):
        line = late(lambda *_, **__: (status, body))
        assert f"http://10.0.0.7:30001{says}" in line
        assert "local-chat v1: 1/1 ready; 1 READY AWS" in line
        assert "not ready after 6" in line

    def test_a_time_out_tells_that_nobody_can_be_reached_and_the_way_in(self, late):
        def refused(url, *_, **__):
            raise errors.Unreachable(f"{url}: connection refused")

        line = late(refused)
        assert "; http://10.0.0.7:30001/health: connection refused; " in line
        assert "skypilot:serveHost" in line

    def test_a_time_out_tells_that_there_is_no_endpoint(self, late):
        assert "SkyServe reports no endpoint of it" in late(lambda *_, **__: (200, ""), None)

    def test_a_time_out_shows_no_key(self, late):
        assert "sk-1" not in late(lambda _url, key, *_, **__: (500, f"you sent {key}"))

    def test_a_time_out_tells_a_certificate_for_another_name(self, late):
        def other(url, *_, **__):
            raise errors.Untrusted(f"{url}: Hostname mismatch", name_only=True)

        assert "made out to another name" in late(other)


def test_a_wait_asks_with_the_key_on_every_path(sky, services, monkeypatch):
    """Show the key on every path, since the guard may open no path without it."""
    applied = services.create(wanted())
    real = sky.get
    monkeypatch.setattr(
        sky, "get", lambda url, key, *a, **o: real(url, key, *a, **o) if key else (401, "")
    )
    assert wait(sky).until_ready(expected(applied), "sk-1").version == 1


class TestNewKey:
    """A new key, which is handed out once every replica that may answer accepts it."""

    def test_a_new_key_waits_until_the_load_balancer_knows_no_old_replica(self, sky, services):
        applied = services.create(with_keys("sk-key-1"))
        sky.clock.sleep(testing.START_SECONDS + 1)
        updated = services.update(applied, with_keys("sk-key-1,sk-key-2"))
        sky.clock.sleep(testing.START_SECONDS + 1)
        began = sky.clock.now()
        wait(sky).until_ready(expected(updated, old_refuses=True), "sk-key-2")
        assert sky.clock.now() - began >= wait_service.SYNC_SECONDS

    def test_a_new_key_may_be_refused_by_an_old_replica_for_a_while(
        self, sky, services, monkeypatch
    ):
        applied = services.create(wanted())
        sky.clock.sleep(testing.START_SECONDS + 1)
        began, get = sky.clock.now(), sky.get
        late = wait_service.SYNC_SECONDS - 5

        def still_old(url, key, *certificate, **how):
            refuses = url.endswith("/v1/models") and sky.clock.now() - began < late
            return (401, "") if refuses else get(url, key, *certificate, **how)

        monkeypatch.setattr(sky, "get", still_old)
        assert wait(sky).until_ready(expected(applied), "sk-1").version == 1
        assert sky.clock.now() - began >= late

    def test_a_new_key_that_stays_refused_is_called_so(self, sky, services):
        applied = services.create(wanted())
        with pytest.raises(errors.Failed, match="refuses the API key of this stack"):
            wait(sky).until_ready(expected(applied), "sk-another")

    def test_a_new_key_waits_for_an_old_replica_to_go_though_none_is_asked_for(self, sky, services):
        """Wait although the minimum is 0: the old replica would refuse the new key."""
        asleep = {"min": 0, "max": 1, "targetQps": 1}
        applied = services.create(with_keys("sk-key-1", replicas=asleep))
        updated = dataclasses.replace(applied, version=2)
        service = sky.service(NAME)
        versions = [(1,), (1, 2), (2,)]
        sky.service = lambda _: dataclasses.replace(
            service, version=2, active_versions=versions.pop(0) if versions[1:] else versions[0]
        )
        wait(sky).until_ready(expected(updated, min_replicas=0, old_refuses=True), "sk-key-2")
        assert versions == [(2,)]

    def test_a_roll_with_the_same_key_is_not_waited_for(self, sky, services):
        applied = services.create(wanted())
        sky.clock.sleep(testing.START_SECONDS + 1)
        began = sky.clock.now()
        wait(sky).until_ready(expected(applied), "sk-1")
        assert sky.clock.now() == began


class TestTls:
    def test_tls_is_proved_by_the_stacks_own_certificate(self, sky, services):
        applied = services.create(dataclasses.replace(wanted(), tls=TLS))
        ready = wait(sky).until_ready(expected(applied, certificate="certificate"), "sk-1")
        assert ready == wait_service.Ready("https://localhost:30001", 1)

    def test_another_certificate_is_no_answer(self, sky, services):
        applied = services.create(dataclasses.replace(wanted(), tls=TLS))
        with pytest.raises(errors.Failed, match="does not present the certificate of tls"):
            wait(sky).until_ready(expected(applied, certificate="another"), "sk-1")

    def test_a_certificate_for_another_name_is_let_pass_and_said(self, sky, services):
        sky.other_name = True
        applied = services.create(dataclasses.replace(wanted(), tls=TLS))
        ready = wait(sky).until_ready(expected(applied, certificate="certificate"), "sk-1")
        assert "made out to another name" in (ready.note or "")
