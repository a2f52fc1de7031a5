"""Where a cloud is, and what names and networks it may have."""

import pathlib
import socket

import pytest

from local import errors, locations


@pytest.mark.parametrize("name", ["", "Demo", "1st", "a_b", "much-too-long"])
def test_names_that_no_network_device_can_have_are_refused(name: str) -> None:
    with pytest.raises(errors.CloudError, match="--name"):
        locations.Location(name, "10.77.0", pathlib.Path("/cache"))


@pytest.mark.parametrize("net", ["10.77", "10.77.0.0", "10.77.256", "a.b.c"])
def test_nets_that_are_none_are_refused(net: str) -> None:
    with pytest.raises(errors.CloudError, match="--net"):
        locations.Location("demo", net, pathlib.Path("/cache"))


def test_a_started_cloud_is_found_with_its_net(tmp_path: pathlib.Path) -> None:
    location = locations.Location("unit", "10.99.0", tmp_path)
    location.state.mkdir(parents=True)
    location.description.write_text('{"net": "10.99.0", "layers": []}')
    assert locations.find("unit", tmp_path) == location


def test_only_its_device_says_that_a_cloud_is_reachable(
    monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    monkeypatch.setattr(socket, "if_nameindex", lambda: [(1, "lo"), (2, "emu-other")])
    assert not locations.Location("unit", "10.99.0", tmp_path).is_plugged_in
