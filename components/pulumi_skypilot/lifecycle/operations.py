"""The common base of the life cycles of services and clusters. Knows nothing of Pulumi.

Every call of theirs may be repeated after a kill at any point.
"""

import collections
import contextlib
import dataclasses
import typing
import urllib.parse
from collections.abc import Callable, Collection, Iterator, Mapping

from .. import errors
from ..plan import task
from ..skypilot import bounds, interface, looks
from . import log_hints, marker, turns

T = typing.TypeVar("T")
Clock = looks.Clock
SystemClock = looks.SystemClock

_NAMES: dict[str, turns.Turn] = collections.defaultdict(turns.Turn)
"""One call at a time for each name, within this process, which runs all calls of an `up`."""

SETTLE_SECONDS = 300.0
"""How long a request that is under way may take before a call gives up on it."""
GONE_SECONDS = 600.0
"""How long a service may take to shut down: 120 s of draining a replica, then its machine."""
ACCEPT_SECONDS = 300.0
"""How long an accepted version may take to appear in the service's record, and a slow controller to
start: with four services made at once on two busy cores, one took more than 180 s."""
POLL_SECONDS = 4.0
"""The least between two looks; each costs the API server two to four seconds of CPU."""
REST = 3.0
"""The pause after a look, in times of its length: a busy server has other things to do."""
MOST_REST_SECONDS = 15.0
"""The most between two looks, however long a look took."""


@dataclasses.dataclass(frozen=True)
class Seen:
    """The result of a read: the object as it is, and its differences from what was applied."""

    applied: marker.Applied
    drift: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Key → how it differs, for a reader, e.g. `replicas.max` → "2 -> 4"."""

    @property
    def told(self) -> str:
        """Return the drift on one line."""
        return "; ".join(f"{key}: {how}" for key, how in self.drift.items())


class LifeCycle:
    """The base of both life cycles: one call at a time for a name, and bounded waiting."""

    def __init__(
        self,
        sky: interface.SkyPilot,
        clock: Clock | None = None,
        say: Callable[[str], None] = lambda _: None,
        seconds: float | None = None,
        address: Callable[[str | None], str | None] = lambda listed: listed,
    ) -> None:
        """Work on a server.

        `seconds` bounds the whole work of a call, in place of the defaults, but not its wait for
        others. `address` turns the endpoint that SkyPilot lists into the one to use from here.
        """
        self._for_clients = address
        self._clock = clock or SystemClock()
        self._looks = looks.Looks(sky, self._clock)
        self._sky = typing.cast(interface.SkyPilot, self._looks)
        self._say = say
        self._seconds = seconds
        self._deadline: float | None = None
        """When the work has to end; None while it has not begun, or is not bounded."""

    @contextlib.contextmanager
    def _alone(self, name: str, verb: str) -> Iterator[None]:
        """Work on a name alone: the clock starts when no other call for the name is running.

        All calls to SkyPilot inside are bounded by what is left.
        """
        with self._turn(_NAMES[name], f"the {verb} of {name!r}"):
            if self._seconds is not None:
                self._deadline = self._clock.now() + self._seconds
            with bounds.within(self._left):
                yield

    @contextlib.contextmanager
    def _turn(self, turn: turns.Turn, who: str) -> Iterator[None]:
        """Wait for a turn; this wait does not count."""
        with turn.held(who, self._clock, self._say, self._seconds) as waited:
            if self._deadline is not None:
                self._deadline += waited
            yield

    def _settle(self, name: str, seconds: float = SETTLE_SECONDS) -> None:
        """Wait for requests that a killed call may have left: SkyPilot finishes them.

        Wait for anybody's requests: until they end, nobody knows whose the name is.
        """
        self._wait_for_requests(lambda request: request.name == name, name, seconds)

    def _settle_or_cancel(
        self,
        is_relevant: Callable[[interface.Request], bool],
        is_ours: Callable[[interface.Request], bool],
        name: str,
    ) -> None:
        """Wait for requests; cancel those that take too long, but only the stack's own."""
        try:
            self._wait_for_requests(is_relevant, name, SETTLE_SECONDS)
        except errors.TimedOut as late:
            try:
                requests = self._sky.requests()
            except errors.SkyPilotError:
                raise late from None  # nobody can cancel requests that are not listed
            for request in filter(is_ours, requests):
                self._sky.cancel(request.id)
            self._wait_for_requests(is_ours, name, SETTLE_SECONDS)

    def _wait_for_requests(
        self, is_relevant: Callable[[interface.Request], bool], name: str, seconds: float
    ) -> None:
        why = f"{name}: an earlier request is still under way"
        for requests in self._watch(self._sky.requests, seconds, why):
            if not any(map(is_relevant, requests)):
                return
            self._say(f"{name}: waiting for an earlier request")

    def _check_places(self, wanted: marker.Wanted) -> None:
        require_place(task.places(wanted.task), self._sky.places())

    def _watch(self, look: Callable[[], T], seconds: float, why: str) -> Iterator[T]:
        """Look again and again: yield what each look returns, until the caller leaves the loop.

        A look that fails is followed by the next. Raises TimedOut when time is up, with the reason
        why the last look failed, and the error of a look after which more waiting is useless.
        """
        if self._seconds is not None:
            seconds = self._seconds
        deadline = self._deadline or self._clock.now() + seconds
        patience = looks.Patience(self._clock, answered=self._looks.answered)
        while True:
            began = self._clock.now()
            try:
                seen = look()
            except errors.SkyPilotError as error:
                patience.bear(error)
            else:
                patience.answered()
                yield seen
            looked = self._clock.now()
            if looked >= deadline:
                raise errors.TimedOut(f"{why} after {seconds:.0f} s{patience.ending()}")
            rest = min(max(REST * (looked - began), POLL_SECONDS), MOST_REST_SECONDS)
            self._clock.sleep(min(rest, max(deadline - looked, POLL_SECONDS)))

    def _see(self, look: Callable[[], T], why: str) -> T:
        """Look until a look does not fail, before a change.

        Raises the errors of `_watch`.
        """
        return next(self._watch(look, SETTLE_SECONDS, why))

    @contextlib.contextmanager
    def _shortage_explained(self, name: str) -> Iterator[None]:
        """Let NoCapacity say what is short and what to do."""
        try:
            yield
        except errors.NoCapacity as error:
            raise errors.NoCapacity(log_hints.no_capacity(name, str(error))) from error

    def _order(self, wanted: marker.Wanted) -> interface.Order:
        """Return the order for SkyPilot, bounded by the seconds that are left."""
        order, left = wanted.order(), self._left()
        return order if left is None else dataclasses.replace(order, seconds=left)

    def _left(self) -> float | None:
        """Return the seconds that are left of a bounded call, 1 at least; None without a bound."""
        if self._deadline is None:
            return None
        return max(1.0, self._deadline - self._clock.now())


def endpoint(
    listed: str | None, server_url: str, serve_host: str | None = None, own_host: str | None = None
) -> str | None:
    """Return the address that clients use, with an IPv6 address in brackets.

    With its controller in the API server (consolidation mode) SkyServe lists localhost. This is
    replaced by the host that the stack names, or by the API server's host. The host that the
    deployment names replaces any host. The port and the path stay. A text that is no URL is
    returned as it is. Without an address the result is None.
    """
    if not listed:
        return None
    try:
        url = urllib.parse.urlsplit(listed if "//" in listed else f"http://{listed}")
        server = urllib.parse.urlsplit(server_url).hostname
    except ValueError:  # of brackets that do not match
        return listed
    host, port_ = _host_and_port(url.netloc)
    if own_host:
        host = _host(own_host)
    elif host.lower() in _LOCAL:
        host = _host(serve_host or "") or server or "localhost"
    shown = f"[{host}]" if ":" in host else host
    return urllib.parse.urlunsplit(url._replace(netloc=f"{shown}:{port_}" if port_ else shown))


_LOCAL = ("localhost", "127.0.0.1", "0.0.0.0", "::1", "::")  # noqa: S104 - names to replace


def _host_and_port(netloc: str) -> tuple[str, str]:
    """Return the parts of HOST:PORT; SkyPilot writes no brackets around an IPv6 address."""
    if netloc.startswith("["):
        host, _, rest = netloc[1:].partition("]")
        return host, rest.removeprefix(":")
    host, _, port_ = netloc.rpartition(":")
    return (host, port_) if host else (netloc, "")


def _host(text: str) -> str:
    """Return the host without a port, which an earlier release accepted beside it."""
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text if text.count(":") > 1 else text.partition(":")[0]


def gone(name: str) -> errors.NotFound:
    """Return the error of a cluster that ended while a call was at work on it."""
    return errors.NotFound(f"the cluster {name!r} is gone; `pulumi up --refresh` creates it again")


def require_place(allowed: Collection[str], enabled: frozenset[str]) -> None:
    """Raise Denied when the API server has credentials for other infra, and for none of these.

    An empty list is no refusal: SkyPilot drops a cluster that did not answer, and looks again at
    the next launch if it has nothing else (sky/check.py, get_cached_enabled_clouds_or_refresh).
    """
    if allowed and enabled and not any(is_enabled(place, enabled) for place in allowed):
        raise errors.Denied(
            f"infra: the API server has no credentials for {' or '.join(allowed)} (it has "
            f"{', '.join(sorted(enabled))}); set them up there and run `sky check`"
        )


def is_enabled(place: str, enabled: frozenset[str]) -> bool:
    """Return whether there are credentials for an infra string.

    Kubernetes and Slurm are listed by context and cluster, SSH by pool, other clouds without
    regions.
    """
    cloud, _, part = place.lower().partition("/")
    cloud = {"k8s": "kubernetes"}.get(cloud, cloud)
    listed = {name for name in enabled if name.split("/", maxsplit=1)[0] == cloud}
    if part in ("", "*") or listed == {cloud}:
        return bool(listed)
    return f"{cloud}/{part}" in listed
