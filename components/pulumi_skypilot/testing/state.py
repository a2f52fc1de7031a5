"""What all parts of the fake share."""

import json
import re
from collections.abc import Mapping, Sequence

from .. import errors, skypilot, spec
from ..skypilot import interface
from ..skypilot import translation as told
from .clock import Clock


class State:
    """The server itself, and what a test may set of it."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.clock = clock or Clock()
        self.calls: list[str] = []
        """What was asked of it, in order: `up NAME`, `update NAME`, …"""
        self.enabled = frozenset({"aws"})
        """The infra that the server has credentials for."""
        self.user = "user0001"
        self.workspace = "default"
        self.since = "5e12f00d"
        """What tells the server's database from another's."""
        self.asleep = False
        """Whether SkyServe's controller is a machine that has stopped."""
        self.capacity = True
        """Whether any place has a machine."""
        self.loads = True
        """Whether the model starts; else its replicas fail."""
        self.why = ("INFO loading weights", "torch.OutOfMemoryError: CUDA out of memory.")
        """What the log of a model that does not start says."""
        self.shortage = "InsufficientInstanceCapacity: no m6i.large in us-east-1"
        """What a cloud without the machine says."""
        self.other_name = False
        """Whether certificates are made out to another name than the endpoint's."""
        self._machines: dict[str, interface.Machine] = {}
        """Those that a controller has launched: replicas, and the clusters of managed jobs."""
        self._requests: list[interface.Request] = []
        self._failures: dict[str, list[Exception]] = {}
        self._looks_before = 0
        self._look_failures: list[Exception] = []
        self._made = 0
        self._asked = 0

    def fail(self, call: str, *errors: Exception) -> None:
        """Let the next calls of that name raise these errors, in order.

        One that is not of the port is as the SDK raises it (`ValueError("Attempted to read a None
        YAML.")`), and is told as the port over the SDK would tell it.
        """
        self._failures.setdefault(call, []).extend(errors)

    def fail_looks(self, *errors: Exception, after: int = 0) -> None:
        """Let the next looks (`port.LOOKS`) raise these errors, once `after` more were answered."""
        self._looks_before, self._look_failures = after, list(errors)

    def request(
        self, kind: str, name: str, labels: Mapping[str, str] | None = None
    ) -> interface.Request:
        """Let a request be under way that does not end by itself."""
        made = interface.Request(f"request-{self._asked}", kind, name, labels)
        self._asked += 1
        self._requests.append(made)
        return made

    def _called(self, call: str, name: str = "") -> None:
        self.calls.append(f"{call} {name}".strip())
        waiting = self._failures.get(call)
        if call in interface.LOOKS and not waiting and self._look_failures:
            if self._looks_before > 0:
                self._looks_before -= 1
            else:
                waiting = self._look_failures
        if waiting:
            look = call in interface.LOOKS
            raise told.meaning(waiting.pop(0), skypilot.DEFAULT_URL, None, look=look)

    def _check_certificate(
        self, orders: Sequence[interface.Order], url: str, certificate: str | None, check_host: bool
    ) -> None:
        """Verify as a client does: the load balancer has the certificate of its first order."""
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
        return 200, json.dumps({"data": [{"id": found[1]} for found in names if found]})


def _lets_in(order: interface.Order, api_key: str | None) -> bool:
    """Without keys anybody is served."""
    keys = order.secrets.get(spec.API_KEYS)
    return keys is None or api_key in keys.split(",")
