"""The wait until a service answers with its new version, or the reason why it does not."""

import dataclasses
import re
from collections.abc import Callable

from .. import errors
from ..skypilot import interface, looks
from . import log_hints, operations, probe

NO_CAPACITY_SECONDS = 120.0
"""How long to wait while no place has the machine."""
SYNC_SECONDS = 30.0
"""How long SkyServe's load balancer may go on sending requests to old replicas: it asks for its
replicas every 20 s, which takes up to 5 s (sky/serve/constants.py,
LB_CONTROLLER_SYNC_INTERVAL_SECONDS; sky/serve/load_balancer.py,
SkyServeLoadBalancer._sync_with_controller_once)."""
LOOK_SECONDS = 10.0
"""How long until the next look at a service that is not rolled out. A look takes two to
four seconds of the API server's CPU: when the controller runs there too, each `serve.status` is a
process that imports sky."""
CAPACITY_LOOK_SECONDS = 30.0
"""How long until the next look at the log of a replica without a machine; it costs the same."""
POLL_SECONDS = 3.0
"""How long until the next look once it is rolled out, and only the endpoint is missing."""

_WAY_IN = (
    "make it reachable from here (check its port and any firewall), or set the deployment's host, "
    "or skypilot:serveHost, to the host that clients use"
)
_FAILED = re.compile(r"FAILED")
_NO_CAPACITY = (  # the clouds' own texts, then SkyPilot's summaries
    re.compile(
        r"InsufficientInstanceCapacity|sufficient \S+ capacity|[Qq]uota|STOCKOUT|[Oo]ut of"
        r"|^Reason: |HTTP response body: "  # of Kubernetes
    ),
    re.compile(r"Failed to acquire resources in all zones|Failed to provision all possible"),
)


@dataclasses.dataclass(frozen=True)
class Expected:
    """A version of a service that is expected to be ready."""

    name: str
    version: int
    min_replicas: int
    model: str
    timeout_seconds: float
    adapters: tuple[str, ...] = dataclasses.field(default=(), kw_only=True)
    """The names of the adapters that it must serve, too."""
    certificate: str | None = None
    """The certificate of its load balancer, in PEM."""
    old_refuses: bool = False
    """Whether the version before it refuses what clients send now: another API key, model name or
    adapter."""


@dataclasses.dataclass(frozen=True)
class Ready:
    """A service that answers."""

    endpoint: str | None
    version: int
    note: str | None = None
    """A warning for the user."""


class Wait:
    """A wait for one service."""

    def __init__(
        self,
        sky: interface.SkyPilot,
        address: Callable[[str | None], str | None],
        clock: operations.Clock | None = None,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._sky = sky
        self._address = address
        self._clock = clock or operations.SystemClock()
        self._say = say
        self._note: str | None = None
        self._missing: str | None = None
        """What happened when the endpoint was last asked, if the model did not answer."""
        self._refused_since: float | None = None
        self._ready_since: float | None = None
        self._starved_since: float | None = None
        self._log_read = self._clock.now()

    def until_ready(self, expected: Expected, api_key: str | None) -> Ready:
        """Wait for the version's replicas to be the ready ones, and for the model to answer.

        With `min_replicas` 0 a registered service is enough: a request wakes its first replica.
        Raises Failed when a replica dies, NoCapacity when no place has the machine, TimedOut.
        """
        start = self._clock.now()
        patience = looks.Patience(self._clock, answered=True)
        state, last_line = f"{expected.name}: SkyServe has not reported it yet", ""
        while True:
            began, rest = self._clock.now(), POLL_SECONDS
            service: interface.Service | None = None
            try:
                service = self._sky.service(expected.name)
            except errors.SkyPilotError as error:
                # A server that is busy or restarting comes back; SkyServe goes on meanwhile.
                patience.bear(error)
                line = f"{expected.name}: the API server could not answer"
            else:
                patience.answered()
                took = self._clock.now() - began
                if service is None:
                    raise errors.NotFound(
                        f"the service {expected.name!r} is gone; `pulumi up --refresh` creates "
                        "it again"
                    )
                version = max(expected.version, service.version)
                self._check_failed(service, version)
                rolled_out = _rolled_out(service, version, expected)
                address = self._address(service.endpoint)
                if self._ready(address, expected, api_key, rolled_out=rolled_out):
                    return Ready(address, version, self._note)
                line = state = _line(service, version, expected.min_replicas)
                if self._starved(service, version):
                    line = state = f"{state} (no capacity yet)"
                rest = max(operations.REST * took, POLL_SECONDS if rolled_out else LOOK_SECONDS)
            if line != last_line:
                self._say(line)
                last_line = line
            waited = self._clock.now() - start
            if waited > expected.timeout_seconds:
                why = f"; {self._missing}" if self._missing else self._why(service)
                raise errors.TimedOut(
                    f"{state}, not ready after {waited:.0f} s{why}{patience.ending()}; SkyServe "
                    "goes on, and pulumi up waits again (timeouts.ready says how long)"
                )
            self._clock.sleep(min(rest, max(expected.timeout_seconds - waited, POLL_SECONDS)))

    def _ready(
        self, address: str | None, expected: Expected, api_key: str | None, *, rolled_out: bool
    ) -> bool:
        """Return whether the model has answered for long enough; else keep the reason."""
        self._missing = None
        if rolled_out and expected.min_replicas > 0:
            self._missing = self._asked(address, expected, api_key)
        if not rolled_out or self._missing is not None:
            self._ready_since = None
            return False
        now = self._clock.now()
        self._ready_since = now if self._ready_since is None else self._ready_since
        return not expected.old_refuses or now - self._ready_since >= SYNC_SECONDS

    def _asked(self, address: str | None, expected: Expected, api_key: str | None) -> str | None:
        """Return what the endpoint does instead of answering for the model; None if it answers.

        A certificate for another name is only noted. The key may be refused for a while: the load
        balancer may still ask a replica of the old version, which does not know the key.
        """
        if address is None:
            return "SkyServe reports no endpoint of it"
        asked = probe.Asked(
            expected.model,
            api_key,
            expected.certificate,
            adapters=expected.adapters,
            check_host=self._note is None,
            way_in=_WAY_IN,
        )
        since, self._refused_since = self._refused_since, None
        try:
            return probe.missing(self._sky, address, asked)
        except probe.KeyRefused as error:
            now = self._clock.now()
            self._refused_since = now if since is None else since
            if now - self._refused_since > SYNC_SECONDS:
                raise
            return str(error)
        except errors.Untrusted as error:
            if not error.name_only:
                raise errors.Failed(
                    f"{expected.name}: its load balancer does not present the certificate "
                    f"of tls ({error})"
                ) from error
            self._note = (
                f"{expected.name}: its certificate is made out to another name than that of "
                f"{address}; clients that verify it must use that name; write it under host"
            )
            return self._note

    def _check_failed(self, service: interface.Service, version: int) -> None:
        """Raise Failed when all replicas of a version have failed: SkyServe does not retry it."""
        mine = [replica for replica in service.replicas if replica.version >= version]
        dead = [replica for replica in mine if _FAILED.search(replica.status)]
        if dead and len(dead) == len(mine):
            older = any(r.status == "READY" for r in service.replicas if r.version < version)
            kept = "; the earlier version goes on serving" if older else ""
            raise errors.Failed(
                f"{service.name}: replica {dead[-1].id} of version {version} is "
                f"{dead[-1].status}{kept}{self._why(service, dead[-1])}; all of it: sky serve logs "
                f"{service.name} {dead[-1].id}. Change the spec and run pulumi up, or replace the "
                "service as it is (pulumi up --target-replace with its URN)"
            )

    def _starved(self, service: interface.Service, version: int) -> bool:
        """Return whether no place has the machine, while no replica of the version has one.

        Raises NoCapacity when that has lasted too long.
        """
        mine = [r for r in service.replicas if r.version >= version]
        waiting = [r for r in mine if r.status in ("PENDING", "PROVISIONING")]
        if not waiting or len(waiting) < len(mine):
            self._starved_since = None
            return False
        if self._clock.now() - self._log_read >= CAPACITY_LOOK_SECONDS:
            self._log_read = self._clock.now()
            log = self._log(service, waiting[0])
            said = next(
                (line for words in _NO_CAPACITY for line in reversed(log) if words.search(line)),
                None,
            )
            if said is not None:
                self._note_shortage(service.name, said)
        return self._starved_since is not None

    def _note_shortage(self, name: str, said: str) -> None:
        now = self._clock.now()
        if self._starved_since is None:
            self._starved_since = now
        elif now - self._starved_since > NO_CAPACITY_SECONDS:
            raise errors.NoCapacity(f"{log_hints.no_capacity(name, said)}: SkyServe goes on trying")

    def _why(
        self, service: interface.Service | None, replica: interface.Replica | None = None
    ) -> str:
        """Return the most telling lines of a replica's log, by default the last replica's."""
        if service is None:
            return ""
        chosen = replica or next(iter(service.replicas[-1:]), None)
        if chosen is None:
            return ""
        return log_hints.telling(self._log(service, chosen))

    def _log(self, service: interface.Service, replica: interface.Replica) -> tuple[str, ...]:
        try:
            return self._sky.log(service.name, replica.id, 200)
        except errors.SkyPilotError:
            return ()  # the log explains; without it the state still tells


def _rolled_out(service: interface.Service, version: int, expected: Expected) -> bool:
    """Return whether only this version serves: accepted is not rolled out."""
    if service.text is None:
        return False
    if expected.min_replicas == 0:
        alone = set(service.active_versions) <= {version} or not expected.old_refuses
        return alone and service.status in ("NO_REPLICA", "READY")
    ready = [r for r in service.replicas if r.status == "READY" and r.version >= version]
    return service.active_versions == (version,) and len(ready) >= expected.min_replicas


def _line(service: interface.Service, version: int, min_replicas: int) -> str:
    replicas = [
        f"{r.id}{'' if r.version >= version else ' (old)'} {r.status} {r.infra}".rstrip()
        for r in service.replicas
    ]
    ready = sum(r.status == "READY" and r.version >= version for r in service.replicas)
    return f"{service.name} v{version}: {ready}/{min_replicas} ready; " + (
        ", ".join(replicas) or "no replica yet"
    )
