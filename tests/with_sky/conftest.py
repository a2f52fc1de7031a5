"""A home of its own for each test, to which SkyPilot writes, and a small API server."""

import os
import pathlib
import sys
from collections.abc import Iterator

import pytest
from sky.server import common

from pulumi_skypilot import skypilot
from pulumi_skypilot.skypilot import sdk_calls
from tests.with_sky import api_server


@pytest.fixture(autouse=True)
def _own_home(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[api_server.ApiServer]:
    """Yield a server, in a process that looks as if it had not yet talked to any."""
    monkeypatch.setattr(sdk_calls.Calls, "_one", None)
    monkeypatch.setattr(os, "environ", os.environ.copy())
    monkeypatch.setattr(sys, "stdout", sys.stdout)
    monkeypatch.setattr(sys, "stderr", sys.stderr)
    monkeypatch.setenv("SKYPILOT_USER_ID", "abcd1234")
    monkeypatch.setenv("SKYPILOT_DISABLE_USAGE_COLLECTION", "1")
    common.get_api_server_status_response.cache_clear()
    with api_server.serving() as started:
        yield started
    common.get_api_server_status_response.cache_clear()


@pytest.fixture
def sdk(server: api_server.ApiServer) -> skypilot.Sdk:
    return skypilot.Sdk(skypilot.Connection(server.url, "team"))
