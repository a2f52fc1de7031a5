"""The provider of volumes: what a preview says and refuses, and what a destroy keeps."""

import typing
from collections.abc import Callable

import pytest

from pulumi_skypilot import errors, providers, testing
from pulumi_skypilot.providers import plugin_host
from tests.providers.props import SCOPE, Props

NAME = "prod-models"


@pytest.fixture(autouse=True)
def _place(sky: testing.SkyPilot) -> None:
    sky.enabled = frozenset({"kubernetes"})


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    lines: list[str] = []
    for name in ("message", "warning"):
        monkeypatch.setattr(plugin_host, name, lines.append)
    return lines


def inputs(**changes: object) -> Props:
    data = {"infra": "k8s/prod", "size": 200.0, "name": NAME, "scope": SCOPE, **changes}
    return {key: value for key, value in data.items() if value is not None}


def checked(**changes: object) -> Props:
    result = provider().check({}, inputs(**changes))
    assert not result.failures
    return result.inputs


def made(**changes: object) -> Props:
    outs = provider().create(checked(**changes)).outs
    assert outs is not None
    return outs


def provider() -> providers.VolumeProvider:
    return providers.VolumeProvider()


def seen(state: Props) -> Props:
    outs = provider().read(NAME, state).outs
    assert outs is not None
    return outs


def updated(state: Props, **changes: object) -> Props:
    outs = provider().update(NAME, state, checked(**changes)).outs
    assert outs is not None
    return outs


def compared(state: Props, **changes: object) -> typing.Any:
    return provider().diff(NAME, state, checked(**changes))


class TestCheck:
    def test_a_check_fills_in_the_defaults(self):
        assert checked() == {
            "infra": "k8s/prod",
            "size": 200,
            "accessMode": "ReadWriteOnce",
            "retain": True,
            "name": NAME,
            "scope": SCOPE,
        }

    def test_a_check_of_its_own_result_changes_nothing(self):
        assert provider().check(checked(), checked()).inputs == checked()

    def test_all_mistakes_are_named_at_once(self):
        wrong = {"size": "200XB", "accessMode": "RWX", "storagClass": "fast", "retain": "yes"}
        failures = provider().check({}, inputs(**wrong)).failures
        assert [failure.reason for failure in failures] == [
            "size: 200XB is not a whole number; give GiB",
            "accessMode: RWX is unknown; write 'ReadWriteOnce', 'ReadWriteOncePod', "
            "'ReadWriteMany' or 'ReadOnlyMany'",
            "retain: expected true or false, got the text 'yes'",
            "storagClass: unknown key; did you mean storageClass?",
        ]

    def test_a_place_without_volumes_is_refused(self):
        (failure,) = provider().check({}, inputs(infra="aws/us-east-1")).failures
        assert failure.reason == (
            "infra: aws: SkyPilot has volumes at kubernetes and runpod only; name one of them"
        )

    @pytest.mark.parametrize("name", ["Models", "m" * 64, "a.b"])
    def test_a_name_that_no_pod_can_mount_is_refused(self, name):
        (failure,) = provider().check({}, inputs(name=name)).failures
        assert failure.property == "name"

    def test_an_option_that_is_no_boolean_is_refused(self):
        (failure,) = provider().check({}, inputs(adopt="yes")).failures
        assert failure.reason == "adopt: yes is neither true nor false"


class TestDiff:
    def test_an_unchanged_volume_has_no_difference(self):
        assert not compared(made()).changes

    def test_what_the_cloud_has_chosen_may_be_written_down(self):
        state = made(infra="k8s")
        written = {"infra": "k8s/prod", "namespace": "default", "storageClass": "standard"}
        assert not compared(state, **written).changes

    def test_more_is_refused_with_the_way_to_grow_it(self):
        with pytest.raises(plugin_host.Error, match=r"size: prod-models has 200 GiB.*patch pvc"):
            compared(made(), size=400.0)

    def test_more_is_noted_once_the_claim_has_it(self, sky):
        state = made()
        sky.grow_claim(NAME, 400)
        refreshed = seen(state)
        assert refreshed["claim"]["size"] == 400
        result = compared(refreshed, size=400.0)
        assert (result.changes, result.replaces) == (True, [])
        assert updated(refreshed, size=400.0)["size"] == 400

    def test_less_says_that_nothing_shrinks(self, told):
        result = compared(made(), size=50.0)
        assert (result.changes, result.replaces) == (True, [])
        assert told == [
            "prod-models: in place: size 200 -> 50 (no volume shrinks: it keeps the size that it "
            "has)"
        ]

    @pytest.mark.parametrize(
        "change",
        [
            {"infra": "k8s/other"},
            {"storageClass": "shared"},
            {"accessMode": "ReadWriteMany"},
            {"namespace": "models"},
            {"name": "prod-cache"},
            {"existing": "prod-models", "size": None},
        ],
        ids=str,
    )
    def test_another_volume_is_refused_while_this_one_is_kept(self, change):
        (key,) = change.keys() - {"size"}
        with pytest.raises(plugin_host.Error, match=f"{key}: .*prod-models is kept") as caught:
            compared(made(), **change)
        assert str(caught.value).count("\n") == 0

    def test_another_volume_replaces_one_that_is_not_kept(self, told):
        result = compared(made(retain=False), retain=False, storageClass="shared")
        assert result.replaces == ["storageClass"]
        assert told == [
            "prod-models: replaces: storageClass none -> shared (it is fixed when a volume is "
            "made)",
            "prod-models: it is deleted first, and its data with it",
        ]

    def test_a_kept_volume_can_be_let_go_first(self):
        result = compared(made(), retain=False)
        assert (result.changes, result.replaces) == (True, [])

    def test_a_state_that_cannot_be_read_is_written_again(self):
        assert compared({**made(), "size": "much"}).changes


class TestRead:
    def test_an_unchanged_volume_stays_as_it_is(self):
        state = made()
        assert seen(state) == state

    def test_one_that_is_gone_leaves_the_state(self, sky):
        state = made()
        sky.forget_volume(NAME)
        assert provider().read(NAME, state).id == ""

    def test_one_that_cannot_be_mounted_is_drift_until_it_can(self, sky, told):
        state = made()
        sky.break_volume(NAME, "PVC is in Lost state.")
        refreshed = seen(state)
        assert refreshed["drift"] == {"status": "is not ready: PVC is in Lost state."}
        assert compared(refreshed).changes
        told.clear()
        after = updated(refreshed)
        assert told == ["prod-models: the volume is not ready: PVC is in Lost state."]
        sky.mend_volume(NAME)
        assert seen(after) == state

    @pytest.mark.parametrize("call", [lambda v, s: v.read(NAME, s), lambda v, s: v.delete(NAME, s)])
    def test_an_unreachable_server_never_means_deleted(
        self, sky: testing.SkyPilot, call: Callable[[typing.Any, Props], object]
    ) -> None:
        state = made(retain=False)
        sky.fail_looks(*[errors.Unreachable("away")] * 99)
        with pytest.raises(plugin_host.Error, match="away"):
            call(provider(), state)
        assert state["claim"]

    def test_another_user_does_not_make_it_gone(self, sky):
        state = made()
        sky.forget_volume(NAME)
        sky.user = "stranger"
        with pytest.raises(plugin_host.Error, match="you are user stranger"):
            provider().read(NAME, state)


class TestDelete:
    def test_a_volume_is_kept_and_the_way_to_delete_it_is_said(self, sky, told):
        state = made()
        sky.calls.clear()
        provider().delete(NAME, state)
        assert sky.calls == []
        assert told == [
            "prod-models: the volume is kept with its data (retain: true); `sky volumes delete "
            "prod-models` deletes both"
        ]

    def test_a_volume_that_is_not_kept_is_deleted(self, sky):
        provider().delete(NAME, made(retain=False))
        assert sky.volumes() == ()

    def test_a_volume_in_use_is_refused_with_its_users(self, sky):
        state = made(retain=False)
        sky.others_cluster("lab", f"name: lab\nvolumes: {{/data: {NAME}}}\n")
        with pytest.raises(plugin_host.Error, match="is in use by lab"):
            provider().delete(NAME, state)

    def test_a_state_that_says_nothing_of_its_server_deletes_nothing(self, sky, told):
        state = made(retain=False)
        provider().delete(NAME, {**state, "scope": None})
        assert [volume.name for volume in sky.volumes()] == [NAME]
        assert "is kept with its data" in told[0]
