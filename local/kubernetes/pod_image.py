"""The images of the pods, whose layers stand for folders of this machine.

A layer of such an image is one file, `.layer`, that holds the path of a folder on the node.
`init/add-image.sh` mounts the folder over what containerd makes of the layer. So a pod runs on the
same layers as an emulated host, and nothing of some gigabytes is packed, copied or unpacked.
"""

import hashlib
import io
import json
import pathlib
import tarfile
from collections.abc import Mapping, Sequence
from typing import Any

SKYPILOT = "embedded-cloud/skypilot:1"
"""What a pod runs whose task names no image."""

PAUSE = "embedded-cloud/pause:1"

_CONFIG: Mapping[str, Any] = {
    SKYPILOT: {
        "User": "ubuntu",
        "WorkingDir": "/home/ubuntu",
        "Env": [
            "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "LANG=C.UTF-8",
        ],
        "Cmd": ["/bin/bash"],
    },
    PAUSE: {"Entrypoint": ["/pause"], "User": "65535:65535"},
}


def write(archive: pathlib.Path, name: str, folders: Sequence[str]) -> None:
    """Write the image as a file that containerd imports; its folders are the uppermost first."""
    layers = [_tar({".layer": folder.encode()}) for folder in reversed(folders)]
    digests = [f"sha256:{hashlib.sha256(layer).hexdigest()}" for layer in layers]
    files = {f"{number}.layer": layer for number, layer in enumerate(layers)}
    description = {
        "architecture": "amd64",
        "os": "linux",
        "config": _CONFIG[name],
        "rootfs": {"type": "layers", "diff_ids": digests},
    }
    manifest = [{"Config": "config.json", "RepoTags": [name], "Layers": list(files)}]
    archive.write_bytes(
        _tar(
            {
                "config.json": json.dumps(description).encode(),
                "manifest.json": json.dumps(manifest).encode(),
                **files,
            }
        )
    )


def _tar(files: Mapping[str, bytes]) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return target.getvalue()
