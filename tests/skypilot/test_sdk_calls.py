"""One call of the SDK: bounded, silent, and without a trace in this process."""

import json
import os
import pathlib
import sys
import tempfile
import threading
import time

import pytest

from pulumi_skypilot import errors, skypilot
from pulumi_skypilot.skypilot import muted, sdk_calls

URL = "http://sky.test:46580"


class Sdk(skypilot.Sdk):
    """The port over a module that is there at once, or never."""

    def _sky(self):
        return None


@pytest.fixture
def sdk():
    return Sdk(skypilot.Connection(URL))


def test_a_call_without_an_answer_is_bounded(sdk):
    with pytest.raises(errors.TimedOut, match="no answer"):
        sdk._ask(lambda _sky: time.sleep(0.2), seconds=0.01)


def test_what_the_sdk_prints_is_swallowed_and_what_others_print_is_not(sdk, capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdout", sys.stdout)
    monkeypatch.setattr(sys, "stderr", sys.stderr)
    muted.Quiet.install()
    sdk._ask(lambda _sky: sys.stdout.write("Considered resources"), seconds=10)
    sys.stdout.write("ours")
    assert capsys.readouterr().out == "ours"


@pytest.mark.parametrize("in_memory", [True, False])
def test_the_token_goes_into_a_private_file_and_not_into_the_environment(
    monkeypatch, tmp_path, in_memory: bool
):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    if not in_memory:
        monkeypatch.delattr(os, "memfd_create")
    monkeypatch.setattr(os, "environ", {"SKYPILOT_DEBUG": "1", "SKYPILOT_USER_ID": "u", "A": "b"})
    monkeypatch.setattr(muted.Quiet, "install", lambda: None)
    sdk_calls._prepare(skypilot.Connection(URL, "team", "sky_canary"))
    assert "sky_canary" not in str(os.environ)
    # Each of these goes along with every request, and on to a controller's machine.
    assert {name for name in os.environ if name.startswith("SKYPILOT_")} == {
        "SKYPILOT_USER_ID",
        "SKYPILOT_GLOBAL_CONFIG",
        "SKYPILOT_PROJECT_CONFIG",
    }
    file = pathlib.Path(os.environ["SKYPILOT_GLOBAL_CONFIG"])
    assert file.stat().st_mode & 0o777 == 0o600
    assert json.loads(file.read_text()) == {
        "api_server": {"endpoint": URL, "service_account_token": "sky_canary"},
        "active_workspace": "team",
    }
    assert bool(list(tmp_path.rglob("*"))) is not in_memory


def test_a_connection_hides_its_token():
    assert "sky_canary" not in repr(skypilot.Connection(URL, None, "sky_canary"))


def test_prices_that_do_not_come_are_said_to_be_late(sdk, monkeypatch):
    never = threading.Event()
    monkeypatch.setattr(sdk, "_sky", never.wait)
    with pytest.raises(errors.TimedOut) as caught:
        sdk.prices({}, seconds=0.05)
    never.set()
    assert str(caught.value) == f"apiServer {URL}: did not answer within 0.05 s"
