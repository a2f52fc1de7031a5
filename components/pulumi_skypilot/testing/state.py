"""What all parts of the fake share."""

import json
import re
from collections.abc import Sequence

from .. import port
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
        self.capacity = True
        """Whether any place has a machine."""
        self.loads = True
        """Whether the model starts; else its replicas fail."""
        self._machines: dict[str, port.Machine] = {}
        self._failures: dict[str, list[port.SkyPilotError]] = {}
        self._made = 0

    def fail(self, call: str, *errors: port.SkyPilotError) -> None:
        """Let the next calls of that name raise these errors, in order."""
        self._failures.setdefault(call, []).extend(errors)

    def _called(self, call: str, name: str = "") -> None:
        self.calls.append(f"{call} {name}".strip())
        waiting = self._failures.get(call)
        if waiting:
            raise waiting.pop(0)

    def _answer(
        self, orders: Sequence[port.Order], url: str, api_key: str | None
    ) -> tuple[int, str]:
        if not orders:
            return 503, ""
        if url.endswith("/health"):
            return 200, ""
        if not any(api_key in order.secrets.values() for order in orders):
            return 401, ""
        names = [re.search(r"--served-model-name (\S+)", order.text) for order in orders]
        return 200, json.dumps({"data": [{"id": found[1]} for found in names if found]})
