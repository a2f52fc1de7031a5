"""The network of an embedded cloud: a bridge, its hosts, and the link to this machine.

The cloud, and each of its hosts, is in a network namespace of its own. Pairs of virtual devices
connect them: `emu-NAME` on this machine with `uplink` on the bridge, and each host's `eth0` with a
device on the bridge. The devices go with the namespaces, when their last process ends.
"""

import contextlib
import itertools
import os
import pathlib
import time

from .. import locations
from . import internet, processes

_BRIDGE = "hosts"
"""The bridge of the hosts and the uplink, inside the cloud's network."""

_BRIDGE_MAC = "02:00:00:00:00:01"
"""Locally administered (its second bit), unique in its own network."""

_UPLINK = "uplink"
_NAMESPACE_SECONDS = 10
_HOST_NUMBERS = itertools.count(1)


def link_to_machine(location: locations.Location, process: int) -> None:
    """Connect this machine with the network of the cloud, which this process is in."""
    processes.run(
        "ip", "link", "add", location.device, "type", "veth", "peer", "name", _UPLINK,
        "netns", str(process),
    )  # fmt: skip
    processes.run("ip", "address", "add", f"{location.machine_address}/24", "dev", location.device)
    processes.run("ip", "link", "set", location.device, "up")


def make_bridge(location: locations.Location) -> None:
    """Set up the network of the cloud, which this process is in; the uplink is there already."""
    # A closed connection with something still to send keeps its network alive, and this machine's
    # device with it, until the kernel gives up: by default after more than a minute.
    pathlib.Path("/proc/sys/net/ipv4/tcp_orphan_retries").write_text("1")
    # A connection may leave from any high port, and no server can listen on that one meanwhile.
    own_ports = pathlib.Path("/proc/sys/net/ipv4/ip_local_reserved_ports")
    own_ports.write_text(str(locations.API_PORT))
    # An address of its own: by default a bridge has the lowest of its ports', which come and go
    # with the hosts, and whoever had just asked for it talks to nobody for a dozen seconds.
    processes.run("ip", "link", "add", _BRIDGE, "address", _BRIDGE_MAC, "type", "bridge")
    processes.run("ip", "address", "add", f"{location.address}/24", "dev", _BRIDGE)
    processes.run("ip", "link", "set", _UPLINK, "master", _BRIDGE, "up")
    for device in ("lo", _BRIDGE):
        processes.run("ip", "link", "set", device, "up")
    for address in internet.ADDRESSES:
        processes.run("ip", "address", "add", f"{address}/32", "dev", "lo")


def connect_host(process: int, ip: str, gateway: str) -> None:
    """Connect a host with the bridge; this process of the host's is in its network."""
    _wait_for_namespace(process)
    # Never a name again: the kernel takes a dead host's device away in its own time.
    device = f"host{next(_HOST_NUMBERS)}"
    processes.run(
        "ip", "link", "add", device, "type", "veth", "peer", "name", "eth0", "netns", str(process)
    )  # fmt: skip
    processes.run("ip", "link", "set", device, "master", _BRIDGE, "up")
    internet_addresses = " ".join(internet.ADDRESSES)
    processes.run(
        "nsenter", "--target", str(process), "--net", "sh", "-ec",
        f"ip link set lo up; ip addr add {ip}/24 dev eth0; ip link set eth0 up; "
        # To what answers for the internet, and nowhere else: what is not there fails at once.
        f"for ip in {internet_addresses}; do ip route add $ip via {gateway}; done",
    )  # fmt: skip


def has_own_namespace(process: int) -> bool:
    """Tell whether a process is in another network than this one; False once it has ended."""
    with contextlib.suppress(OSError):
        own, other = (os.readlink(f"/proc/{name}/ns/net") for name in ("self", process))  # noqa: PTH115 (not a path)
        return own != other
    return False


def _wait_for_namespace(process: int) -> None:
    deadline = time.monotonic() + _NAMESPACE_SECONDS
    while not has_own_namespace(process):
        if time.monotonic() > deadline:
            raise TimeoutError(
                f"process {process}: no network of its own after {_NAMESPACE_SECONDS} s"
            )
        time.sleep(0.01)
