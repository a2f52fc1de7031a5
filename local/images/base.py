"""The base layer: Debian with sshd and SkyPilot's runtime, of hosts and of pods."""

import pathlib
import shutil

from .. import errors
from . import debian

_LOCK = "runtime.lock"
_INIT = "host-init.sh"

RECIPE = debian.Recipe(
    name="base",
    title="host image",
    needed_gib=4,  # with uv's cache
    files=(_LOCK, _INIT),
    # All that SkyPilot's scripts look for and would else fetch: of a host and of a pod
    # (sky/templates/aws-ray.yml.j2, kubernetes-ray.yml.j2), and of a controller on one
    # (sky.utils.controller_utils._get_cloud_dependencies_installation_commands).
    packages=(
        "ca-certificates",
        "curl",
        "fuse3",
        "gzip",
        "hostname",
        "iproute2",
        "less",
        "libnuma1",  # vLLM on CPU: without it no operator of vllm._C registers
        "lsof",
        "netcat-openbsd",
        "openssh-server",
        "patch",
        "pciutils",
        "procps",
        "psmisc",
        "python3",
        "python3-venv",
        "rsync",
        "socat",
        "sudo",
        "wget",
    ),
)


def lay_down(target: pathlib.Path, cache: pathlib.Path) -> None:
    """Fill the empty folder `target` with the layer; say each step with its seconds."""
    variables = {
        "UV": str(_uv(cache)),
        "UV_CACHE": str(cache / "image" / "uv"),
        "LOCK": str(debian.FOLDER / _LOCK),
        "INIT": str(debian.FOLDER / _INIT),
    }
    debian.lay_down(RECIPE, target, cache, variables)


def _uv(cache: pathlib.Path) -> pathlib.Path:
    for candidate in (cache / "bin" / "uv", shutil.which("uv")):
        if candidate and pathlib.Path(candidate).exists():
            return pathlib.Path(candidate).resolve()
    raise errors.CloudError("uv is missing; run make setup, or pip install uv")
