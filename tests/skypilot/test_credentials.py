"""The token of the API server, which one module looks for."""

import pytest

from pulumi_skypilot.skypilot import credentials
from pulumi_skypilot.spec import UNKNOWN

SETTING, VARIABLE = credentials.SETTING, credentials.TOKEN_VARIABLE


@pytest.fixture(autouse=True)
def _no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)


def test_without_a_token_there_is_none() -> None:
    for settings in ({}, {SETTING: ""}, {SETTING: None}):
        assert credentials.token(settings) is None
        assert credentials.unread(settings) is None


def test_the_config_has_a_token() -> None:
    assert credentials.token({SETTING: "sky_config"}) == "sky_config"
    assert credentials.has_token({SETTING: "sky_config"})


def test_the_environments_token_goes_before_the_configs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "sky_environment")
    for settings in ({}, {SETTING: "sky_config"}, {SETTING: UNKNOWN}):
        assert credentials.token(settings) == "sky_environment"
        assert credentials.unread(settings) is None


def test_an_encrypted_token_is_said_with_the_way_out() -> None:
    settings = {SETTING: UNKNOWN}
    assert credentials.token(settings) is None
    assert credentials.has_token(settings)
    assert credentials.unread(settings) == (
        "skypilot:token: it is encrypted, and only Pulumi can read it; set PULUMI_SKYPILOT_TOKEN "
        "to the token to ask the API server"
    )
