"""The provider of the wait for a service."""

import typing

import pytest

from pulumi_skypilot import providers
from pulumi_skypilot.lifecycle import wait_service
from tests.providers.props import SCOPE, SERVICE, Props

NAME = SERVICE.name
checked = SERVICE.checked


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
    def test_readiness_waits_again_only_for_what_is_to_be_waited_for(self, change, waits):
        state = {**self.PROPS, "endpoint": "http://x", "__provider": "old"}
        news = {**self.PROPS, **change, "__provider": "new"}
        diff = providers.ReadinessProvider().diff(NAME, state, news)
        assert diff.changes is waits

    def test_readiness_gives_the_address_once_the_model_answers(self, sky, service):
        made = service.create(checked()).outs
        props = {**self.PROPS, "digest": made["digest"], "incarnation": made["hash"]}
        outs = providers.ReadinessProvider().create(props).outs
        assert outs is not None
        assert outs["endpoint"] == "http://10.77.0.1:30001"

    @pytest.mark.parametrize(
        ("change", "settles"),
        [
            ({"version": 2.0}, False),
            ({"apiKey": "sk-key-2"}, True),
            ({"model": "chat"}, True),
            ({"adapters": ["tiny"]}, True),
        ],
    )
    def test_the_wait_goes_on_while_an_old_replica_could_refuse_what_clients_send(
        self, monkeypatch, change, settles
    ):
        """SkyServe's load balancer asks old replicas for a while after the roll."""
        waited = []

        def until_ready(_, expected, __):
            waited.append(expected.old_refuses)
            return wait_service.Ready("http://x", expected.version)

        monkeypatch.setattr(wait_service.Wait, "until_ready", until_ready)
        state = {**self.PROPS, "endpoint": "http://x"}
        providers.ReadinessProvider().update(NAME, state, {**self.PROPS, **change})
        assert waited == [settles]
