"""What all providers share."""

import pickle

import pytest
from pulumi import dynamic

from pulumi_skypilot import providers
from pulumi_skypilot.providers import plugin_host


class TestConfigure:
    def test_the_environment_goes_before_the_stack(self, monkeypatch):
        provider = providers.ServiceProvider()
        config = dynamic.Config(raw_config={"skypilot:token": "sky_b"}, project_name="llm")
        monkeypatch.setattr(plugin_host, "prepare", lambda: None)
        provider.configure(dynamic.ConfigureRequest(config=config))
        assert provider.handler.token == "sky_b"
        monkeypatch.setenv(providers.TOKEN_VARIABLE, "sky_a")
        provider.configure(dynamic.ConfigureRequest(config=config))
        assert provider.handler.token == "sky_a"

    @pytest.mark.parametrize("name", ["ScopeProvider", "ServiceProvider", "ReadinessProvider"])
    def test_state_names_a_provider_as_every_release_has(self, name):
        import dill  # type: ignore[import-untyped]

        # A stack's state holds this pickle: another one shows as a change of every resource.
        kept = f"\x8c\x19pulumi_skypilot.providers\x94\x8c{chr(len(name))}{name}".encode("latin-1")
        held = dill.dumps(getattr(providers, name)(), protocol=pickle.DEFAULT_PROTOCOL)
        assert kept in held
        assert len(held) < 200
        assert type(dill.loads(held)) is getattr(providers, name)
