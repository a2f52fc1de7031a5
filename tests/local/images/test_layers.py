"""The cache of layers."""

import pathlib

import pytest

from local import locations
from local.images import layers


def test_a_layer_is_built_once_and_replaced_when_it_changes(tmp_path: pathlib.Path) -> None:
    built = []

    def build(target: pathlib.Path) -> None:
        built.append(target)
        (target / "file").touch()

    first = layers._ensure(tmp_path, "layer", [b"one"], build)
    assert layers._ensure(tmp_path, "layer", [b"one"], build) == first
    second = layers._ensure(tmp_path, "layer", [b"two"], build)
    assert len(built) == 2
    assert (second / "file").exists()
    assert not first.exists()


def test_a_layer_under_a_cloud_s_hosts_stays(tmp_path: pathlib.Path) -> None:
    first = layers._ensure(tmp_path, "layer", [b"one"], lambda _: None)
    location = locations.Location("unit", "10.99.0", tmp_path)
    location.state.mkdir(parents=True)
    location.description.write_text(f'{{"net": "10.99.0", "layers": ["{first}"]}}')
    layers._ensure(tmp_path, "layer", [b"two"], lambda _: None)
    assert first.exists()


def test_a_build_that_broke_off_leaves_no_layer(tmp_path: pathlib.Path) -> None:
    def fail(target: pathlib.Path) -> None:
        (target / "half").touch()
        raise OSError("the network went away")

    with pytest.raises(OSError, match="went away"):
        layers._ensure(tmp_path, "layer", [b"one"], fail)
    whole = layers._ensure(tmp_path, "layer", [b"one"], lambda _: None)
    assert not list(whole.iterdir())
