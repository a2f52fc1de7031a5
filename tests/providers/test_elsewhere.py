"""Another user, another workspace, a server that is away or gone for good: nothing is lost."""

import typing

import pytest
from pulumi import dynamic

from pulumi_skypilot import errors, providers, testing
from pulumi_skypilot.providers import base, plugin_host
from tests.providers.props import CLUSTER, SCOPE, SERVICE, Props, Sent

SENT = pytest.mark.parametrize("sent", [SERVICE, CLUSTER], ids=["service", "cluster"])
AWAY = errors.Unreachable("away")
SILENT = errors.TimedOut("no answer in 60 s")


@pytest.fixture
def warned(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    lines: list[str] = []
    monkeypatch.setattr(plugin_host, "warning", lines.append)
    return lines


def made(sent: Sent) -> tuple[typing.Any, Props]:
    """Return its provider and its state."""
    provider = sent.provider()
    outs = provider.create(sent.checked()).outs
    assert outs is not None
    return provider, outs


def scope() -> tuple[providers.ScopeProvider, Props]:
    return providers.ScopeProvider(), {**SCOPE, "seed": "s"}


def take_away(sky: testing.SkyPilot, sent: Sent) -> None:
    (sky.kill_behind if sent is SERVICE else sky.kill_cluster)(sent.name)


def silence(sky: testing.SkyPilot, error: errors.SkyPilotError, *calls: str) -> None:
    for call in calls or ("requests", "server"):
        sky.fail(call, *[error] * 99)


def left(sky: testing.SkyPilot) -> list[str]:
    sky.clock.sleep(testing.START_SECONDS)
    return [machine.name.removesuffix("-1") for machine in sky.machines()]


@SENT
@pytest.mark.parametrize(
    ("attribute", "says"),
    [
        ("user", "you are user other in workspace default.*SKYPILOT_USER_ID=user0001"),
        ("workspace", "you are user user0001 in workspace other"),
    ],
)
@pytest.mark.parametrize("call", ["read", "delete"])
def test_who_may_not_see_a_service_does_not_take_it_for_gone(sky, sent, attribute, says, call):
    provider, outs = made(sent)
    take_away(sky, sent)
    setattr(sky, attribute, "other")
    with pytest.raises(plugin_host.Error, match=says):
        getattr(provider, call)(sent.name, outs)


@SENT
def test_who_made_a_service_is_believed_that_it_is_gone(sky, sent):
    provider, outs = made(sent)
    take_away(sky, sent)
    provider.delete(sent.name, outs)
    assert left(sky) == []


@SENT
def test_another_user_who_sees_a_service_may_take_it_down(sky, sent):
    provider, outs = made(sent)
    sky.user = "other"
    provider.delete(sent.name, outs)
    assert left(sky) == []


@SENT
def test_another_user_of_the_stack_makes_nothing_twice(sky, sent):
    provider, outs = made(sent)
    sky.user = "other"
    assert provider.create(sent.checked()).outs == outs
    assert left(sky) == [sent.name]


@SENT
@pytest.mark.parametrize("error", [AWAY, SILENT], ids=["away", "silent"])
def test_a_server_that_is_away_keeps_its_own_and_the_way_out_is_named(sky, sent, error, warned):
    provider, outs = made(sent)
    warned.clear()  # of what the create said
    silence(sky, error)
    with pytest.raises(plugin_host.Error, match=f"{error}; .*{base.DELETE_VARIABLE}=true"):
        provider.delete(sent.name, outs)
    assert warned == []
    assert left(sky) == [sent.name]


@SENT
@pytest.mark.parametrize("error", [AWAY, SILENT], ids=["away", "silent"])
def test_a_server_that_is_gone_for_good_is_let_go_of_loudly(sky, sent, error, warned):
    provider, outs = made(sent)
    warned.clear()  # of what the create said
    provider.handler.delete_unreachable = True
    silence(sky, error)
    provider.delete(sent.name, outs)
    (line,) = warned
    assert sent.name in line
    assert SCOPE["apiServer"] in line
    assert "costs money" in line
    assert f"pulumi-stack={SCOPE['mark']}" in line


@SENT
@pytest.mark.parametrize("error", [AWAY, SILENT], ids=["away", "silent"])
def test_a_server_that_answers_is_not_let_go_of_for_a_call_that_failed(sky, sent, error, warned):
    provider, outs = made(sent)
    warned.clear()  # of what the create said
    provider.handler.delete_unreachable = True
    silence(sky, error, "requests")
    with pytest.raises(plugin_host.Error, match=f"^{error}$"):
        provider.delete(sent.name, outs)
    assert warned == []


@SENT
def test_a_server_that_answers_nonsense_is_not_let_go_of(sky, sent, warned):
    provider, outs = made(sent)
    warned.clear()  # of what the create said
    provider.handler.delete_unreachable = True
    sky.fail_looks(*[ValueError("Attempted to read a None YAML.")] * 9999)
    with pytest.raises(plugin_host.Error, match="the last look failed"):
        provider.delete(sent.name, outs)
    assert warned == []
    sky.fail_looks()
    assert left(sky) == [sent.name]


@SENT
def test_a_server_that_refuses_us_is_not_let_go_of(sky, sent, warned):
    provider, outs = made(sent)
    warned.clear()  # of what the create said
    provider.handler.delete_unreachable = True
    silence(sky, errors.Denied("the token is refused"))
    with pytest.raises(plugin_host.Error, match="refused"):
        provider.delete(sent.name, outs)
    assert warned == []


def test_the_scope_is_let_go_of_no_sooner_than_what_lives_in_it(sky, warned):
    provider, outs = scope()
    silence(sky, AWAY)
    with pytest.raises(plugin_host.Error, match=base.DELETE_VARIABLE):
        provider.delete("x", outs)
    provider.handler.delete_unreachable = True
    provider.delete("x", outs)
    assert len(warned) == 1
    assert SCOPE["mark"] in warned[0]


MADE = {**SCOPE, "mark": "0123456789abs5e12f00d"}
"""A scope whose mark tells the fake's own server."""


@SENT
@pytest.mark.parametrize("call", ["read", "delete"])
def test_another_server_at_the_same_address_is_not_believed(sky, sent, call, warned):
    provider = sent.provider()
    outs = provider.create(sent.checked(scope=MADE)).outs
    with testing.use(testing.SkyPilot()) as other:
        other.since = "00000001"
        with pytest.raises(
            plugin_host.Error, match=f"another server.*{MADE['mark']}.*database back"
        ):
            getattr(provider, call)(sent.name, outs)
        assert not [one for one in other.calls if one.startswith(("up", "launch", "down"))]
    assert left(sky) == [sent.name]
    assert warned == []


@SENT
def test_another_server_is_let_go_of_as_one_that_is_gone(sky, sent, warned):
    provider = sent.provider()
    outs = provider.create(sent.checked(scope=MADE)).outs
    provider.handler.delete_unreachable = True
    with testing.use(testing.SkyPilot()) as other:
        other.since = "00000001"
        provider.delete(sent.name, outs)
    (line,) = warned
    assert MADE["mark"] in line


@pytest.mark.parametrize("call", ["read", "delete"])
def test_the_scope_knows_its_server(sky, call):
    provider = providers.ScopeProvider()
    outs = provider.create({"apiServer": SCOPE["apiServer"]}).outs
    assert outs is not None
    getattr(provider, call)("x", outs)
    sky.since = "00000001"
    with pytest.raises(plugin_host.Error, match="another server"):
        getattr(provider, call)("x", outs)


@SENT
@pytest.mark.parametrize(("mark", "since"), [("mark0001", "00000001"), (MADE["mark"], "")])
def test_a_server_that_does_not_say_which_it_is_is_believed(sky, sent, mark, since):
    """A stack of an earlier release, or a server that does not tell."""
    provider = sent.provider()
    outs = provider.create(sent.checked(scope={**SCOPE, "mark": mark})).outs
    take_away(sky, sent)
    sky.since = since
    assert provider.read(sent.name, outs).id == ""
    provider.delete(sent.name, outs)


def test_a_controller_that_is_asleep_is_no_server_that_is_gone(sky, warned):
    """Only it knows the services, and it comes back."""
    provider, outs = made(SERVICE)
    provider.handler.delete_unreachable = True
    sky.asleep = True
    sky.wake = lambda: None
    with pytest.raises(plugin_host.Error, match="controller is not up"):
        provider.delete(SERVICE.name, outs)
    assert warned == []


@pytest.mark.parametrize(
    ("setting", "lets_go"),
    [(None, False), ("", False), ("false", False), ("yes", False), ("true", True)],
)
def test_letting_go_is_never_the_default(monkeypatch, setting, lets_go):
    if setting is not None:
        monkeypatch.setenv(base.DELETE_VARIABLE, setting)
    monkeypatch.setattr(plugin_host, "prepare", lambda: None)
    provider = providers.ServiceProvider()
    config = dynamic.Config(raw_config={}, project_name="llm")
    provider.configure(dynamic.ConfigureRequest(config=config))
    assert provider.handler.delete_unreachable is lets_go
