"""What this machine must have for an embedded cloud, each lack said in one line."""

import ipaddress
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from typing import Any

from . import place

_PACKAGE_OF = {
    "debootstrap": "debootstrap",
    "ip": "iproute2",
    "mount": "mount",
    "nsenter": "util-linux",
    "rsync": "rsync",
    "ssh": "openssh-client",
    "unshare": "util-linux",
}
"""Programs that the cloud runs, and their Debian packages."""

_KEYRINGS = pathlib.Path("/usr/share/keyrings")
"""Without Debian's, which Ubuntu has in a package apart, debootstrap takes unsigned packages."""

_MEMORY_MIB = {"stub": 4 * 1024, "vllm": 8 * 1024}
"""The API server and its executors take about 3 GiB, a stub host 0.9, a vLLM host 4 (measured)."""

_TRIAL = (
    "mkdir -p {0}/lower {0}/upper {0}/work {0}/root && mount -t overlay trial {0}/root "
    "-o lowerdir={0}/lower,upperdir={0}/upper,workdir={0}/work && ip link add trial type bridge"
)


def check(where: place.Place, engine: str) -> None:
    """Raise CloudError for the first thing that is missing; needs root."""
    if missing := missing_packages():
        raise place.CloudError(f"programs are missing: apt-get install {' '.join(missing)}")
    _check_memory(engine)
    _check_namespaces(where)
    _check_net(where)


def check_platform() -> None:
    """Raise CloudError where the cloud can never run."""
    if sys.platform != "linux":
        raise place.CloudError(
            f"the embedded cloud needs Linux (namespaces, overlayfs) and this is {sys.platform}: "
            "use a Linux machine, or a virtual one"
        )


def missing_packages() -> list[str]:
    """The Debian packages of the programs that are not here."""
    missing = {package for program, package in _PACKAGE_OF.items() if shutil.which(program) is None}
    if not any(_KEYRINGS.glob("debian-archive-keyring.*")):
        missing.add("debian-archive-keyring")
    return sorted(missing)


def available_mib(meminfo: str) -> int:
    """What can be given to new processes, from /proc/meminfo.

    >>> available_mib("MemTotal:  8000 kB\\nMemAvailable:   4096 kB\\n")
    4
    """
    for line in meminfo.splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) // 1024
    raise ValueError("no MemAvailable in /proc/meminfo")


def clash(net: str, addresses: Iterable[Mapping[str, Any]], own_device: str) -> str | None:
    """The device that has an address in the /24 already, from `ip -json address`."""
    network = ipaddress.IPv4Network(f"{net}.0/24")
    for device in addresses:
        for address in device.get("addr_info", ()):
            taken = ipaddress.IPv4Interface(f"{address['local']}/{address['prefixlen']}")
            inside = taken.ip in network or (
                taken.network.prefixlen >= network.prefixlen and taken.network.overlaps(network)
            )
            if inside and device["ifname"] != own_device:
                return str(device["ifname"])
    return None


def _check_memory(engine: str) -> None:
    available = available_mib(pathlib.Path("/proc/meminfo").read_text())
    if available < _MEMORY_MIB[engine]:
        raise place.CloudError(
            f"{available / 1024:.1f} GiB of memory are available and a cloud with engine {engine} "
            f"takes {_MEMORY_MIB[engine] / 1024:.0f}: end other programs"
        )


def _check_namespaces(where: place.Place) -> None:
    """Try what every host needs: containers often forbid it even to root."""
    trial = pathlib.Path(tempfile.mkdtemp(prefix=".trial-", dir=where.state.parent))
    done = subprocess.run(
        [
            *("unshare", "--mount", "--pid", "--net", "--uts", "--ipc", "--fork"),
            *("--propagation", "private", "sh", "-c", _TRIAL.format(trial)),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    shutil.rmtree(trial, ignore_errors=True)
    if done.returncode:
        raise place.CloudError(
            f"this machine does not permit namespaces or overlayfs in {where.cache} "
            f"({' '.join(done.stderr.split())}): in a container, run it privileged, with the cache "
            "(XDG_CACHE_HOME) on a volume"
        )


def _check_net(where: place.Place) -> None:
    listing = subprocess.run(
        ["ip", "-json", "-4", "address"], capture_output=True, text=True, check=True
    )
    if device := clash(where.net, json.loads(listing.stdout), where.device):
        raise place.CloudError(
            f"--net {where.net}: {device} of this machine is in {where.net}.0/24: "
            "name another range, such as 10.79.0"
        )
