"""The control port: what it shows and does, as its client sees it."""

import logging
import pathlib
import threading
from collections.abc import Iterator

import pytest

from local import control, errors, locations
from local.supervisor import control_port


@pytest.fixture
def killed() -> list[object]:
    """Return the instances that were killed."""
    return []


@pytest.fixture
def cloud(
    monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path, killed: list[object]
) -> Iterator[control.Cloud]:
    """Return the client of a port that kills any instance whose name begins with i-."""

    def kill(instance: object) -> None:
        if not str(instance).startswith("i-"):
            raise LookupError(f"there is no live instance {instance}")
        killed.append(instance)

    monkeypatch.setattr(locations, "CONTROL_PORT", 0)
    server = control_port.server("127.0.0.1", {"/status": lambda: {"ready": True}}, {"/kill": kill})
    monkeypatch.setattr(locations, "CONTROL_PORT", server.server_port)
    monkeypatch.setattr(locations.Location, "is_plugged_in", True)
    monkeypatch.setattr(locations.Location, "address", "127.0.0.1")
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield control.Cloud("unit", cache=tmp_path)
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_port_answers_what_can_be_read(cloud: control.Cloud) -> None:
    assert cloud.status() == {"ready": True}


def test_the_port_does_what_can_be_done(cloud: control.Cloud, killed: list[object]) -> None:
    cloud.kill("i-1")
    assert killed == ["i-1"]


def test_a_failed_action_is_an_error_with_its_message(
    cloud: control.Cloud, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        caplog.at_level(logging.CRITICAL),
        pytest.raises(errors.CloudError, match="there is no live instance x"),
    ):
        cloud.kill("x")


@pytest.mark.parametrize("action", ["refuse", "crash"])
def test_another_path_is_refused(cloud: control.Cloud, action: str) -> None:
    with pytest.raises(errors.CloudError, match=f"no /{action} here"):
        getattr(cloud, action)("i-1")


def test_a_cloud_that_is_not_plugged_in_is_not_asked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    monkeypatch.setattr(locations.Location, "is_plugged_in", False)
    with pytest.raises(errors.CloudError, match="not running; start it first"):
        control.Cloud("unit", cache=tmp_path).status()
