"""The providers on the fake SkyPilot: properties in, call, properties out."""

import builtins
import dataclasses
import pickle
import typing

import pytest
from pulumi import dynamic
from pulumi.output import Unknown

from pulumi_skypilot import host, plan, port, providers, task, testing

NAME = "local-chat"
Props = dict[str, typing.Any]
SCOPE = {
    "apiServer": "http://10.77.0.1:46580",
    "workspace": None,
    "serveHost": None,
    "mark": "mark0001",
    "user": "user0001",
}
UNKNOWN = Unknown()
PRIVATE = {
    "image": "docker:a.b/c",
    "imageCredentials": {"server": "a.b", "username": "u", "password": "canary"},
}


def inputs(**changes: object) -> Props:
    """What the engine sends for the service: numbers are doubles."""
    data = {
        "model": "openai/gpt-oss-20b",
        "cpus": 4.0,
        "memory": 16.0,
        "infra": "aws",
        "name": NAME,
        "scope": SCOPE,
        "apiKey": "sk-key-1",
        **changes,
    }
    return {key: value for key, value in data.items() if value is not None}


def checked(**changes: object) -> Props:
    result = providers.ServiceProvider().check({}, inputs(**changes))
    assert not result.failures
    return result.inputs


def failures(**changes: object) -> dict[str, str]:
    result = providers.ServiceProvider().check({}, inputs(**changes))
    return {failure.property: failure.reason for failure in result.failures}


@pytest.fixture
def sky():
    with testing.use(testing.SkyPilot()) as fake:
        yield fake


@pytest.fixture
def service() -> providers.ServiceProvider:
    return providers.ServiceProvider()


class TestCheck:
    def test_adds_the_plan_for_the_preview_to_show(self):
        shown = checked()["plan"]
        assert "vllm serve openai/gpt-oss-20b" in shown["command"][0]
        assert "min_replicas: 1" in shown["task"]

    def test_a_service_account_leaves_a_name_less_room(self, service):
        long = inputs(name="a-rather-long-name", infra="gcp")
        assert not service.check({}, long).failures
        service.token = "sky_t"
        (failure,) = service.check({}, long).failures
        assert failure.property == "name"

    @pytest.mark.parametrize("table", [PRIVATE, {"tls": {"certificate": UNKNOWN, "key": UNKNOWN}}])
    def test_values_of_secret_tables_go_on_as_they_came(self, table):
        ((key, value),) = [one for one in table.items() if one[0] != "image"]
        once = checked(**table)
        assert once[key] == value
        assert "canary" not in str(once["plan"])

    def test_is_stable(self):
        once = checked()
        assert providers.ServiceProvider().check(once, once).inputs == once

    def test_names_the_nearest_known_key_and_gpu(self):
        assert "model" in failures(modle="x")["modle"]
        wrong = failures(accelerators="H10:1", cpus=None, memory=None)["accelerators"]
        assert "H100" in wrong
        assert "H10 " in wrong

    def test_keeps_values_of_env_and_secrets_out_of_the_plan(self):
        result = checked(env={"GREETING": "canary-env"}, secrets={"HF_TOKEN": "canary-secret"})
        assert "canary" not in str(result["plan"])
        assert result["env"] == {"GREETING": "canary-env"}
        assert result["secrets"] == {"HF_TOKEN": "canary-secret"}

    @pytest.mark.parametrize("key", ["sk-old,sk-new", "with space", "short"])
    def test_refuses_a_key_that_vllm_would_not_know(self, key):
        told = failures(apiKey=key)[""]  # unnamed: the engine would show the value
        assert "without a comma" in told
        assert key not in told

    def test_lets_secrets_and_other_resources_be_unknown(self):
        unknown = Unknown()
        result = checked(secrets={"HF_TOKEN": unknown}, apiKey=unknown, scope={"mark": unknown})
        assert result["secrets"]["HF_TOKEN"] is unknown
        assert result["apiKey"] is unknown

    def test_refuses_any_other_unknown(self):
        assert "known at preview" in failures(model=Unknown())["model"]

    def test_asks_no_server_and_imports_no_sky(self, monkeypatch):
        real = builtins.__import__

        def no_sky(name: str, *args: typing.Any, **kwargs: typing.Any) -> object:
            assert name.split(".", maxsplit=1)[0] != "sky", "check and diff must not import sky"
            return real(name, *args, **kwargs)

        monkeypatch.setattr(builtins, "__import__", no_sky)
        monkeypatch.setattr(providers.base, "connect", None)
        state = {**checked(), "task": checked()["plan"]["task"]}
        providers.ServiceProvider().diff(NAME, state, checked(context=4096))


class TestDiff:
    def state(self, service, **changes: object) -> Props:
        outs: Props = service.create(checked(**changes)).outs
        return outs

    def test_of_the_same_is_empty(self, sky, service):
        assert service.diff(NAME, self.state(service), checked()).changes is False

    @pytest.mark.parametrize(
        ("change", "effect"),
        [
            ({"replicas": {"min": 1, "max": 3, "targetQps": 2.0}}, "in place"),
            ({"context": 4096.0}, "rolls"),
            ({"env": {"A": "b"}}, "rolls"),
            ({"secrets": {"HF_TOKEN": "x"}}, "rolls"),
            ({"workdir": {"path": ".", "digest": "other"}}, "rolls"),
            ({"apiKey": "sk-key-2"}, "rolls"),
            ({"name": "local-talk"}, "replaces"),
        ],
    )
    def test_tells_what_a_change_does(self, sky, service, monkeypatch, change, effect):
        told: list[str] = []
        monkeypatch.setattr(host, "message", told.append)
        result = service.diff(NAME, self.state(service), checked(**change))
        assert result.changes
        assert bool(result.replaces) == (effect == "replaces")
        assert any(f": {effect}: " in line for line in told), told

    def test_tells_what_it_does_to_the_replicas(self, sky, service, monkeypatch):
        told: list[str] = []
        monkeypatch.setattr(host, "message", told.append)
        service.diff(NAME, self.state(service), checked(context=4096.0))
        assert told[-1].startswith(f"{NAME}: 1 new replica starts beside the old")

    def test_never_replaces_for_an_unknown(self, sky, service):
        news = checked(scope={**SCOPE, "mark": Unknown()}, secrets={"HF_TOKEN": Unknown()})
        assert not service.diff(NAME, self.state(service), news).replaces

    def test_lets_a_new_release_of_this_package_wait(self, sky, service, monkeypatch):
        state = self.state(service)
        real = plan.plan

        def newer(spec, name, **options):
            made = real(spec, name, **options)
            content = {**made.task, "setup": made.task.get("setup", "") + "\necho newer\n"}
            text = task.text(content)
            return dataclasses.replace(made, task=content, task_text=text)

        monkeypatch.setattr(plan, "plan", newer)
        assert service.diff(NAME, state, checked()).changes is False
        assert service.diff(NAME, state, checked(upgrade=True)).changes is True
        scaled = checked(replicas={"min": 1, "max": 3, "targetQps": 2})
        outs = service.update(NAME, state, scaled).outs
        assert "echo newer" not in outs["task"]
        assert "max_replicas: 3" in outs["task"]


class TestStateOfAnEarlierRelease:
    """It may say what this one refuses: a flag that has a key of its own by now."""

    @pytest.fixture
    def outs(self, sky, service) -> Props:
        made: Props = service.create(checked(maxSequences=8.0)).outs
        old = {key: value for key, value in made.items() if key != "maxSequences"}
        return {**old, "vllmArgs": {"max-num-seqs": 8.0}}

    def test_is_changed_into_what_is_wanted_now(self, sky, service, outs):
        news = checked(maxSequences=16.0)
        assert service.diff(NAME, outs, news).changes
        assert "--max-num-seqs 16" in service.update(NAME, outs, news).outs["task"]

    def test_does_not_hide_that_the_flag_is_to_go(self, sky, service, outs):
        assert service.diff(NAME, outs, checked()).changes
        assert "--max-num-seqs" not in service.update(NAME, outs, checked()).outs["task"]

    def test_needs_no_change_where_the_key_says_the_same(self, sky, service, outs):
        assert not service.diff(NAME, outs, checked(maxSequences=8.0)).changes

    def test_is_read_and_destroyed(self, sky, service, outs):
        assert service.read(NAME, outs).inputs is None
        service.delete(NAME, outs)
        assert sky.services() == ()


PEM = {
    "certificate": "-----BEGIN CERTIFICATE-----\ncanary-c\n",
    "key": "-----BEGIN PRIVATE KEY-----\ncanary-k\n",
}


class TestKeys:
    @pytest.fixture
    def told(self, sky, monkeypatch) -> list[str]:
        lines: list[str] = []
        monkeypatch.setattr(host, "message", lines.append)
        return lines

    @pytest.mark.parametrize(
        ("before", "after", "line"),
        [
            (
                ("sk-key-1",),
                ("sk-key-2",),
                "refused as replicas roll; to spare them, make both valid first: keyVersion: [1, ",
            ),
            (
                ("sk-key-1",),
                ("sk-key-2", "sk-key-1"),
                "both keys are valid from then on, and the new one is handed out",
            ),
            (("sk-key-2", "sk-key-1"), ("sk-key-2",), "the earlier key ends with this"),
        ],
    )
    def test_a_change_tells_what_those_meet_who_hold_a_key(self, told, before, after, line):
        service = providers.ServiceProvider()
        olds, news = (
            checked(**dict(zip(("apiKey", "earlierKey"), keys, strict=False)))
            for keys in (before, after)
        )
        made = service.create(olds).outs
        assert made is not None
        assert service.diff(NAME, made, news).changes
        assert any(": rolls: apiKey" in text and line in text for text in told)

    def test_another_key_replaces_a_service_that_no_update_can_change(self, sky, service):
        scaled = {
            "accelerators": "H100:1",
            "replicas": {"min": 1, "max": 2, "targetQps": {"H100": 1}},
        }
        made = service.create(checked(apiKey="sk-key-1", **scaled)).outs
        assert service.diff(NAME, made, checked(apiKey="sk-key-2", **scaled)).replaces == ["apiKey"]

    def test_all_valid_keys_reach_the_replicas(self, sky, service):
        service.create(checked(earlierKey="sk-key-1", apiKey="sk-key-2"))
        assert sky.order(NAME).secrets == {"SERVE_API_KEYS": "sk-key-1,sk-key-2"}

    def test_without_auth_there_is_none_and_it_is_said(self, sky, service):
        props = checked(auth="none", apiKey=None)
        assert "whoever reaches the endpoint is served" in str(props["plan"]["notes"])
        service.create(props)
        assert sky.order(NAME).secrets == {}

    def test_a_state_of_the_last_release_needs_no_change(self, sky, service):
        outs = service.create(checked()).outs
        old = {key: value for key, value in outs.items() if key != "earlierKey"}
        assert not service.diff(NAME, old, checked()).changes

    @pytest.mark.parametrize("key", ["earlierKey", "apiKey"])
    def test_each_is_checked_and_none_is_shown(self, key):
        told = failures(**{key: "canary"})[""]
        assert told.startswith("apiKey: ")
        assert "canary" not in told


class TestTls:
    def test_reaches_skypilot_and_stands_in_no_text(self, sky, service):
        outs = service.create(checked(tls=PEM)).outs
        assert sky.order(NAME).tls == port.Tls(**PEM)
        rest = {key: value for key, value in outs.items() if key != "tls"}
        assert "canary" not in repr(rest) + sky.order(NAME).text
        assert outs["endpoint"].startswith("https://")

    @pytest.mark.parametrize("part", ["certificate", "key"])
    def test_a_change_replaces_and_is_not_shown(self, sky, service, monkeypatch, part):
        lines: list[str] = []
        monkeypatch.setattr(host, "message", lines.append)
        outs = service.create(checked(tls=PEM)).outs
        result = service.diff(NAME, outs, checked(tls={**PEM, part: PEM[part] + "\ncanary-2\n"}))
        assert result.replaces == [f"tls.{part}"]
        assert "canary" not in "".join(lines)

    @pytest.mark.parametrize(
        ("part", "text"),
        [
            ("certificate", "canary"),
            ("certificate", PEM["key"]),
            ("key", PEM["certificate"]),
            ("key", "-----BEGIN ENCRYPTED PRIVATE KEY-----\ncanary"),
            ("key", ""),
        ],
    )
    def test_what_is_no_pem_text_is_refused_unseen(self, part, text):
        told = failures(tls={**PEM, part: text})[""]
        assert told.startswith(f"tls.{part}: its secret is ")
        assert "canary" not in told


class TestAdoption:
    def test_leaves_the_state_that_creating_leaves(self, sky, service):
        sky.up(NAME, port.Order("service: {replica_policy: {min_replicas: 1}}"))
        adopted = service.create(checked(adopt=True)).outs
        sky.kill_behind(NAME)
        made = service.create(checked()).outs
        moves = {"hash", "version", "adopt"}
        assert {k: v for k, v in adopted.items() if k not in moves} == {
            k: v for k, v in made.items() if k not in moves
        }
        assert not service.diff(NAME, adopted, checked()).changes

    def test_is_refused_unless_told(self, sky, service):
        sky.up(NAME, port.Order("service: {}"))
        with pytest.raises(host.Error, match="adopt: true"):
            service.create(checked())


class TestTimeouts:
    def test_bound_the_calls(self, sky, service):
        props = checked(timeouts={"create": 40.0, "update": 50.0, "delete": 60.0})
        outs = service.create(props).outs
        assert sky.order(NAME).seconds == 40
        service.update(NAME, outs, {**props, "context": 4096.0})
        assert sky.order(NAME).seconds == 50
        sky.down = lambda *_, **__: None  # it never ends
        began = sky.clock.now()
        with pytest.raises(host.Error, match="after 60 s"):
            service.delete(NAME, outs)
        assert 60 <= sky.clock.now() - began < 70

    def test_a_change_touches_no_replica(self, sky, service):
        """It reaches state, from which a delete reads it."""
        outs = service.create(checked()).outs
        news = checked(timeouts={"delete": 60.0})
        assert service.diff(NAME, outs, news).changes
        assert service.update(NAME, outs, news).outs["timeouts"] == {"delete": 60}
        assert not any(call.startswith("update") for call in sky.calls)


class TestLifeCycle:
    def test_state_after_create_names_no_value_but_under_its_own_key(self, sky, service):
        outs = service.create(checked(secrets={"HF_TOKEN": "canary"})).outs
        rest = {key: value for key, value in outs.items() if key not in ("secrets", "apiKey")}
        assert "canary" not in str(rest)
        assert "sk-key-1" not in str(rest)

    def test_values_reach_skypilot(self, sky, service):
        service.create(checked(env={"A": "b"}, secrets={"HF_TOKEN": "t"}))
        order = sky.order(NAME)
        assert order.env == {"A": "b"}
        assert order.secrets == {"HF_TOKEN": "t", "SERVE_API_KEYS": "sk-key-1"}

    def test_the_password_of_a_registry_reaches_skypilot(self, sky, service):
        outs = service.create(checked(**PRIVATE, auth="none")).outs
        assert sky.order(NAME).secrets == {
            "SKYPILOT_DOCKER_SERVER": "a.b",
            "SKYPILOT_DOCKER_USERNAME": "u",
            "SKYPILOT_DOCKER_PASSWORD": "canary",
        }
        assert "canary" not in sky.order(NAME).text + outs["task"]

    def test_read_of_an_unchanged_service_changes_nothing(self, sky, service):
        outs = service.create(checked()).outs
        result = service.read(NAME, outs)
        assert (result.outs, result.inputs) == (outs, None)

    def test_read_of_a_gone_service_is_empty_not_none(self, sky, service):
        outs = service.create(checked()).outs
        sky.kill_behind(NAME)
        result = service.read(NAME, outs)
        assert (result.id, result.outs) == ("", {})

    def test_gone_is_not_believed_to_another_user(self, sky, service):
        outs = service.create(checked()).outs
        sky.kill_behind(NAME)
        sky.user = "someone"
        with pytest.raises(host.Error, match="you are user someone"):
            service.read(NAME, outs)

    def test_drift_is_shown_as_an_input_and_put_right(self, sky, service):
        outs = service.create(checked()).outs
        text = sky.order(NAME).text.replace("min_replicas: 1", "min_replicas: 3")
        sky.update(NAME, port.Order(text, {}, sky.order(NAME).secrets))
        result = service.read(NAME, outs)
        assert "min_replicas" in result.inputs["drift"][0]
        assert service.diff(NAME, result.outs, checked()).changes
        after = service.update(NAME, result.outs, checked()).outs
        assert "drift" not in after
        assert service.read(NAME, after).inputs is None

    def test_errors_are_one_line_without_their_causes(self, sky, service):
        sky.fail("up", port.Invalid("first\nsecond"))
        with pytest.raises(host.Error, match=r"^first second$") as caught:
            service.create(checked())
        assert caught.value.__cause__ is None
        assert caught.value.__suppress_context__

    def test_delete_of_an_unreachable_service_fails_unless_it_is_allowed(self, sky, service):
        outs = service.create(checked()).outs
        sky.fail("active", port.Unreachable("away"), port.Unreachable("away"))
        with pytest.raises(host.Error, match="away"):
            service.delete(NAME, outs)
        service.delete_unreachable = True
        service.delete(NAME, outs)


def made_scope() -> Props:
    outs = providers.ScopeProvider().create(dict(SCOPE)).outs
    assert outs is not None
    return outs


class TestScope:
    def test_draws_a_mark_and_a_seed(self, sky):
        first, second = made_scope(), made_scope()
        assert first["mark"] != second["mark"]
        assert first["seed"] != second["seed"]

    def test_delete_takes_down_what_carries_the_mark(self, sky):
        scope = made_scope()
        providers.ServiceProvider().create(checked(scope={**SCOPE, "mark": scope["mark"]}))
        providers.ScopeProvider().delete("x", scope)
        assert sky.services() == ()

    def test_refuses_to_move_a_living_stack(self):
        news = {**SCOPE, "apiServer": "http://elsewhere:46580"}
        result = providers.ScopeProvider().check(dict(SCOPE), news)
        assert result.failures[0].property == "apiServer"
        assert "destroy" in result.failures[0].reason

    def test_refuses_an_address_that_is_none(self):
        result = providers.ScopeProvider().check({}, {**SCOPE, "apiServer": "sky.example.com"})
        assert "http" in result.failures[0].reason


class TestReadiness:
    PROPS: typing.ClassVar[Props] = {
        "service": NAME,
        "scope": SCOPE,
        "incarnation": "hash-1",
        "digest": "d",
        "version": 1.0,
        "apiKey": "sk-key-1",
        "model": "openai/gpt-oss-20b",
        "minReplicas": 1.0,
        "timeoutSeconds": 900.0,
    }

    @pytest.mark.parametrize(
        ("change", "waits"),
        [
            ({}, False),
            ({"timeoutSeconds": 60.0}, False),
            ({"version": 2.0}, True),
            ({"incarnation": "hash-2"}, True),
            ({"digest": "e"}, True),
        ],
    )
    def test_waits_again_only_for_what_is_to_be_waited_for(self, change, waits):
        state = {**self.PROPS, "endpoint": "http://x", "__provider": "old"}
        news = {**self.PROPS, **change, "__provider": "new"}
        diff = providers.ReadinessProvider().diff(NAME, state, news)
        assert diff.changes is waits

    def test_gives_the_address_once_the_model_answers(self, sky, service):
        made = service.create(checked()).outs
        props = {**self.PROPS, "digest": made["digest"], "incarnation": made["hash"]}
        outs = providers.ReadinessProvider().create(props).outs
        assert outs is not None
        assert outs["endpoint"] == "http://10.77.0.1:30001"


class TestConfigure:
    def test_the_environment_goes_before_the_stack(self, monkeypatch):
        provider = providers.ServiceProvider()
        config = dynamic.Config(raw_config={"skypilot:token": "sky_b"}, project_name="llm")
        monkeypatch.setattr(host, "prepare", lambda: None)
        provider.configure(dynamic.ConfigureRequest(config=config))
        assert provider.token == "sky_b"
        monkeypatch.setenv(providers.TOKEN_VARIABLE, "sky_a")
        provider.configure(dynamic.ConfigureRequest(config=config))
        assert provider.token == "sky_a"

    @pytest.mark.parametrize("name", ["ScopeProvider", "ServiceProvider", "ReadinessProvider"])
    def test_state_names_a_provider_as_every_release_has(self, name):
        import dill  # type: ignore[import-untyped]

        # A stack's state holds this pickle: another one shows as a change of every resource.
        kept = f"\x8c\x19pulumi_skypilot.providers\x94\x8c{chr(len(name))}{name}".encode("latin-1")
        held = dill.dumps(getattr(providers, name)(), protocol=pickle.DEFAULT_PROTOCOL)
        assert kept in held
        assert len(held) < 200
        assert type(dill.loads(held)) is getattr(providers, name)
