"""The wait until the server on a cluster answers, or the reason why it does not."""

import dataclasses
from collections.abc import Callable, Sequence

from .. import errors
from ..plan import vllm
from ..skypilot import interface, looks
from . import log_hints, marker, operations, probe

POLL_SECONDS = 3.0
ASKS = 5
"""How often to ask the server before the next look at its job, which takes seconds."""

_WAY_IN = (
    f"its server may not listen yet; else make port {vllm.PORT} reachable from here (check "
    "firewalls and its machine's security group), or set the deployment's host to the host that "
    "clients use"
)
_AWAY = ("STOPPED", "AUTOSTOPPING")
_GOING = ("INIT", "PENDING", "SETTING_UP", "RUNNING")


@dataclasses.dataclass(frozen=True)
class Expected:
    """A server that is expected to answer."""

    name: str
    mark: str
    digest: str
    model: str
    timeout_seconds: float
    adapters: tuple[str, ...] = dataclasses.field(default=(), kw_only=True)
    """The names of the adapters that it must serve, too."""
    host: str | None = None
    """The host that clients use, if it is not the machine's own address."""


class Wait:
    """A wait for the server of one cluster."""

    def __init__(
        self,
        sky: interface.SkyPilot,
        clock: operations.Clock | None = None,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._sky = sky
        self._clock = clock or operations.SystemClock()
        self._say = say
        self._missing = ""
        """What happened when the server was last asked, if the model did not answer."""

    def until_ready(self, expected: Expected, api_key: str | None) -> str:
        """Wait for the model to answer; return the address where it does.

        Raises Failed when the job has ended or the cluster is stopped, NotFound, TimedOut.
        """
        start = self._clock.now()
        patience = looks.Patience(self._clock, answered=True)
        job: interface.Job | None = None
        while True:
            # Ask the server first: that is quick, while a look at its job takes 10 s and more.
            address = self._answer(expected, api_key)
            if address is not None:
                return address
            try:
                status, jobs = self._look(expected.name)
            except errors.SkyPilotError as error:
                # A server under load, or a node that is being joined, comes back.
                patience.bear(error)
                self._clock.sleep(POLL_SECONDS)
            else:
                patience.answered()
                job = self._job(expected, status, jobs)
                self._say(f"{expected.name}: job {job.id} is {job.status}")
            waited = self._clock.now() - start
            if waited > expected.timeout_seconds:
                state = f"job {job.id} is {job.status}" if job else "its job was not seen"
                why = self._why(expected.name, job)
                raise errors.TimedOut(
                    f"{expected.name}: {state}, no answer after {waited:.0f} s{why}; "
                    f"{self._missing}{patience.ending()}; its server goes on, and pulumi up waits "
                    "again (timeouts.ready says how long)"
                )

    def _look(self, name: str) -> tuple[str | None, Sequence[interface.Job]]:
        """Return the cluster's status, None when it is gone, and its jobs while it is UP."""
        try:
            return "UP", self._sky.jobs(name)
        except errors.NotFound:
            return None, ()
        except errors.SkyPilotError:
            cluster = self._sky.cluster(name)
            if cluster is not None and cluster.status not in _AWAY:
                raise
            return cluster.status if cluster else None, ()

    def _job(
        self, expected: Expected, status: str | None, jobs: Sequence[interface.Job]
    ) -> interface.Job:
        """Return the job that serves. Raises NotFound or Failed when it cannot answer any more."""
        name = expected.name
        if status is None:
            raise operations.gone(name)
        if status in _AWAY:
            raise errors.Failed(
                f"{name}: the cluster is {status}; start it (sky start {name}), then run "
                "pulumi up --refresh"
            )
        job_name = marker.job_name(expected.mark, expected.digest)
        job = next((entry for entry in jobs if entry.name == job_name), None)
        if job is None:
            raise errors.NotFound(f"{name}: the server was never started; run `pulumi refresh`")
        if job.status == "SUCCEEDED":
            raise errors.Failed(
                f"{name}: the server ended before it got a request; raise autostop.idle"
            )
        if job.status not in _GOING:
            raise errors.Failed(
                f"{name}: job {job.id} is {job.status}{self._why(name, job)}; all of it: sky logs "
                f"{name} {job.id}. Change the spec and run pulumi up, or start the server again as "
                "it is (pulumi up --refresh)"
            )
        return job

    def _answer(self, expected: Expected, api_key: str | None) -> str | None:
        """Return the address where the model answers; None, and keep the reason, if it does not."""
        try:
            listed = self._sky.address(expected.name, vllm.PORT)
        except errors.SkyPilotError as error:
            # A cluster that is not UP has no address: its status or job tells why.
            self._missing = f"SkyPilot reports no address of it ({error})"
            return None
        address = operations.endpoint(listed, "", own_host=expected.host)
        if address is None:
            self._missing = f"SkyPilot reports no address of its port {vllm.PORT}"
            self._clock.sleep(POLL_SECONDS)
            return None
        asked = probe.Asked(expected.model, api_key, adapters=expected.adapters, way_in=_WAY_IN)
        for _ in range(ASKS):
            missing = probe.missing(self._sky, address, asked)
            if missing is None:
                return address
            self._missing = missing
            self._clock.sleep(POLL_SECONDS)
        return None

    def _why(self, name: str, job: interface.Job | None) -> str:
        try:
            return log_hints.telling(self._sky.job_log(name, job.id, 200)) if job else ""
        except errors.SkyPilotError:
            return ""  # the log explains; without it the state still tells
