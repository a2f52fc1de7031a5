"""Create, read, update and delete of services, over the port. Knows nothing of Pulumi.

Every call may be repeated after a kill at any point. Ownership and drift
are read from the marker in a service's own text (`marker`).
"""

import collections
import dataclasses
import re
import threading
import time
import typing
import urllib.parse
from collections.abc import Callable, Iterator

from . import changes, marker, port, task

_LOCKS: dict[str, threading.Lock] = collections.defaultdict(threading.Lock)

SETTLE_SECONDS = 300.0
"""How long a request that is under way may take before a call gives up on it."""
GONE_SECONDS = 600.0
"""How long a service may take to shut down: 120 s of draining a replica, then its machine."""
ACCEPT_SECONDS = 180.0
"""How long an accepted version may take to appear in the service's record."""
POLL_SECONDS = 2.0


def lock(name: str) -> threading.Lock:
    """One call at a time for a name: of this process, which runs all calls of an `up`."""
    return _LOCKS[name]


class Clock(typing.Protocol):
    """Time, so that tests need none."""

    def now(self) -> float:
        """Seconds that only go forward."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


class SystemClock:
    """The machine's own time."""

    def now(self) -> float:
        """Seconds that only go forward."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


@dataclasses.dataclass(frozen=True)
class Seen:
    """What a read found: the service as it is, and how it differs from what was applied."""

    applied: marker.Applied
    drift: tuple[str, ...] = ()


class LifeCycle:
    """What services and clusters share: one call a name at a time, and bounded waiting."""

    def __init__(
        self,
        sky: port.SkyPilot,
        clock: Clock | None = None,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._sky = sky
        self._clock = clock or SystemClock()
        self._say = say

    def _settle(self, name: str, seconds: float = SETTLE_SECONDS) -> None:
        """Wait for what a killed call may have left under way: SkyPilot finishes its requests."""
        for _ in self._until(seconds, f"{name}: an earlier request is still under way"):
            if not self._sky.active(name):
                return
            self._say(f"{name}: waiting for an earlier request")

    def _check_places(self, wanted: marker.Wanted) -> None:
        allowed = task.places(task.from_text(wanted.text))
        enabled = self._sky.places()
        if allowed and not any(_enabled(place, enabled) for place in allowed):
            raise port.Denied(
                f"infra: the API server has no credentials for {' or '.join(allowed)} (it has "
                f"{', '.join(sorted(enabled)) or 'none'}); set them up there and run `sky check`"
            )

    def _until(self, seconds: float, why: str) -> Iterator[None]:
        """Poll: yields until the caller leaves the loop, raises TimedOut when time is up."""
        deadline = self._clock.now() + seconds
        while True:
            yield
            if self._clock.now() >= deadline:
                raise port.TimedOut(f"{why} after {seconds:.0f} s")
            self._clock.sleep(POLL_SECONDS)


class Services(LifeCycle):
    """The life cycle of services on one API server."""

    def create(self, wanted: marker.Wanted) -> marker.Applied:
        """Make the service, or take up the one that an interrupted create has left.

        Raises Invalid when the name belongs to someone else.
        """
        with lock(wanted.name):
            found = self._present(wanted.name)
            if found is not None and found.status in _BROKEN and marker.owner(found) == wanted.mark:
                self._end(found)  # an earlier try that SkyServe cannot mend
                found = None
            if found is None:
                self._check_places(wanted)
                found = self._up(wanted)
            owner, digest = marker.read(found.text)
            if owner != wanted.mark:
                raise port.Invalid(
                    f"name: the service {wanted.name!r} exists on this API server and belongs to "
                    f"{'another stack' if owner else 'someone else'}; choose another name "
                    "(llm:prefix changes all of a stack's) or take that service down"
                )
            if digest != wanted.digest:
                self._sky.update(wanted.name, wanted.order())
            return self._accepted(wanted)

    def read(self, applied: marker.Applied) -> Seen | None:
        """What became of the service; None when it is gone.

        Unreachable is raised, never taken for gone.
        """
        found = self._sky.service(applied.name)
        if found is None or found.status == "SHUTTING_DOWN":
            return None
        owner, digest = marker.read(found.text)
        if owner != applied.mark and found.hash != applied.hash:
            return None  # ours was deleted and the name is someone else's now
        now = dataclasses.replace(
            applied, hash=found.hash, version=found.version, endpoint=found.endpoint
        )
        if digest == applied.digest:
            return Seen(now)
        text = marker.without_values(found.text)
        if text is None:
            return Seen(
                dataclasses.replace(now, digest=marker.fingerprint(found)),
                (f"version {found.version} was never completed",),
            )
        was = marker.without_values(applied.text) or ""
        differences = changes.compare(task.from_text(was), task.from_text(text))
        drift = tuple(f"{c.property}: {c.old} -> {c.new}" for c in differences)
        return Seen(
            dataclasses.replace(now, text=text, digest=marker.fingerprint(found)),
            drift or ("a value of env or secrets is another",),
        )

    def update(self, applied: marker.Applied, wanted: marker.Wanted) -> marker.Applied:
        """Give the service its next version, unless it has it already.

        Raises Failed when the service is no longer what state remembers: someone else's change is
        not overwritten unseen.
        """
        with lock(wanted.name):
            self._settle(wanted.name)
            found = self._sky.service(wanted.name)
            if found is None:
                raise port.NotFound(
                    f"the service {wanted.name!r} is gone; `pulumi up --refresh` makes it anew"
                )
            self._check_alive(found)
            now = marker.fingerprint(found)
            if now == wanted.digest:
                return self._accepted(wanted)
            if now != applied.digest and found.text is not None:
                seen = self.read(applied)
                what = "; ".join(seen.drift) if seen else "it was replaced"
                raise port.Failed(
                    f"the service {wanted.name!r} was changed outside this stack ({what}); "
                    "look at it with `pulumi refresh`, then `pulumi up` puts it right"
                )
            self._sky.update(wanted.name, wanted.order())
            return self._accepted(wanted)

    def delete(self, name: str, mark: str, incarnation: str | None = None) -> None:
        """Take the service down and see that nothing of it is left.

        Without the mark in its text it is ours only as the incarnation that state remembers: a name
        that a stranger has taken since is left alone.

        Raises Failed with the list of what is still there.
        """
        with lock(name):
            self._settle(name)
            found = self._sky.service(name)
            if found is None:
                self._sweep_replicas(name)
            elif marker.owner(found) == mark or found.hash == incarnation:
                self._end(found)
            # else ours is gone: this one is somebody else's

    def orphans(self, mark: str) -> tuple[str, ...]:
        """Names of the services and machines that carry a stack's mark."""
        services = [s.name for s in self._sky.services() if marker.owner(s) == mark]
        machines = [m.name for m in self._sky.machines() if m.labels.get(marker.LABEL) == mark]
        return tuple(sorted({*services, *machines}))

    def sweep(self, mark: str) -> None:
        """Take down all that carries a stack's mark. Raises Failed with what stays."""
        self._settle(mark)  # what a killed call has begun may have no record yet
        for service in self._sky.services():
            if marker.owner(service) == mark:
                self.delete(service.name, mark)
        for machine in self._sky.machines():
            if machine.labels.get(marker.LABEL) == mark:
                self._machine_down(machine.name)
        left = self.orphans(mark)
        if left:
            raise port.Failed(f"still there, and costing money: {', '.join(left)}")

    def _present(self, name: str) -> port.Service | None:
        """The service of that name once nothing is under way that makes or ends it."""
        self._settle(name)
        for _ in self._until(GONE_SECONDS, f"{name}: the earlier service is still shutting down"):
            found = self._sky.service(name)
            if found is None or found.status != "SHUTTING_DOWN":
                break
            self._say(f"{name}: waiting for the earlier service to be gone")
        return found

    def _up(self, wanted: marker.Wanted) -> port.Service:
        self._say(f"{wanted.name}: registering")
        try:
            self._sky.up(wanted.name, wanted.order())
        except port.Unreachable:
            raise  # whether it exists cannot be known now: the next `up` or destroy finds it
        except port.SkyPilotError as error:
            self._settle(wanted.name)
            found = self._sky.service(wanted.name)
            if found is None:
                raise
            if marker.read(found.text)[1] != wanted.digest:
                raise port.Failed(f"{wanted.name}: {error}") from error
            if found.status in _BROKEN:
                self._end(found)
                raise
        for _ in self._until(ACCEPT_SECONDS, f"{wanted.name}: registered, but not listed"):
            found = self._sky.service(wanted.name)
            if found is not None:
                break
        return typing.cast(port.Service, found)

    def _accepted(self, wanted: marker.Wanted) -> marker.Applied:
        """Wait until the service's record carries the wanted digest."""
        for _ in self._until(
            ACCEPT_SECONDS, f"{wanted.name}: SkyServe did not take the new version"
        ):
            found = self._sky.service(wanted.name)
            if found is not None and marker.read(found.text)[1] == wanted.digest:
                break
        found = typing.cast(port.Service, found)
        return marker.Applied(
            name=wanted.name,
            mark=wanted.mark,
            text=wanted.text,
            digest=wanted.digest,
            hash=found.hash,
            version=found.version,
            endpoint=found.endpoint,
        )

    def _check_alive(self, found: port.Service) -> None:
        if found.status in _BROKEN:
            raise port.Failed(
                f"the service {found.name!r} is {found.status}: SkyServe cannot change it any "
                "more; replace it (`pulumi up --target-replace` with its URN, or `pulumi destroy`)"
            )

    def _end(self, found: port.Service) -> None:
        self._down(found)
        self._sweep_replicas(found.name)

    def _down(self, found: port.Service) -> None:
        """End a service without losing a replica.

        A `down` while a replica is being provisioned, but has no row in SkyPilot's database yet,
        leaves its machine running for ever (serve/service.py:184): wait for the row first.
        """
        name = found.name
        deadline = self._clock.now() + SETTLE_SECONDS
        current: port.Service | None = found
        while current is not None and self._clock.now() < deadline:
            if not any(r.status == "PROVISIONING" and not r.launched for r in current.replicas):
                break
            self._say(f"{name}: waiting for a replica that is being provisioned")
            self._clock.sleep(POLL_SECONDS)
            current = self._sky.service(name)
        if current is not None and current.status not in ("SHUTTING_DOWN", "FAILED_CLEANUP"):
            self._sky.down(name)
        for _ in self._until(GONE_SECONDS, f"{name}: not gone"):
            current = self._sky.service(name)
            if current is None:
                return
            if current.status == "FAILED_CLEANUP":
                # SkyServe gave up on a machine. Take it down first: purge forgets it.
                self._sweep_replicas(name)
                self._sky.down(name, purge=True)
            self._say(f"{name}: {current.status}, {len(current.replicas)} replicas left")

    def _sweep_replicas(self, name: str) -> None:
        """Take down machines of replicas that outlived their service."""
        ours = re.compile(rf"{re.escape(name)}-\d+")
        for _ in self._until(SETTLE_SECONDS, f"{name}: replicas are still there"):
            left = [m.name for m in self._sky.machines() if m.managed and ours.fullmatch(m.name)]
            if not left:
                return
            for machine in left:
                self._say(f"{machine}: taking down a replica that SkyServe has left running")
                for request in self._sky.active(machine):
                    self._sky.cancel(request)
                self._machine_down(machine)

    def _machine_down(self, name: str) -> None:
        try:
            self._sky.machine_down(name)
        except port.NotFound:
            return


_BROKEN = ("CONTROLLER_FAILED", "FAILED_CLEANUP")
"""States from which SkyServe takes no update (serve/server/impl.py:575)."""


def endpoint(listed: str | None, server_url: str, serve_host: str | None = None) -> str | None:
    """The address that clients use.

    With its controller in the API server (consolidation mode) SkyServe says localhost: the API
    server's host, or the one that the stack names, goes in its place. Raises Invalid when that
    leaves a localhost of another machine.
    """
    if listed is None:
        return None
    url = urllib.parse.urlsplit(listed if "//" in listed else f"http://{listed}")
    if url.hostname not in ("localhost", "127.0.0.1", "0.0.0.0"):  # noqa: S104 - a name to replace
        return urllib.parse.urlunsplit(url)
    host = serve_host or urllib.parse.urlsplit(server_url).hostname or "localhost"
    return urllib.parse.urlunsplit(url._replace(netloc=f"{host}:{url.port}"))


def _enabled(place: str, enabled: frozenset[str]) -> bool:
    cloud = place.split("/", maxsplit=1)[0].lower()
    return {"k8s": "kubernetes"}.get(cloud, cloud) in {
        name.split("/", maxsplit=1)[0] for name in enabled
    }
