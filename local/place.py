"""Where an embedded cloud lives on this machine: its folders, addresses and ports."""

import dataclasses
import ipaddress
import json
import os
import pathlib
import re
import socket

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent

API_PORT = 46580
"""SkyPilot's own default (sky/server/constants.py)."""

AWS_PORT = 5555
CONTROL_PORT = 5556

DEFAULT_NAME = "demo"
DEFAULT_NET = "10.77.0"

_NAME = re.compile(r"[a-z][a-z0-9-]{0,9}")


class CloudError(Exception):
    """What keeps an embedded cloud from doing what was asked, in one line for the user."""


def default_cache() -> pathlib.Path:
    """The folder of everything that this project downloads, builds or runs."""
    base = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(base) / "pulumi-skypilot"


def find(name: str, cache: pathlib.Path) -> "Place":
    """A cloud that was started; one that was not has the default network."""
    where = Place(name, DEFAULT_NET, cache)
    try:
        started = json.loads(where.description.read_text())
    except OSError:
        return where
    return dataclasses.replace(where, net=started["net"])


@dataclasses.dataclass(frozen=True)
class Place:
    """One embedded cloud: its name, its /24 network, the cache that holds it."""

    name: str
    net: str
    cache: pathlib.Path

    def __post_init__(self) -> None:
        # The name is part of a network device's, which has at most 15 characters.
        if not _NAME.fullmatch(self.name):
            raise CloudError(
                f"--name {self.name}: at most 10 small letters, digits and dashes, a letter first"
            )
        try:
            ipaddress.IPv4Network(f"{self.net}.0/24")
        except ValueError as error:
            raise CloudError(
                f"--net {self.net}: name a /24 by its first three numbers, such as {DEFAULT_NET}"
            ) from error

    @property
    def state(self) -> pathlib.Path:
        """All that the cloud writes; gone once it is stopped."""
        return self.cache / "cloud" / self.name

    @property
    def lock(self) -> pathlib.Path:
        """Locked by whoever starts or stops this cloud; outside of what stop deletes."""
        return self.cache / "cloud" / f"{self.name}.lock"

    @property
    def running(self) -> pathlib.Path:
        """Locked by the cloud as long as it lives, however it ends; holds its process id."""
        return self.state / "running"

    @property
    def description(self) -> pathlib.Path:
        """What the cloud was started with, for those who look at it (JSON)."""
        return self.state / "cloud.json"

    @property
    def failure(self) -> pathlib.Path:
        """Why the cloud could not start, in one line."""
        return self.state / "failure"

    @property
    def home(self) -> pathlib.Path:
        """HOME of the API server: its ~/.sky and ~/.aws, apart from the user's."""
        return self.state / "home"

    @property
    def hosts(self) -> pathlib.Path:
        """A folder for each emulated instance."""
        return self.state / "hosts"

    @property
    def logs(self) -> pathlib.Path:
        """The logs of the supervisor, of moto and of the API server."""
        return self.state / "logs"

    @property
    def device(self) -> str:
        """The network device by which this machine reaches the cloud."""
        return f"emu-{self.name}"

    @property
    def is_plugged_in(self) -> bool:
        """Whether this machine reaches the cloud; without it its addresses are anybody's."""
        return any(name == self.device for _, name in socket.if_nameindex())

    @property
    def address(self) -> str:
        """The cloud's own address: API server, load balancers, emulated AWS."""
        return f"{self.net}.1"

    @property
    def machine_address(self) -> str:
        """The address of this machine in the cloud's network."""
        return f"{self.net}.254"

    @property
    def api_server(self) -> str:
        """URL of SkyPilot's API server."""
        return f"http://{self.address}:{API_PORT}"

    @property
    def aws(self) -> str:
        """URL of the emulated AWS."""
        return f"http://{self.address}:{AWS_PORT}"
