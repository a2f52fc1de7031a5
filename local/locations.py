"""The folders, addresses and ports of an embedded cloud on this machine."""

import dataclasses
import ipaddress
import json
import os
import pathlib
import re
import socket

from . import errors

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent

API_PORT = 46580
"""SkyPilot's own default (sky.server.common.DEFAULT_SERVER_PORT)."""

AWS_PORT = 5555
CONTROL_PORT = 5556

DEFAULT_NAME = "demo"
DEFAULT_NET = "10.77.0"

_NAME = re.compile(r"[a-z][a-z0-9-]{0,9}")


def default_cache() -> pathlib.Path:
    """Return the folder of everything that this project downloads, builds or runs."""
    base = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(base) / "pulumi-skypilot"


def find(name: str, cache: pathlib.Path) -> "Location":
    """Return where a cloud was started; one that was not started has the default network."""
    location = Location(name, DEFAULT_NET, cache)
    try:
        started = json.loads(location.description.read_text())
    except OSError:
        return location
    return dataclasses.replace(location, net=started["net"])


@dataclasses.dataclass(frozen=True)
class Location:
    """An embedded cloud's name, its /24 network, and the cache that holds it."""

    name: str
    net: str
    cache: pathlib.Path

    def __post_init__(self) -> None:
        # The name is part of a network device's name, which has at most 15 characters.
        if not _NAME.fullmatch(self.name):
            raise errors.CloudError(
                f"--name: '{self.name}' cannot name a network device; write at most 10 lowercase "
                "letters, digits and dashes, beginning with a letter"
            )
        try:
            ipaddress.IPv4Network(f"{self.net}.0/24")
        except ValueError as error:
            raise errors.CloudError(
                f"--net: '{self.net}' is not a /24 network; write its first three numbers, "
                f"such as {DEFAULT_NET}"
            ) from error

    @property
    def state(self) -> pathlib.Path:
        """Return the folder of all that the cloud writes; `stop` deletes it."""
        return self.cache / "cloud" / self.name

    @property
    def lock(self) -> pathlib.Path:
        """Return the file that `start` and `stop` lock; `stop` does not delete it."""
        return self.cache / "cloud" / f"{self.name}.lock"

    @property
    def running(self) -> pathlib.Path:
        """Return the file that the cloud locks until it ends; it holds the process id."""
        return self.state / "running"

    @property
    def description(self) -> pathlib.Path:
        """Return the file that says what the cloud was started with (JSON)."""
        return self.state / "cloud.json"

    @property
    def failure(self) -> pathlib.Path:
        """Return the file that says in one line why the cloud could not start."""
        return self.state / "failure"

    @property
    def home(self) -> pathlib.Path:
        """Return HOME of the API server: its ~/.sky and ~/.aws, apart from the user's."""
        return self.state / "home"

    @property
    def kubeconfig(self) -> pathlib.Path:
        """Return the file that makes kubectl an admin of the Kubernetes of the cloud."""
        return self.state / "kubeconfig"

    @property
    def hosts(self) -> pathlib.Path:
        """Return the folder that holds a folder for each emulated instance."""
        return self.state / "hosts"

    @property
    def logs(self) -> pathlib.Path:
        """Return the folder of the logs: supervisor, API server, each instance."""
        return self.state / "logs"

    @property
    def device(self) -> str:
        """Return the network device by which this machine reaches the cloud."""
        return f"emu-{self.name}"

    @property
    def is_plugged_in(self) -> bool:
        """Tell whether this machine reaches the cloud; if not, its addresses may be anybody's."""
        return any(name == self.device for _, name in socket.if_nameindex())

    @property
    def address(self) -> str:
        """Return the cloud's own address: API server, load balancers, emulated AWS."""
        return f"{self.net}.1"

    @property
    def machine_address(self) -> str:
        """Return the address of this machine in the cloud's network."""
        return f"{self.net}.254"

    @property
    def api_server(self) -> str:
        """Return the URL of SkyPilot's API server."""
        return f"http://{self.address}:{API_PORT}"

    @property
    def aws(self) -> str:
        """Return the URL of the emulated AWS."""
        return f"http://{self.address}:{AWS_PORT}"
