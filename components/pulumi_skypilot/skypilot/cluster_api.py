"""The interface's calls for clusters and their jobs, made with sky's own calls."""

import contextlib
import io
import re
import typing
from collections.abc import Mapping, Sequence

from . import interface, kubernetes_refusals, sdk_calls, sdk_private, translation

JOB_PREFIX = re.compile(r"^\(.*?pid=\d+.*?\) ")
JOB_FRAME = re.compile(r"[├└]──|✓ Job finished|ERROR: Job \d+ failed with return code")
"""The lines that SkyPilot itself writes around a job's log."""

_LAUNCH_SECONDS = 3600.0
"""A launch may try many places, and a machine may pull an image of 8 GB before its job begins."""


class MachineCalls(sdk_calls.Calls):
    """The calls for clusters, replicas' included, and for the requests that make them."""

    def cluster(self, name: str, *, fresh: bool = True) -> interface.Cluster | None:
        """Return one cluster, or None when there is none; `fresh` asks the cloud now."""

        def ask(sky: typing.Any) -> interface.Cluster | None:
            modes = sky.utils.common.StatusRefreshMode
            mode = modes.FORCE if fresh else modes.NONE
            records = sky.get(sky.status([name], refresh=mode, all_users=True))
            return next((_cluster(record) for record in records if record["name"] == name), None)

        return self._look(ask, seconds=300)

    def jobs(self, name: str) -> tuple[interface.Job, ...]:
        """Return the queue of a cluster that is UP, the newest job first."""

        def ask(sky: typing.Any) -> tuple[interface.Job, ...]:
            jobs = [_job(record) for record in sky.get(sky.queue(name, all_users=True))]
            return tuple(sorted(jobs, key=lambda job: job.id, reverse=True))

        return self._look(ask, seconds=180)

    def launch(self, name: str, order: interface.Order) -> None:
        """Make or start the cluster and submit the order as its job."""

        def ask(sky: typing.Any) -> None:
            request = sky.launch(sdk_calls.task(sky, order), name)
            try:
                sky.get(request)
            except sky.exceptions.ResourcesUnavailableError as error:
                raise type(error)(f"{error}{_refusal(sky, request)}") from error

        self._ask(ask, seconds=order.seconds or _LAUNCH_SECONDS)

    def exec(self, name: str, job: str, command: str) -> None:
        """Submit a command as a job beside what runs on a cluster that is UP."""
        self._ask(lambda sky: sky.get(sky.exec(sky.Task(name=job, run=command), name)), seconds=300)

    def cancel_jobs(self, name: str, jobs: Sequence[int]) -> None:
        """Cancel jobs of any user, given their ids."""
        self._ask(
            lambda sky: sky.get(sky.cancel(name, job_ids=list(jobs), all_users=True)), seconds=180
        )

    def autostop(self, name: str, minutes: int, *, down: bool) -> None:
        """Stop a cluster, or take it down, after so many minutes without a job; below 0: never."""

        def ask(sky: typing.Any) -> None:
            # Not jobs_and_ssh: a forgotten terminal would keep the machine for ever.
            jobs = sky.skylet.autostop_lib.AutostopWaitFor.JOBS
            sky.get(sky.autostop(name, minutes, wait_for=jobs, down=down))

        self._ask(ask, seconds=180)

    def address(self, name: str, port: int) -> str | None:
        """Return the host:port at which a cluster that is UP answers on a port; None if unknown."""

        def ask(sky: typing.Any) -> str | None:
            addresses: Mapping[int, str] = sky.get(sky.endpoints(name, port))
            return next(iter(addresses.values()), None)

        return self._look(ask, seconds=120)

    def job_log(self, name: str, job: int, lines: int) -> tuple[str, ...]:
        """Return the last lines of a job's log."""

        def ask(sky: typing.Any) -> tuple[str, ...]:
            out = io.StringIO()
            sky.tail_logs(name, job, follow=False, tail=lines, output_stream=out)
            text = (
                JOB_PREFIX.sub("", translation.clean(line)) for line in out.getvalue().splitlines()
            )
            return tuple(line for line in text if line and not JOB_FRAME.match(line))[-lines:]

        return self._look(ask, seconds=60)

    def machines(self) -> tuple[interface.Machine, ...]:
        """Return every live cluster of the server.

        `status` hides what a controller has launched: replicas, and the clusters of managed jobs
        (sky/backends/backend_utils.py, get_clusters). The cost report lists them all, also
        a replica that a `down` has forgotten. Only the labels show whose they are.
        """

        def ask(sky: typing.Any) -> tuple[interface.Machine, ...]:
            return tuple(
                interface.Machine(
                    name=record["name"],
                    # None where SkyPilot cannot read what some old cluster was made from.
                    labels=dict(getattr(record["resources"], "labels", None) or {}),
                    hash=record["cluster_hash"] or "",
                    status=record["status"].value,
                    launched_at=record["launched_at"],
                    hourly=_hourly(record),
                    infra=_infra(record["resources"]),
                    spot=bool(getattr(record["resources"], "use_spot", False)),
                )
                for record in sky.get(sky.cost_report(days=1))
                if record["status"] is not None
            )

        return self._look(ask, seconds=120)

    def machine_down(self, name: str) -> None:
        """Terminate a cluster; never with purge, which forgets a machine that still runs."""
        self._ask(lambda sky: sky.get(sky.down(name)), seconds=600)

    def requests(self) -> tuple[interface.Request, ...]:
        """Return every request under way that makes or changes a cluster or a service."""

        def ask(sky: typing.Any) -> tuple[interface.Request, ...]:
            seen = (sdk_private.request(payload) for payload in sky.api_status(all_status=False))
            return tuple(request for request in seen if request is not None)

        return self._look(ask, seconds=60)

    def cancel(self, request: str) -> None:
        """Abort a request, given its id."""
        # all_users: a colleague may have sent it for the same stack. Only this id is aborted.
        self._ask(
            lambda sky: sky.get(sky.api_cancel([request], all_users=True, silent=True)), seconds=60
        )


def _refusal(sky: typing.Any, request: str) -> str:
    """Return the last refusal by Kubernetes in a request's log, or nothing.

    SkyPilot leaves it out of its error (sky/provision/kubernetes/instance.py, run_instances).
    """
    log = io.StringIO()
    with contextlib.suppress(Exception):  # the error of the request comes again
        sky.client.sdk.stream_and_get(request, output_stream=log)
    refusals = re.findall(kubernetes_refusals.ANSWER, log.getvalue())
    return f" {refusals[-1]}" if refusals else ""


def _cluster(record: Mapping[str, typing.Any]) -> interface.Cluster:
    return interface.Cluster(
        name=record["name"],
        status=record["status"].value,
        hash=_text(record["cluster_hash"]),
        labels=dict(record["labels"] or {}),
        launched_at=float(record["launched_at"]),
        autostop_minutes=int(record["autostop"]),
        autostop_down=bool(record["to_down"]),
        resources=record.get("resources_str") or "",
        reason=translation.clean(record.get("init_status_reason") or ""),
        text=record.get("last_creation_yaml"),
    )


def _job(record: Mapping[str, typing.Any]) -> interface.Job:
    return interface.Job(
        id=int(record["job_id"]),
        name=_text(record["job_name"]),
        status=record["status"].value,
        ended_at=record["end_at"],
    )


def _infra(resources: typing.Any) -> str:
    """Return the place of a cluster as SkyPilot shows it; "" when it does not know."""
    if getattr(resources, "cloud", None) is None:
        return ""
    return str(resources.infra.formatted_str())


def _hourly(record: Mapping[str, typing.Any]) -> float | None:
    """Return USD an hour; None without a price, for which SkyPilot counts 0.

    See sky/core.py, cost_report.
    """
    seconds, total = record.get("duration"), record.get("total_cost")
    return total / seconds * 3600 if seconds and total else None


def _text(value: typing.Any) -> str:
    """Return a required text; raise TypeError when a record has something else in its place."""
    if not isinstance(value, str):
        raise TypeError(f"a record has {value!r} in place of a text")
    return value
