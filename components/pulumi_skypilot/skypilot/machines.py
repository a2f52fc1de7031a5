"""What the port says of clusters and of their jobs, by sky's own calls."""

import io
import re
import typing
from collections.abc import Mapping, Sequence

from .. import port
from . import calls, errors

_PREFIX = re.compile(r"^\(.*?pid=\d+.*?\) ")
_FRAME = re.compile(r"[├└]──|✓ Job finished|ERROR: Job \d+ failed with return code")
"""Lines of SkyPilot's own round a job's log."""

_LAUNCH_SECONDS = 3600.0
"""A launch may try many places, and a machine may pull an image of 8 GB before its job begins."""


class MachineCalls(calls.Calls):
    """Clusters, those of replicas among them, and the requests that make them."""

    def cluster(self, name: str, *, fresh: bool = True) -> port.Cluster | None:
        """One cluster, or None when there is none; fresh: as the cloud has it now."""

        def ask(sky: typing.Any) -> port.Cluster | None:
            modes = sky.utils.common.StatusRefreshMode
            mode = modes.FORCE if fresh else modes.NONE
            records = sky.get(sky.status([name], refresh=mode, all_users=True))
            return next((_cluster(one) for one in records if one["name"] == name), None)

        return self._ask(ask, seconds=300)

    def jobs(self, name: str) -> tuple[port.Job, ...]:
        """The queue of a cluster that is UP, the newest job first."""

        def ask(sky: typing.Any) -> tuple[port.Job, ...]:
            return tuple(_job(one) for one in sky.get(sky.queue(name, all_users=True)))

        found = self._ask(ask, seconds=180)
        return tuple(sorted(found, key=lambda job: job.id, reverse=True))

    def launch(self, name: str, order: port.Order) -> None:
        """Make or start the cluster and submit the order as its job."""
        self._ask(
            lambda sky: sky.get(sky.launch(calls.task(sky, order), name)),
            seconds=order.seconds or _LAUNCH_SECONDS,
        )

    def exec(self, name: str, job: str, command: str) -> None:
        """Submit a command as a job beside what runs on a cluster that is UP."""
        self._ask(lambda sky: sky.get(sky.exec(sky.Task(name=job, run=command), name)), seconds=300)

    def cancel_jobs(self, name: str, jobs: Sequence[int]) -> None:
        """End jobs."""
        self._ask(
            lambda sky: sky.get(sky.cancel(name, job_ids=list(jobs), all_users=True)), seconds=180
        )

    def autostop(self, name: str, minutes: int, *, down: bool) -> None:
        """Stop a cluster, or take it down, once it had no job for so long; below 0: never."""

        def ask(sky: typing.Any) -> None:
            # Not jobs_and_ssh: somebody's forgotten terminal would keep the machine for ever.
            jobs = sky.skylet.autostop_lib.AutostopWaitFor.JOBS
            sky.get(sky.autostop(name, minutes, wait_for=jobs, down=down))

        self._ask(ask, seconds=180)

    def address(self, name: str, port: int) -> str | None:
        """Where a cluster that is UP answers on a port, as host:port."""

        def ask(sky: typing.Any) -> str | None:
            found: Mapping[int, str] = sky.get(sky.endpoints(name, port))
            return next(iter(found.values()), None)

        return self._ask(ask, seconds=120)

    def job_log(self, name: str, job: int, lines: int) -> tuple[str, ...]:
        """The last lines of a job's log."""

        def ask(sky: typing.Any) -> tuple[str, ...]:
            out = io.StringIO()
            sky.tail_logs(name, job, follow=False, tail=lines, output_stream=out)
            text = (_PREFIX.sub("", errors.clean(line)) for line in out.getvalue().splitlines())
            return tuple(line for line in text if line and not _FRAME.match(line))[-lines:]

        return self._ask(ask, seconds=60)

    def machines(self) -> tuple[port.Machine, ...]:
        """Every live cluster of the server.

        `status` hides the machines of replicas (backends/backend_utils.py:4066); the cost report
        has them all, and is how a replica that a `down` has forgotten is found.
        """

        def ask(sky: typing.Any) -> tuple[port.Machine, ...]:
            seen = {record["name"] for record in sky.get(sky.status(all_users=True))}
            return tuple(
                port.Machine(
                    name=record["name"],
                    labels=dict(getattr(record["resources"], "labels", None) or {}),
                    managed=record["name"] not in seen,
                    status=record["status"].value,
                    launched_at=record["launched_at"],
                )
                for record in sky.get(sky.cost_report(days=1))
                if record["status"] is not None
            )

        return self._ask(ask, seconds=120)

    def machine_down(self, name: str) -> None:
        """Terminate a cluster; never with purge, which forgets a machine that stays."""
        self._ask(lambda sky: sky.get(sky.down(name)), seconds=600)

    def active(self, name: str) -> tuple[str, ...]:
        """Ids of requests under way that make this cluster or service, or name this mark."""
        return self._ask(
            lambda sky: tuple(
                request.request_id
                for request in sky.api_status(all_status=False)
                if makes(request, name)
            ),
            seconds=60,
        )

    def cancel(self, request: str) -> None:
        """Abort a request."""
        self._ask(
            lambda sky: sky.get(sky.api_cancel([request], all_users=True, silent=True)), seconds=60
        )


def makes(request: typing.Any, name: str) -> bool:
    """Whether a request makes this cluster or service, or names this mark.

    The launch of a replica names its service and its mark too, and may go on for as long as no
    place has the machine: it is the service's own business, and a `down` ends it.
    """
    if not request.name.endswith(("launch", "serve.up", "serve.update")):
        return False
    if request.cluster_name == name:
        return True
    if request.name.endswith("launch") and re.search(r"-\d+$", request.cluster_name or ""):
        return False
    named = re.compile(rf"(?<![\w.-]){re.escape(name)}(?![\w.-])")
    return named.search(request.request_body or "") is not None


def _cluster(record: Mapping[str, typing.Any]) -> port.Cluster:
    return port.Cluster(
        name=record["name"],
        status=record["status"].value,
        hash=record["cluster_hash"],
        labels=dict(record.get("labels") or {}),
        launched_at=float(record["launched_at"]),
        autostop_minutes=int(record["autostop"]),
        autostop_down=bool(record["to_down"]),
        resources=record.get("resources_str") or "",
        reason=errors.clean(record.get("init_status_reason") or ""),
        text=record.get("last_creation_yaml"),
    )


def _job(record: Mapping[str, typing.Any]) -> port.Job:
    return port.Job(record["job_id"], record["job_name"], record["status"].value, record["end_at"])
