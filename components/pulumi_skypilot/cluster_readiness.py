"""Wait until the server on a cluster answers, or say why it does not."""

import dataclasses
from collections.abc import Callable

from . import advice, lifecycle, marker, port, readiness, spec, vllm

POLL_SECONDS = 3.0
ASKS = 5
"""How often the server is asked before its job is looked at again, which takes seconds."""

START_SECONDS = 1200.0
"""Time for a model to be fetched and loaded, as SkyServe's probe gives a replica."""

_GOING = ("INIT", "PENDING", "SETTING_UP", "RUNNING")


@dataclasses.dataclass(frozen=True)
class Expected:
    """What is to answer."""

    name: str
    mark: str
    digest: str
    model: str
    timeout_seconds: float


class Wait:
    """Waits for the server of one cluster."""

    def __init__(
        self,
        sky: port.SkyPilot,
        clock: lifecycle.Clock | None = None,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._sky = sky
        self._clock = clock or lifecycle.SystemClock()
        self._say = say

    def until_ready(self, expected: Expected, api_key: str | None) -> str:
        """Wait for the model to answer; the address where it does.

        Raises Failed when the job has ended or the cluster is stopped, NotFound, TimedOut.
        """
        start = answered = self._clock.now()
        job: port.Job | None = None
        while True:
            try:
                # The server first: it is asked in no time, its job in 10 s and more.
                address = self._answer(expected, api_key)
                if address is not None:
                    return address
                job = self._job(expected)
                answered = self._clock.now()
                self._say(f"{expected.name}: job {job.id} is {job.status}")
            except port.Unreachable:
                # A server under load, or a node that is being joined, comes back.
                if self._clock.now() - answered > readiness.SILENCE_SECONDS:
                    raise
                self._clock.sleep(POLL_SECONDS)
            waited = self._clock.now() - start
            if waited > expected.timeout_seconds:
                why = self._why(expected.name, job)
                raise port.TimedOut(
                    f"{expected.name}: no answer after {waited:.0f} s{why}; its server goes on, "
                    "and pulumi up waits again (timeouts.ready says how long)"
                )

    def _job(self, expected: Expected) -> port.Job:
        """The job that serves. Raises when it does not, or cannot any more."""
        name = expected.name
        try:
            jobs = self._sky.jobs(name)
        except port.NotFound:
            raise port.NotFound(
                f"the cluster {name!r} is gone; `pulumi up --refresh` makes it anew"
            ) from None
        except port.Unreachable:
            found = self._sky.cluster(name)
            if found is not None and found.status in ("STOPPED", "AUTOSTOPPING"):
                raise port.Failed(f"{name}: the cluster is {found.status}") from None
            raise
        wanted = marker.job_name(expected.mark, expected.digest)
        job = next((one for one in jobs if one.name == wanted), None)
        if job is None:
            raise port.NotFound(f"{name}: the server was never started; run `pulumi refresh`")
        if job.status == "SUCCEEDED":
            raise port.Failed(
                f"{name}: the server has ended before it was asked anything; is autostop.idle long "
                "enough?"
            )
        if job.status not in _GOING:
            raise port.Failed(
                f"{name}: job {job.id} is {job.status}{self._why(name, job)}; all of it: sky logs "
                f"{name} {job.id}. Change the spec and run pulumi up, or start the server again as "
                "it is (pulumi up --refresh)"
            )
        return job

    def _answer(self, expected: Expected, api_key: str | None) -> str | None:
        try:
            listed = self._sky.address(expected.name, vllm.PORT)
        except port.SkyPilotError:
            return None  # a cluster that is not UP has none: its job tells why
        address = lifecycle.endpoint(listed, "")
        for _ in range(ASKS):
            if readiness.answers(self._sky, address, expected.model, api_key):
                return address
            self._clock.sleep(POLL_SECONDS)
        return None

    def _why(self, name: str, job: port.Job | None) -> str:
        try:
            return advice.telling(self._sky.job_log(name, job.id, 200)) if job else ""
        except port.SkyPilotError:
            return ""  # the log explains; without it the state still tells


def timeout_seconds(wanted: spec.Spec) -> float:
    """How long to wait for the server: what the spec says, else time for machine and model."""
    told = wanted.timeouts.ready if wanted.timeouts else None
    return float(told or readiness.PROVISION_SECONDS + START_SECONDS)


def restart_seconds(wanted: spec.Spec) -> float:
    """Return how long an update waits for the new server at the most, within `timeouts.update`."""
    seconds, bound = timeout_seconds(wanted), wanted.timeouts.update
    return seconds if bound is None else min(seconds, bound)
