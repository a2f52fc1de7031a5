"""A SkyPilot in memory, for fast tests of programs and of this package.

It behaves as SkyPilot 0.14.1 was seen to, with its traps: `up` on a name that exists takes the
service over, `down` during provisioning leaves a machine running, `update` keeps replicas only when
nothing but the `service:` section differs, a launch whose set-up fails leaves its machine. Time is
the fake's own clock: nothing waits. The package's own tests run the same scenarios on it and on the
real SkyPilot.
"""

import contextlib
from collections.abc import Callable, Iterator

from .. import errors, skypilot, spec
from ..providers import base
from ..skypilot import interface
from .clock import Clock
from .fake_services import BOOT_SECONDS, DRAIN_SECONDS, ROW_SECONDS, START_SECONDS
from .orders import order
from .others import Others

__all__ = [
    "BOOT_SECONDS",
    "DRAIN_SECONDS",
    "ROW_SECONDS",
    "START_SECONDS",
    "Clock",
    "SkyPilot",
    "order",
    "use",
]


class SkyPilot(Others, interface.SkyPilot):
    """The whole interface over dictionaries."""

    def server(self) -> interface.Server:
        """Return the server, and the user that it takes the caller for."""
        self._called("server")
        return interface.Server(skypilot.DEFAULT_URL, self.user, self.workspace, self.since)

    def places(self) -> frozenset[str]:
        """Return the infra that the server has credentials for."""
        self._called("places")
        return self.enabled

    def machines(self) -> tuple[interface.Machine, ...]:
        """Return every live machine."""
        self._called("machines")
        return self._all_machines()

    def stream_log(
        self,
        log: interface.Log,
        write: Callable[[str], object],
        *,
        lines: int | None,
        follow: bool,  # noqa: ARG002 - the fake's logs do not grow
    ) -> None:
        """Write a log; that of a load balancer shows the keys of requests, as SkyServe's does."""
        self._called("stream_log", log.name)
        for line in self._log_lines(log)[-(lines or 0) :]:
            write(line)

    def _log_lines(self, log: interface.Log) -> tuple[str, ...]:
        part = interface.LogPart
        match log.part:
            case part.REPLICA:
                return self.log(log.name, log.number or 0, 1000)
            case part.JOB:
                return self.job_log(log.name, log.number or 0, 1000)
            case part.BALANCER:
                keys = self.order(log.name).secrets.get(spec.API_KEYS, "")
                return (f"Request headers: {{'authorization': 'Bearer {keys}'}}",)
            case part.CONTROLLER:
                return ("No scaling needed.",)
        if log.name not in {machine.name for machine in self._all_machines()}:
            raise errors.NoAnswer(f"Cluster {log.name!r} does not exist.")
        return ("Cloud instance is up.",)

    def machine_down(self, name: str) -> None:
        """Terminate a machine."""
        self._called("machine_down", name)
        if self._machines.pop(name, None) is None and self._clusters.pop(name, None) is None:
            raise errors.NotFound(f"Cluster {name!r} does not exist.")

    def requests(self) -> tuple[interface.Request, ...]:
        """Return the requests under way, which only a test makes: each call ends at once."""
        self._called("requests")
        return tuple(self._requests)

    def cancel(self, request: str) -> None:
        """Abort a request."""
        self._called("cancel", request)
        self._requests = [waiting for waiting in self._requests if waiting.id != request]

    def listens(self, url: str) -> bool:
        """Return True: a load balancer listens as soon as its service exists."""
        self._called("listens", url)
        return True

    def get(
        self,
        url: str,
        api_key: str | None,
        certificate: str | None = None,
        *,
        check_host: bool = True,
    ) -> tuple[int, str]:
        """Answer as vLLM does, for the cluster at that address or else for any ready service."""
        self._called("get", url)
        orders = self._orders_at(url)
        if orders is None:
            orders = self._ready_orders()
        self._check_certificate(orders, url, certificate, check_host)
        return self._answer(orders, url, api_key)


@contextlib.contextmanager
def use(fake: SkyPilot) -> Iterator[SkyPilot]:
    """Let this package's providers talk to the fake, in the fake's own time."""
    before = base.connect, base.clock
    base.connect, base.clock = lambda _: fake, fake.clock
    try:
        yield fake
    finally:
        base.connect, base.clock = before
