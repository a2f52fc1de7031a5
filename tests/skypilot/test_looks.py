"""A read-only call that fails is neither an answer nor the user's error."""

import types
import typing
from collections.abc import Callable

import pytest

from pulumi_skypilot import errors, skypilot, testing
from pulumi_skypilot.lifecycle import clusters, marker, operations, wait_service
from pulumi_skypilot.lifecycle.services import Services
from pulumi_skypilot.skypilot import interface, looks
from tests import faults, wanted
from tests.wanted import CLUSTER, KEY, MARK, NAME

NONE_YAML = ValueError("Attempted to read a None YAML.")
RAW = [error for error in faults.LOOK_ERRORS if not isinstance(error, errors.SkyPilotError)]
EACH = pytest.mark.parametrize("error", faults.LOOK_ERRORS, ids=lambda error: type(error).__name__)


class Sdk(skypilot.Sdk):
    """The port over an SDK that a test gives."""

    def __init__(self, sky: object) -> None:
        super().__init__(skypilot.Connection(f"http://{id(sky)}.test:46580"))
        self.given: typing.Any = sky

    def _sky(self) -> typing.Any:
        return self.given


def record(**changes: object) -> dict[str, object]:
    return {
        "name": NAME,
        "status": types.SimpleNamespace(value="READY"),
        "version": 1,
        "active_versions": [1],
        "hash": "hash-1",
        "endpoint": "http://localhost:30001",
        "yaml_content": "run: x",
        "replica_info": [],
        **changes,
    }


def an_sdk(answer: Callable[[], object]) -> Sdk:
    """Return an SDK whose read-only calls all return this answer."""

    def get(_request: object) -> object:
        return answer()

    def ask(*_: object, **__: object) -> None:
        return None

    modes = types.SimpleNamespace(FORCE="force", NONE="none")
    sky = types.SimpleNamespace(
        get=get,
        status=ask,
        queue=ask,
        endpoints=ask,
        cost_report=ask,
        volumes=types.SimpleNamespace(ls=ask),
        api_status=lambda **_: answer(),
        serve=types.SimpleNamespace(status=ask, tail_logs=lambda *_, **__: answer()),
        tail_logs=lambda *_, **__: answer(),
        client=types.SimpleNamespace(sdk=types.SimpleNamespace(enabled_clouds=ask)),
        server=types.SimpleNamespace(
            common=types.SimpleNamespace(check_server_healthy=lambda _url: answer())
        ),
        exceptions=types.SimpleNamespace(ClusterNotUpError=ZeroDivisionError),
        utils=types.SimpleNamespace(common=types.SimpleNamespace(StatusRefreshMode=modes)),
    )
    return Sdk(sky)


JOB_LOG = interface.Log(interface.LogPart.JOB, CLUSTER, 1)
LOOKS: dict[str, Callable[[interface.SkyPilot], object]] = {
    "server": lambda sky: sky.server(),
    "places": lambda sky: sky.places(),
    "service": lambda sky: sky.service(NAME),
    "services": lambda sky: sky.services(),
    "log": lambda sky: sky.log(NAME, 1, 9),
    "machines": lambda sky: sky.machines(),
    "cluster": lambda sky: sky.cluster(CLUSTER),
    "jobs": lambda sky: sky.jobs(CLUSTER),
    "address": lambda sky: sky.address(CLUSTER, 8000),
    "job_log": lambda sky: sky.job_log(CLUSTER, 1, 9),
    "stream_log": lambda sky: sky.stream_log(JOB_LOG, str, lines=9, follow=False),
    "requests": lambda sky: sky.requests(),
    "volume": lambda sky: sky.volume(NAME),
    "volumes": lambda sky: sky.volumes(),
}


class TestTheAdapter:
    @pytest.mark.parametrize("error", RAW, ids=lambda error: type(error).__name__)
    @pytest.mark.parametrize("call", LOOKS)
    def test_the_adapter_takes_a_class_of_pythons_own_for_no_answer(
        self, call: str, error: Exception
    ) -> None:
        def fails() -> object:
            raise error

        with pytest.raises(
            errors.NoAnswer, match=r"^apiServer .*: it could not answer \("
        ) as caught:
            LOOKS[call](an_sdk(fails))
        assert type(error).__name__ in str(caught.value)

    def test_the_adapter_knows_every_look_of_the_port(self) -> None:
        assert {*LOOKS, "listens", "get"} == set(interface.LOOKS)

    @pytest.mark.parametrize("message", ["is not enabled", "credentials", "Cannot find service"])
    def test_the_adapter_goes_by_no_word_of_an_error(self, message: str) -> None:
        def fails() -> object:
            raise RuntimeError(message)

        with pytest.raises(errors.NoAnswer, match=message):
            an_sdk(fails).services()

    @pytest.mark.parametrize("field", record())
    def test_the_adapter_takes_a_record_that_lacks_a_field_for_no_answer(self, field: str) -> None:
        lacking = record()
        del lacking[field]
        with pytest.raises(errors.NoAnswer, match=field):
            an_sdk(lambda: [lacking]).services()

    @pytest.mark.parametrize("field", ["status", "version", "replica_info"])
    def test_the_adapter_takes_a_record_with_none_in_a_field_for_no_answer(
        self, field: str
    ) -> None:
        with pytest.raises(errors.NoAnswer):
            an_sdk(lambda: [record(**{field: None})]).services()

    @pytest.mark.parametrize("call", ["cluster", "jobs", "machines", "requests"])
    @pytest.mark.parametrize("answer", [[{}], [{"name": CLUSTER}], [None], None])
    def test_the_adapter_takes_a_broken_answer_for_no_answer(
        self, call: str, answer: object
    ) -> None:
        with pytest.raises(errors.NoAnswer):
            LOOKS[call](an_sdk(lambda: answer))

    def test_the_adapter_reads_a_whole_record(self) -> None:
        (service,) = an_sdk(lambda: [record()]).services()
        assert (service.status, service.text) == ("READY", "run: x")

    def test_the_adapter_shows_nothing_of_a_yaml_that_cannot_be_read(self) -> None:
        broken = record(yaml_content="secrets: {A: canary\n ]")
        with pytest.raises(errors.NoAnswer) as caught:
            an_sdk(lambda: [broken]).services()
        assert "canary" not in str(caught.value)

    def test_the_adapter_looks_again_before_it_ends_a_service(self, monkeypatch) -> None:
        """Try again: SkyServe may fail to list the service that is to be ended."""
        monkeypatch.setattr(looks.SystemClock, "sleep", lambda _self, _seconds: None)
        answers: list[object] = [NONE_YAML, KeyError("version"), [record()], None]

        def answer() -> object:
            said = answers.pop(0)
            if isinstance(said, Exception):
                raise said
            return said

        sdk = an_sdk(answer)
        sdk.given.serve.down = lambda *_, **__: None
        sdk.down(NAME)
        assert answers == []

    def test_the_adapter_takes_no_address_for_none(self) -> None:
        (service,) = an_sdk(lambda: [record(endpoint="http://None")]).services()
        assert service.endpoint is None

    def test_the_adapter_asks_for_each_alone_where_one_of_several_cannot_be_read(self) -> None:
        alike = skypilot.serve_api.ServiceCalls._looks["x"]  # type: ignore[index]
        assert issubclass(errors.NoAnswer, alike._of_all)
        assert issubclass(errors.NoAnswer, alike._but)

    @pytest.mark.parametrize(
        ("message", "meaning"),
        [
            ("Invalid region 'us-east-9'\nDid you mean one of these", errors.Invalid),
            ("Invalid instance type 'm9' for cloud AWS.", errors.Invalid),
            ("Attempted to read a None YAML.", errors.Failed),
            ("invalid literal for int() with base 10: ''", errors.Failed),
        ],
    )
    def test_the_adapter_takes_a_change_for_wrong_only_where_skypilot_has_checked_it(
        self, message: str, meaning: type[errors.SkyPilotError]
    ) -> None:
        def fails(_sky: object) -> None:
            raise ValueError(message)

        with pytest.raises(errors.SkyPilotError) as caught:
            an_sdk(lambda: None)._ask(fails, seconds=10)
        assert type(caught.value) is meaning


def test_a_destroy_outlasts_a_yaml_that_is_gone_before_its_row(sky, services) -> None:
    """Go on: the real SkyServe failed so once, at the end of a demo."""
    services.create(wanted.wanted())
    sky.clock.sleep(testing.START_SECONDS)
    real, to_come = sky.service, [NONE_YAML] * 2

    def service(name: str) -> object:
        current = real(name)
        if current is not None and current.status == "SHUTTING_DOWN" and to_come:
            sky.fail("service", to_come.pop())
            return real(name)
        return current

    sky.service = service
    assert services.delete(NAME, MARK)
    assert to_come == []
    assert sky.machines() == ()


class TestASingleLook:
    @EACH
    def test_a_single_look_is_tried_again(self, sky, services, error: Exception) -> None:
        applied = services.create(wanted.wanted())
        sky.fail("service", error, error, error)
        assert services.read(applied) == operations.Seen(applied)

    @EACH
    def test_a_single_look_that_goes_on_failing_is_unreachable(
        self, sky, services, error: Exception
    ) -> None:
        applied = services.create(wanted.wanted())
        sky.fail("service", *[error] * 99)
        before = sky.clock.now()
        with pytest.raises((errors.Unreachable, errors.TimedOut)):
            services.read(applied)
        assert sky.clock.now() - before <= 10

    def test_a_single_look_of_a_cluster_is_tried_again(self, sky) -> None:
        made = clusters.Clusters(sky, sky.clock)
        applied = made.create(wanted.cluster())
        for call in ("cluster", "jobs", "address"):
            sky.fail(call, NONE_YAML, KeyError("name"))
        assert made.read(applied) == operations.Seen(applied)

    @pytest.mark.parametrize(
        "error", [errors.Denied("no"), errors.OtherServer("another"), errors.Asleep("asleep")]
    )
    def test_a_single_look_that_is_refused_is_answered(
        self, sky, services, error: errors.SkyPilotError
    ) -> None:
        applied = services.create(wanted.wanted())
        sky.fail("service", error)
        with pytest.raises(type(error)):
            services.read(applied)
        assert not sky._failures["service"]

    def test_a_single_look_that_takes_long_is_not_tried_again(self, sky) -> None:
        def slow(_name: str) -> None:
            sky.clock.sleep(120)
            raise errors.TimedOut("no answer in 120 s")

        sky.service = slow
        with pytest.raises(errors.TimedOut):
            looks.Looks(sky, sky.clock).service(NAME)
        assert sky.clock.now() == 120


class TestAWait:
    def test_a_wait_that_sees_nothing_ends_with_its_time_and_the_last_reason(
        self, sky, services
    ) -> None:
        services.create(wanted.wanted())
        sky.clock.sleep(testing.START_SECONDS)
        sky.fail("service", *[NONE_YAML] * 9999)
        with pytest.raises(errors.TimedOut, match=r"the last look failed: .*None YAML") as caught:
            services.delete(NAME, MARK)
        assert "after 300 s" in str(caught.value)
        sky._failures.clear()
        services.delete(NAME, MARK)
        assert sky.machines() == ()

    def test_a_wait_ends_within_the_time_that_a_stack_gives(self, sky) -> None:
        Services(sky, sky.clock).create(wanted.wanted())
        sky.fail("requests", *[NONE_YAML] * 9999)
        before = sky.clock.now()
        with pytest.raises(errors.TimedOut, match="after 60 s; the last look failed"):
            Services(sky, sky.clock, seconds=60).delete(NAME, MARK)
        assert sky.clock.now() - before < 90

    def test_a_wait_that_could_see_again_tells_of_no_look(self, sky, services) -> None:
        services.create(wanted.wanted(mark="other"))
        sky.half_down(NAME)
        sky.fail("service", NONE_YAML)
        with pytest.raises(errors.TimedOut) as caught:
            services.create(wanted.wanted())
        assert "look failed" not in str(caught.value)

    def test_a_wait_is_over_at_once_when_the_account_is_refused(self, sky, services) -> None:
        services.create(wanted.wanted())
        sky.fail("requests", errors.Denied("the token is revoked"))
        before = sky.clock.now()
        with pytest.raises(errors.Denied):
            services.delete(NAME, MARK)
        assert sky.clock.now() == before

    @EACH
    def test_a_wait_for_a_service_bears_looks_that_fail(
        self, sky, services, error: Exception
    ) -> None:
        applied = services.create(wanted.wanted())
        sky.fail("service", *[error] * 9)
        expected = wait_service.Expected(NAME, applied.version, 1, "openai/gpt-oss-20b", 900)
        wait = wait_service.Wait(sky, lambda listed: listed, sky.clock)
        assert wait.until_ready(expected, "sk-1").version == 1

    def test_a_wait_for_a_service_that_cannot_be_seen_is_bounded(self, sky, services) -> None:
        applied = services.create(wanted.wanted())
        sky.fail("service", *[NONE_YAML] * 9999)
        expected = wait_service.Expected(NAME, applied.version, 1, "openai/gpt-oss-20b", 900)
        wait = wait_service.Wait(sky, lambda listed: listed, sky.clock)
        with pytest.raises(
            errors.TimedOut, match=r"after 90\d s; the last look failed: .*None YAML"
        ):
            wait.until_ready(expected, "sk-1")

    def test_a_first_try_that_cannot_be_seen_makes_no_second(self, sky, services) -> None:
        """Do not try again: an `up` of a name that exists takes the service over."""
        real = sky.up

        def up(name: str, order: interface.Order) -> None:
            real(name, order)
            sky.fail("service", *[NONE_YAML] * 9999)
            raise errors.NotStarted("its controller has not started in time")

        sky.up = up
        with pytest.raises((errors.TimedOut, errors.Unreachable)):
            services.create(wanted.wanted())
        assert sky.calls.count(f"up {NAME}") == 1

    def test_a_wait_for_a_new_server_that_cannot_be_seen_ends_no_server(self, sky) -> None:
        made = clusters.Clusters(sky, sky.clock)
        old, new = wanted.cluster(), wanted.cluster(model="n")
        applied = made.create(old)

        def wait(_now: marker.Applied, _left: float | None) -> None:
            raise errors.NoAnswer("it cannot tell")

        with pytest.raises(errors.NoAnswer):
            made.update(applied, old, new, wait)
        running = [job.name for job in sky.jobs(CLUSTER) if job.ended_at is None]
        assert running == [marker.job_name(MARK, new.digest)]
        assert KEY in sky.job_order(CLUSTER).secrets.values()
