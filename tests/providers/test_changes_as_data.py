"""The changes of a preview as data: check adds them to the inputs, for `review` and others."""

import typing

import pytest

from pulumi_skypilot import providers, testing
from pulumi_skypilot.plan import changes
from pulumi_skypilot.providers import plugin_host
from tests.providers.props import CLUSTER, SERVICE, Props, Sent

ROLLS = {
    "key": "context",
    "effect": "rolls",
    "why": "replicas read it when they start",
    "old": 2048,
    "new": 4096,
    "path": "run",
}


def rechecked(sent: Sent, before: Props, **now: object) -> Props:
    """The inputs of the next preview, with those of a state beside them."""
    result = sent.provider().check(before, sent.inputs(**now))
    assert not result.failures
    return result.inputs


def test_a_change_is_an_input() -> None:
    before = SERVICE.checked(context=2048.0)
    assert "changes" not in before
    assert rechecked(SERVICE, before, context=4096.0)["changes"] == [ROLLS]


def test_the_preview_after_an_update_has_none() -> None:
    before = rechecked(SERVICE, SERVICE.checked(context=2048.0), context=4096.0)
    assert "changes" not in rechecked(SERVICE, before, context=4096.0)


@pytest.mark.parametrize(
    ("sent", "now"),
    [
        (SERVICE, {"context": 4096.0, "replicas": 3.0, "apiKey": "sk-key-2"}),
        (SERVICE, {"env": {"A": "b"}, "loadBalancing": {"policy": "round_robin"}}),
        (CLUSTER, {"context": 4096.0, "autostop": {"idle": 30.0}}),
        (CLUSTER, {"nodes": 2.0}),
    ],
)
def test_what_diff_says_is_what_stands_in_the_inputs(
    sent: Sent, now: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(plugin_host, "message", told.append)
    before = sent.checked()
    with testing.use(testing.SkyPilot()):
        state = sent.provider().create(before).outs
    assert state is not None
    inputs = rechecked(sent, before, **now)
    sent.provider().diff(sent.name, state, inputs)
    said = changes.from_data(inputs["changes"])
    lines = [line.partition(": ")[2] for line in told][:-1]
    assert len(lines) == len(list(changes.by_reason(said)))
    for line, (effect, why, group) in zip(lines, changes.by_reason(said), strict=True):
        assert line.startswith(f"{effect.value}: {group[0].key}")
        assert line.endswith(f"({why})")


def test_a_replacement_is_checked_again_without_its_state_and_keeps_them() -> None:
    provider = providers.ServiceProvider()
    before = SERVICE.checked()
    now: dict[str, typing.Any] = {"loadBalancing": {"policy": "round_robin"}, "context": 4096.0}
    first = provider.check(before, SERVICE.inputs(**now)).inputs
    again = provider.check({}, SERVICE.inputs(**now)).inputs
    assert again["changes"] == first["changes"]
    assert {row["effect"] for row in again["changes"]} == {"replaces"}
    assert "changes" not in provider.check({}, CLUSTER.inputs(kind="service")).inputs


def test_no_value_that_may_be_secret_is_in_them() -> None:
    before = SERVICE.checked(env={"A": "canary-1"}, secrets={"S": "canary-2"}, apiKey="canary-33")
    inputs = rechecked(
        SERVICE, before, env={"A": "canary-4"}, secrets={"S": "canary-5"}, apiKey="canary-66"
    )
    assert {row["key"] for row in inputs["changes"]} == {"env.A", "secrets.S", "apiKey"}
    assert "canary" not in str(inputs["changes"])


def test_drift_that_a_refresh_found_is_put_right_and_told() -> None:
    with testing.use(testing.SkyPilot()) as sky:
        provider = SERVICE.provider()
        state = provider.create(SERVICE.checked(replicas=1.0)).outs
        assert state is not None
        order = sky.order(SERVICE.name)
        text = order.text.replace("min_replicas: 1", "min_replicas: 3")
        sky.update(SERVICE.name, testing.order(text, secrets=order.secrets, env=order.env))
        read = provider.read(SERVICE.name, state)
    assert read.inputs is not None
    assert read.inputs["drift"]["replicas.min"] == "1 -> 3"
    rows = rechecked(SERVICE, read.inputs, replicas=1.0)["changes"]
    assert [(row["key"], row.get("old"), row.get("new")) for row in rows] == [
        ("replicas.min", 3, 1)
    ]


@pytest.mark.parametrize(
    "now", [{"context": 4096.0, "replicas": 3.0}, {"context": 4096.0, "spot": {"onDemand": 1.0}}]
)
def test_a_rolling_change_includes_what_would_be_applied_in_place(
    now: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(plugin_host, "message", told.append)
    before = SERVICE.checked(spot=True, replicas=2.0)
    with testing.use(testing.SkyPilot()):
        state = SERVICE.provider().create(before).outs
    assert state is not None
    inputs = rechecked(SERVICE, before, **{"spot": True, "replicas": 2.0, **now})
    SERVICE.provider().diff(SERVICE.name, state, inputs)
    rows = changes.from_data(inputs["changes"])
    assert {row.effect for row in rows} == {changes.Effect.ROLLING}
    assert "the new version of the service starts with it" in {row.why for row in rows}
    assert told[-1].endswith("; requests are answered throughout")
    assert "503" not in " ".join(told)


def test_the_changes_of_one_resource_are_never_anothers() -> None:
    provider = providers.ServiceProvider()
    provider.check(SERVICE.checked(), SERVICE.inputs(context=4096.0))
    elsewhere = {**SERVICE.inputs()["scope"], "apiServer": "http://10.77.0.2:46580"}
    assert "changes" not in provider.check({}, SERVICE.inputs(scope=elsewhere)).inputs
    assert "changes" in provider.check({}, SERVICE.inputs(context=4096.0)).inputs
    assert "changes" not in provider.check({}, SERVICE.inputs(context=4096.0)).inputs
