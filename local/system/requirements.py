"""Checks that this machine has what an embedded cloud needs; says in one line what is missing."""

import ipaddress
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from typing import Any

from .. import errors, locations

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
"""Without Debian's keys (a package of its own on Ubuntu) debootstrap takes unsigned packages."""

_MEMORY_MIB = {"stub": 4 * 1024, "vllm": 8 * 1024}
"""The API server and its executors take about 3 GiB, a stub host 0.9, a vLLM host 4 (measured)."""

_TRIAL = (
    "mkdir -p {0}/lower {0}/upper {0}/work {0}/root && mount -t overlay trial {0}/root "
    "-o lowerdir={0}/lower,upperdir={0}/upper,workdir={0}/work && ip link add trial type bridge"
)


def check(location: locations.Location, cloud: str, engine: str) -> None:
    """Raise CloudError for the first thing that is missing; needs root."""
    if missing := missing_packages():
        raise errors.CloudError(f"programs are missing; run apt-get install {' '.join(missing)}")
    if cloud == "k8s" and not (location.cache / "kubernetes" / "kube").exists():
        raise errors.CloudError("Kubernetes is not built yet; run make setup CLOUD=k8s")
    _check_memory(engine)
    _check_namespaces(location)
    _check_net(location)


def check_platform() -> None:
    """Raise CloudError where the cloud can never run."""
    if sys.platform != "linux":
        raise errors.CloudError(
            f"it needs Linux (namespaces, overlayfs) and this is {sys.platform}; "
            "run it on a Linux machine, real or virtual"
        )


def missing_packages() -> list[str]:
    """Return the Debian packages of the programs that this machine lacks."""
    missing = {package for program, package in _PACKAGE_OF.items() if shutil.which(program) is None}
    if not any(_KEYRINGS.glob("debian-archive-keyring.*")):
        missing.add("debian-archive-keyring")
    return sorted(missing)


def available_mib(meminfo: str) -> int:
    """Return what new processes can have, from /proc/meminfo.

    >>> available_mib("MemTotal:  8000 kB\\nMemAvailable:   4096 kB\\n")
    4
    """
    for line in meminfo.splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) // 1024
    raise ValueError("no MemAvailable in /proc/meminfo")


def clash(net: str, addresses: Iterable[Mapping[str, Any]], own_device: str) -> str | None:
    """Return the device that has an address in the /24 already, from `ip -json address`."""
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
        raise errors.CloudError(
            f"{available / 1024:.1f} GiB of memory are available and a cloud with engine {engine} "
            f"needs {_MEMORY_MIB[engine] / 1024:.0f}; end other programs"
        )


def _check_namespaces(location: locations.Location) -> None:
    """Try what every host needs: containers often forbid it, even to root."""
    trial = pathlib.Path(tempfile.mkdtemp(prefix=".trial-", dir=location.state.parent))
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
        raise errors.CloudError(
            f"this machine forbids namespaces, or overlayfs in {location.cache} "
            f"({' '.join(done.stderr.split())}); if it is a container, run it privileged and put "
            "the cache (XDG_CACHE_HOME) on a volume"
        )


def _check_net(location: locations.Location) -> None:
    listing = subprocess.run(
        ["ip", "-json", "-4", "address"], capture_output=True, text=True, check=True
    )
    if device := clash(location.net, json.loads(listing.stdout), location.device):
        raise errors.CloudError(
            f"--net: the network {location.net}.0/24 is taken by the device {device} of this "
            "machine; write another one, such as --net 10.79.0"
        )
