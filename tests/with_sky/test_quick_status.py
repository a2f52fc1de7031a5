"""The embedded cloud's plugin, held to the installed SkyPilot's own way of reading services.

tests/test_contract.py checks that both agree about a real service: its record is older than the
plugin.
"""

import base64
import pickle

import pytest
from sky.backends import cloud_vm_ray_backend
from sky.serve import runner, serve_utils
from sky.server import plugins

from local.api_server.plugins import quick_status

pytestmark = pytest.mark.filterwarnings("ignore")


class Otherwise:
    """SkyPilot's own runner."""

    def get_service_status(self, **asked: object) -> list[dict[str, object]]:
        return [{"own": asked}]


def handle(kind: type[object]) -> object:
    return kind.__new__(kind)


def test_services_of_this_server_are_read_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def packed(names: list[str] | None, pool: bool) -> list[dict[str, str]]:
        asked.append((names, pool))
        return [{"name": base64.b64encode(pickle.dumps("chat")).decode()}]

    monkeypatch.setattr(serve_utils, "get_service_status_pickled", packed)
    here = handle(cloud_vm_ray_backend.LocalResourcesHandle)
    reading = quick_status.Runner(Otherwise())
    records = reading.get_service_status(handle=here, service_names=["chat"], pool=False)
    assert records == [{"name": "chat"}]
    assert asked == [(["chat"], False)]


def test_services_of_a_controllers_machine_are_read_as_skypilot_does() -> None:
    there = handle(cloud_vm_ray_backend.CloudVmRayResourceHandle)
    reading = quick_status.Runner(Otherwise())
    records = reading.get_service_status(handle=there, service_names=None, pool=False)
    assert records == [{"own": {"handle": there, "service_names": None, "pool": False}}]


def test_only_who_works_on_requests_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "_current", None)
    taking = [
        context for context in plugins.PluginContext if quick_status.Plugin.should_load(context)
    ]
    assert taking == [plugins.PluginContext.EXECUTOR]
    quick_status.Plugin().install(plugins.ExtensionContext(taking[0]))
    assert isinstance(runner.current(), quick_status.Runner)
