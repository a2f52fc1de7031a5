"""The state that all parts of the fake share."""

import json
import re
import typing
from collections.abc import Mapping, Sequence

from .. import errors, skypilot, spec
from ..skypilot import interface, translation
from .clock import Clock

_PLACES = {"aws": ("AWS", "us-east-1"), "k8s": ("Kubernetes", "prod")}
"""How SkyPilot shows a cloud, and the region that it takes where none is named."""
HOURLY = 0.1
"""The price of each machine in the cloud, USD an hour."""


class State:
    """The server itself, and its settings for tests."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.clock = clock or Clock()
        self.calls: list[str] = []
        """The calls that it got, in order: `up NAME`, `update NAME`, …"""
        self.enabled = frozenset({"aws"})
        """The infra that the server has credentials for."""
        self.user = "user0001"
        self.workspace = "default"
        self.since = "5e12f00d"
        """The mark of the server's database."""
        self.asleep = False
        """Whether SkyServe's controller is a machine that has stopped."""
        self.capacity = True
        """Whether any place has a machine."""
        self.loads = True
        """Whether the model starts; else its replicas fail."""
        self.why = ("INFO loading weights", "torch.OutOfMemoryError: CUDA out of memory.")
        """The log of a model that does not start."""
        self.shortage = "InsufficientInstanceCapacity: no m6i.large in us-east-1"
        """The message of a cloud that does not have the machine."""
        self.other_name = False
        """Whether certificates are made out to another name than the endpoint's."""
        self._machines: dict[str, interface.Machine] = {}
        """The machines that a controller has launched: of replicas and of managed jobs."""
        self._requests: list[interface.Request] = []
        self._failures: dict[str, list[Exception]] = {}
        self._looks_before = 0
        self._look_failures: list[Exception] = []
        self._made = 0
        self._asked = 0

    def fail(self, call: str, *errors: Exception) -> None:
        """Let the next calls of that name raise these errors, in order.

        An error that is not the interface's stands for one of the SDK (`ValueError("Attempted to
        read a None YAML.")`). The call then raises what the interface makes of it.
        """
        self._failures.setdefault(call, []).extend(errors)

    def fail_looks(self, *errors: Exception, after: int = 0) -> None:
        """Let the next looks (`interface.LOOKS`) raise these errors, after `after` good answers."""
        self._looks_before, self._look_failures = after, list(errors)

    def request(
        self, kind: str, name: str, labels: Mapping[str, str] | None = None
    ) -> interface.Request:
        """Add a request under way that does not end by itself."""
        made = interface.Request(f"request-{self._asked}", kind, name, labels)
        self._asked += 1
        self._requests.append(made)
        return made

    def _called(self, call: str, name: str = "") -> None:
        self.calls.append(f"{call} {name}".strip())
        failures = self._failures.get(call)
        if call in interface.LOOKS and not failures and self._look_failures:
            if self._looks_before > 0:
                self._looks_before -= 1
            else:
                failures = self._look_failures
        if failures:
            look = call in interface.LOOKS
            raise translation.meaning(failures.pop(0), skypilot.DEFAULT_URL, None, look=look)

    def _check_certificate(
        self, orders: Sequence[interface.Order], url: str, certificate: str | None, check_host: bool
    ) -> None:
        """Verify as a client does: the load balancer has the certificate of any of its orders."""
        if not url.startswith("https://") or not orders:
            return
        if certificate not in [order.tls.certificate for order in orders if order.tls]:
            raise errors.Untrusted(f"{url}: self-signed certificate")
        if check_host and self.other_name:
            raise errors.Untrusted(f"{url}: Hostname mismatch", name_only=True)

    def _answer(
        self, orders: Sequence[interface.Order], url: str, api_key: str | None
    ) -> tuple[int, str]:
        if not orders:
            return 503, ""
        if url.endswith("/health"):
            return 200, ""
        if not any(_lets_in(order, api_key) for order in orders):
            return 401, ""
        names = [re.search(r"--served-model-name (\S+)", order.text) for order in orders]
        return 200, json.dumps({"data": [{"id": match[1]} for match in names if match]})


def resources(order: interface.Order) -> dict[str, typing.Any]:
    """Return what an order says of its machines."""
    content = order.task.get("resources")
    return content if isinstance(content, dict) else {}


def infra(order: interface.Order) -> str:
    """Return the place of an order's machines, as SkyPilot shows it."""
    cloud, _, region = str(resources(order).get("infra") or "aws").partition("/")
    name, default = _PLACES.get(cloud, (cloud, "region"))
    return f"{name} ({region or default})"


def hourly(order: interface.Order) -> float | None:
    """Return the price of an order's machine, USD an hour; None on Kubernetes, which has none."""
    return None if infra(order).startswith("Kubernetes") else HOURLY


def spot(order: interface.Order) -> bool:
    """Return whether an order asks for spot machines."""
    return bool(resources(order).get("use_spot"))


def _lets_in(order: interface.Order, api_key: str | None) -> bool:
    """Return whether an order accepts a key; without keys it accepts everybody."""
    keys = order.secrets.get(spec.API_KEYS)
    return keys is None or api_key in keys.split(",")
