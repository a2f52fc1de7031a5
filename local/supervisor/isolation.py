"""The isolation of a running cloud from this machine: /tmp, SSH's files, open files."""

import contextlib
import pathlib
import resource
import sys

from .. import locations
from ..system import processes

_OPEN_FILES = 65536
"""Ray and vLLM ask for many (vLLM warns below this)."""


def raise_open_files() -> None:
    """Let this process and its children open as many files as they ask for."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # Root may raise its own hard limit, but not everywhere (containers without CAP_SYS_RESOURCE).
    for limits in ((_OPEN_FILES, max(hard, _OPEN_FILES)), (min(hard, _OPEN_FILES), hard)):
        with contextlib.suppress(ValueError, PermissionError):
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
            return


def make_files_private(location: locations.Location) -> None:
    """Mount a /tmp of its own, and hide root's SSH configuration.

    SkyPilot keeps locks and SSH sockets under fixed names in /tmp (sky.server.uvicorn,
    sky.utils.command_runner._ssh_control_path), which a SkyPilot of the user's would share. What
    the cloud needs and happens to lie under /tmp stays visible.
    """
    temporary = location.state / "tmp"
    temporary.mkdir(mode=0o1777, exist_ok=True)
    temporary.chmod(0o1777)
    needed = {
        location.cache,
        locations.REPOSITORY,
        pathlib.Path(sys.prefix),
        pathlib.Path(sys.base_prefix),
    }
    for folder in needed:
        resolved = folder.resolve()
        if resolved.is_relative_to("/tmp"):  # noqa: S108 (it is what this is about)
            shadow = temporary / resolved.relative_to("/tmp")  # noqa: S108
            shadow.mkdir(parents=True, exist_ok=True)
            processes.run("mount", "--rbind", str(resolved), str(shadow))
    processes.run("mount", "--rbind", str(temporary), "/tmp")  # noqa: S108
    ssh = pathlib.Path.home() / ".ssh"
    if ssh.is_dir():
        processes.run("mount", "-t", "tmpfs", "-o", "mode=700", "tmpfs", str(ssh))
