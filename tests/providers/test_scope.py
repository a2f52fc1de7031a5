"""The provider of a stack's place."""

import pytest

from pulumi_skypilot import providers
from tests.providers.props import SCOPE, SERVICE, Props

checked = SERVICE.checked


def made_scope() -> Props:
    outs = providers.ScopeProvider().create(dict(SCOPE)).outs
    assert outs is not None
    return outs


class TestScope:
    def test_a_scope_draws_a_mark_and_a_seed(self, sky):
        first, second = made_scope(), made_scope()
        assert first["mark"] != second["mark"]
        assert first["seed"] != second["seed"]

    def test_a_delete_of_a_scope_takes_down_what_carries_its_mark(self, sky):
        scope = made_scope()
        providers.ServiceProvider().create(checked(scope={**SCOPE, "mark": scope["mark"]}))
        providers.ScopeProvider().delete("x", scope)
        assert sky.services() == ()

    def test_a_scope_refuses_to_move_a_living_stack(self):
        news = {**SCOPE, "apiServer": "http://elsewhere:46580"}
        result = providers.ScopeProvider().check(dict(SCOPE), news)
        assert result.failures[0].property == "apiServer"
        assert "destroy" in result.failures[0].reason

    def test_a_scope_refuses_an_address_that_is_none(self):
        result = providers.ScopeProvider().check({}, {**SCOPE, "apiServer": "sky.example.com"})
        assert "http" in result.failures[0].reason

    @pytest.mark.parametrize("host", ["llm.example.com:443", "http://a", "", 5.0])
    def test_a_scope_refuses_a_host_that_is_none(self, host):
        (failure,) = providers.ScopeProvider().check({}, {**SCOPE, "serveHost": host}).failures
        assert failure.property == "serveHost"
        assert "without a port" in failure.reason

    @pytest.mark.parametrize("host", ["llm.example.com", "fd00::1", "[fd00::1]", "10.0.0.1"])
    def test_a_scope_takes_a_host(self, host):
        assert not providers.ScopeProvider().check({}, {**SCOPE, "serveHost": host}).failures
