"""The provider of services on the fake SkyPilot: properties in, call, properties out."""

import pytest

from pulumi_skypilot import errors, testing
from pulumi_skypilot.providers import plugin_host
from tests.providers.props import PRIVATE, SCOPE, SERVICE

NAME = SERVICE.name
checked = SERVICE.checked


class TestAdoption:
    def test_an_adoption_leaves_the_state_that_creating_leaves(self, sky, service):
        sky.up(NAME, testing.order("service: {replica_policy: {min_replicas: 1}}"))
        adopted = service.create(checked(adopt=True)).outs
        sky.kill_behind(NAME)
        made = service.create(checked()).outs
        moves = {"hash", "version", "adopt"}
        assert {k: v for k, v in adopted.items() if k not in moves} == {
            k: v for k, v in made.items() if k not in moves
        }
        assert not service.diff(NAME, adopted, checked()).changes

    def test_an_adoption_is_refused_unless_told(self, sky, service):
        sky.up(NAME, testing.order("service: {}"))
        with pytest.raises(plugin_host.Error, match="adopt: true"):
            service.create(checked())


class TestTimeouts:
    def test_timeouts_bound_the_calls(self, sky, service):
        props = checked(timeouts={"create": 40.0, "update": 50.0, "delete": 60.0})
        outs = service.create(props).outs
        assert sky.order(NAME).seconds == 40
        service.update(NAME, outs, {**props, "context": 4096.0})
        assert sky.order(NAME).seconds == 50
        sky.down = lambda *_, **__: None  # it never ends
        began = sky.clock.now()
        with pytest.raises(plugin_host.Error, match="after 60 s"):
            service.delete(NAME, outs)
        assert 60 <= sky.clock.now() - began < 70

    def test_a_change_of_timeouts_touches_no_replica(self, sky, service):
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

    def test_another_user_is_not_believed_that_a_service_is_gone(self, sky, service):
        outs = service.create(checked()).outs
        sky.kill_behind(NAME)
        sky.user = "someone"
        with pytest.raises(plugin_host.Error, match="you are user someone"):
            service.read(NAME, outs)

    def test_drift_is_shown_as_an_input_and_put_right(self, sky, service):
        outs = service.create(checked()).outs
        text = sky.order(NAME).text.replace("min_replicas: 1", "min_replicas: 3")
        sky.update(NAME, testing.order(text, secrets=sky.order(NAME).secrets))
        result = service.read(NAME, outs)
        assert result.inputs["drift"] == {"replicas.min": "1 -> 3"}
        assert service.diff(NAME, result.outs, checked()).changes
        after = service.update(NAME, result.outs, checked()).outs
        assert "drift" not in after
        assert service.read(NAME, after).inputs is None

    def test_what_a_killed_update_has_left_is_drift_however_often_it_is_read(self, sky, service):
        outs = service.create(checked()).outs
        service.update(NAME, outs, checked(context=4096.0))  # killed before state is written
        once = service.read(NAME, outs).outs
        twice = service.read(NAME, once).outs
        assert service.diff(NAME, twice, checked()).changes
        after = service.update(NAME, twice, checked()).outs
        assert after["task"] == outs["task"]

    def test_errors_are_one_line_without_their_causes(self, sky, service):
        sky.fail("up", errors.Invalid("first\nsecond"))
        with pytest.raises(plugin_host.Error, match=r"^first second$") as caught:
            service.create(checked())
        assert caught.value.__cause__ is None
        assert caught.value.__suppress_context__


def test_the_host_that_a_service_names_goes_before_the_stacks_own(sky, service, monkeypatch):
    told: list[str] = []
    monkeypatch.setattr(plugin_host, "message", told.append)
    scope = {**SCOPE, "serveHost": "serve.example.com"}
    outs = service.create(checked(scope=scope)).outs
    news = checked(scope=scope, host="llm.example.com")
    assert service.diff(NAME, outs, news).replaces == []
    assert told[0].startswith(f"{NAME}: in place: host none -> llm.example.com (")
    orders = len(sky.calls)
    after = service.update(NAME, outs, news).outs
    assert after["endpoint"] == "http://llm.example.com:30001"
    assert not [call for call in sky.calls[orders:] if call.startswith("update")]
    assert service.read(NAME, after).outs["endpoint"] == after["endpoint"]
    assert service.diff(NAME, after, news).changes is False


def test_another_host_of_the_endpoints_is_followed_in_place(sky, service, monkeypatch):
    told: list[str] = []
    monkeypatch.setattr(plugin_host, "message", told.append)
    outs = service.create(checked()).outs
    news = checked(scope={**SCOPE, "serveHost": "llm.example.com"})
    result = service.diff(NAME, outs, news)
    assert (result.changes, result.replaces) == (True, [])
    assert told[0].startswith(f"{NAME}: in place: scope.serveHost none -> llm.example.com (")
    orders = len(sky.calls)
    after = service.update(NAME, outs, news).outs
    assert after["endpoint"] == "http://llm.example.com:30001"
    assert not [call for call in sky.calls[orders:] if call.startswith("update")]
    assert service.diff(NAME, after, news).changes is False
