"""Commands of a node's layer for the machine itself, which need not have them."""

import pathlib
import shlex

_COMMANDS = {"nc": "usr/bin/nc.openbsd", "socat": "usr/bin/socat"}
"""SkyPilot's API server wants both in its PATH, or has no Kubernetes
(sky.provision.kubernetes.utils.check_port_forward_mode_dependencies)."""

_LIBRARIES = "usr/lib/x86_64-linux-gnu"
_LOADER = f"{_LIBRARIES}/ld-linux-x86-64.so.2"
"""Not the link in lib64: its target is absolute, this machine's own loader."""


def write(folder: pathlib.Path, layer: pathlib.Path) -> None:
    """Write commands into `folder` that run those of the node's `layer` with its own libraries."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, program in _COMMANDS.items():
        command = folder / name
        command.write_text(_script(layer, program))
        command.chmod(0o755)


def _script(layer: pathlib.Path, program: str) -> str:
    loader, libraries, path = (
        shlex.quote(str(layer / part)) for part in (_LOADER, _LIBRARIES, program)
    )
    # Not by LD_LIBRARY_PATH: this machine's programs that the command starts would inherit it.
    return f'#!/bin/sh\nexec {loader} --library-path {libraries} {path} "$@"\n'
