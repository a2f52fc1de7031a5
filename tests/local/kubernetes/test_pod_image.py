"""Images whose layers stand for folders."""

import hashlib
import json
import pathlib
import tarfile
from typing import Any

from local.kubernetes import pod_image


def _read(archive: pathlib.Path) -> tuple[dict[str, Any], dict[str, Any], list[bytes]]:
    with tarfile.open(archive) as tar:

        def content(name: str) -> bytes:
            file = tar.extractfile(name)
            assert file is not None
            return file.read()

        (manifest,) = json.loads(content("manifest.json"))
        layers = [content(name) for name in manifest["Layers"]]
        return manifest, json.loads(content(manifest["Config"])), layers


def _folder(layer: bytes, folder: pathlib.Path) -> str:
    file = folder / "layer.tar"
    file.write_bytes(layer)
    with tarfile.open(file) as tar:
        assert tar.getnames() == [".layer"]
        inner = tar.extractfile(".layer")
        assert inner is not None
        return inner.read().decode()


def test_the_lowest_folder_is_the_first_layer(tmp_path: pathlib.Path) -> None:
    archive = tmp_path / "image.tar"
    pod_image.write(archive, pod_image.SKYPILOT, ["/equipment", "/images/stub", "/images/base"])
    manifest, config, layers = _read(archive)
    assert manifest["RepoTags"] == [pod_image.SKYPILOT]
    folders = [_folder(layer, tmp_path) for layer in layers]
    assert folders == ["/images/base", "/images/stub", "/equipment"]
    assert config["config"]["User"] == "ubuntu"


def test_a_layer_is_known_by_the_digest_of_its_content(tmp_path: pathlib.Path) -> None:
    archive = tmp_path / "image.tar"
    pod_image.write(archive, pod_image.PAUSE, ["/pause-image"])
    _, config, (layer,) = _read(archive)
    assert config["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(layer).hexdigest()}"]


def test_the_same_folders_make_the_same_image(tmp_path: pathlib.Path) -> None:
    first, second = tmp_path / "first.tar", tmp_path / "second.tar"
    for archive in (first, second):
        pod_image.write(archive, pod_image.SKYPILOT, ["/equipment", "/images/base"])
    assert first.read_bytes() == second.read_bytes()
