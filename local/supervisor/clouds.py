"""The clouds that a process tree can have, and what each must offer."""

import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from .. import locations
from ..api_server import home

NAMES = {"aws": "emulated AWS", "k8s": "Kubernetes"}
"""The kinds of clouds, and what they are called."""


class Cloud(Protocol):
    """Something that makes machines for SkyPilot, and shows and hurts them."""

    def start(self) -> None:
        """Bring it up and wait until it answers."""

    def access(self) -> home.CloudAccess:
        """Return what an API server needs to find it; once it is up."""

    def describe(self) -> dict[str, Any]:
        """Return its name, url, state (healthy or dead), and what it refuses."""

    def instances(self) -> list[dict[str, Any]]:
        """List the live machines: id, ip, type, gpu, region, state, spot, host, tags."""

    def holds(self) -> list[str]:
        """List all that SkyPilot has made there and that costs something; as the cloud tells it."""

    def owner_of(self, process: int) -> str | None:
        """Return the id of the machine that a process runs on; None for the cloud's own.

        Raises OSError when the process has ended.
        """

    def actions(self) -> Mapping[str, Callable[[Any], None]]:
        """Return what can be done to it, by name."""

    def set_layers(self, layers: Sequence[pathlib.Path]) -> None:
        """Give machines made from now on these layers, the uppermost first."""


def make(
    kind: str,
    location: locations.Location,
    layers: Sequence[pathlib.Path],
    certificate: pathlib.Path,
) -> Cloud:
    """Return a cloud of that kind that is not up yet; each imports much that the other spares."""
    if kind == "k8s":
        from ..kubernetes import cluster  # noqa: PLC0415

        return cluster.Cluster(location, layers, certificate)
    from ..aws import emulator  # noqa: PLC0415

    return emulator.Emulator(location, layers, certificate)
