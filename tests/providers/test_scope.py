"""The provider of a stack's place."""

from pulumi_skypilot import providers
from tests.providers.props import SCOPE, SERVICE, Props

checked = SERVICE.checked


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
