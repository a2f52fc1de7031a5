"""The layer of a Kubernetes node: Debian with containerd, and nothing of SkyPilot."""

import pathlib

from . import debian

RECIPE = debian.Recipe(
    name="node",
    title="node image",
    needed_gib=1,
    packages=(
        "ca-certificates",
        "conntrack",  # kube-proxy clears stale connections with it
        "containerd",
        "containernetworking-plugins",
        "iproute2",
        "mount",
        "netcat-openbsd",
        "nftables",  # of kube-proxy in this mode: no iptables
        "procps",
        "runc",
        "socat",
        "util-linux",
    ),
)


def lay_down(target: pathlib.Path, cache: pathlib.Path) -> None:
    """Fill the empty folder `target` with the layer; say each step with its seconds."""
    debian.lay_down(RECIPE, target, cache)
