"""What the port says of clusters and of their jobs, by sky's own calls."""

import io
import json
import re
import typing
from collections.abc import Iterator, Mapping, Sequence

import yaml

from . import interface, sdk_calls, translation

_PREFIX = re.compile(r"^\(.*?pid=\d+.*?\) ")
_FRAME = re.compile(r"[├└]──|✓ Job finished|ERROR: Job \d+ failed with return code")
"""Lines of SkyPilot's own round a job's log."""

_LAUNCH = "sky.launch"
_MAKES = {_LAUNCH: "launch", "sky.serve.up": "up", "sky.serve.update": "update"}
"""The requests that make a cluster or a service (sky/server/requests/request_names.py), and not
`sky.jobs.launch`, which makes a managed job."""

_LAUNCH_SECONDS = 3600.0
"""A launch may try many places, and a machine may pull an image of 8 GB before its job begins."""


class MachineCalls(sdk_calls.Calls):
    """Clusters, those of replicas among them, and the requests that make them."""

    def cluster(self, name: str, *, fresh: bool = True) -> interface.Cluster | None:
        """One cluster, or None when there is none; fresh: as the cloud has it now."""

        def ask(sky: typing.Any) -> interface.Cluster | None:
            modes = sky.utils.common.StatusRefreshMode
            mode = modes.FORCE if fresh else modes.NONE
            records = sky.get(sky.status([name], refresh=mode, all_users=True))
            return next((_cluster(one) for one in records if one["name"] == name), None)

        return self._look(ask, seconds=300)

    def jobs(self, name: str) -> tuple[interface.Job, ...]:
        """The queue of a cluster that is UP, the newest job first."""

        def ask(sky: typing.Any) -> tuple[interface.Job, ...]:
            jobs = [_job(record) for record in sky.get(sky.queue(name, all_users=True))]
            return tuple(sorted(jobs, key=lambda job: job.id, reverse=True))

        return self._look(ask, seconds=180)

    def launch(self, name: str, order: interface.Order) -> None:
        """Make or start the cluster and submit the order as its job."""
        self._ask(
            lambda sky: sky.get(sky.launch(sdk_calls.task(sky, order), name)),
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

        return self._look(ask, seconds=120)

    def job_log(self, name: str, job: int, lines: int) -> tuple[str, ...]:
        """The last lines of a job's log."""

        def ask(sky: typing.Any) -> tuple[str, ...]:
            out = io.StringIO()
            sky.tail_logs(name, job, follow=False, tail=lines, output_stream=out)
            text = (
                _PREFIX.sub("", translation.clean(line)) for line in out.getvalue().splitlines()
            )
            return tuple(line for line in text if line and not _FRAME.match(line))[-lines:]

        return self._look(ask, seconds=60)

    def machines(self) -> tuple[interface.Machine, ...]:
        """Every live cluster of the server.

        `status` hides what a controller has launched: replicas, and the clusters of managed jobs
        (sky/backends/backend_utils.py, get_clusters). The cost report has them all, and is how a
        replica that a `down` has forgotten is found. Whose they are only the labels tell.
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
                )
                for record in sky.get(sky.cost_report(days=1))
                if record["status"] is not None
            )

        return self._look(ask, seconds=120)

    def machine_down(self, name: str) -> None:
        """Terminate a cluster; never with purge, which forgets a machine that stays."""
        self._ask(lambda sky: sky.get(sky.down(name)), seconds=600)

    def requests(self) -> tuple[interface.Request, ...]:
        """Every request under way that makes or changes a cluster or a service."""

        def ask(sky: typing.Any) -> tuple[interface.Request, ...]:
            seen = (request(payload) for payload in sky.api_status(all_status=False))
            return tuple(one for one in seen if one is not None)

        return self._look(ask, seconds=60)

    def cancel(self, request: str) -> None:
        """Abort a request, given its id."""
        # all_users: a colleague's too, who works on the same stack. Only this id is aborted.
        self._ask(
            lambda sky: sky.get(sky.api_cancel([request], all_users=True, silent=True)), seconds=60
        )


def request(payload: typing.Any) -> interface.Request | None:
    """Return what a request makes, or None when it makes neither a cluster nor a service.

    The body of another user's request is not shown (sky/server/requests/requests.py,
    _request_body_for_display). Then a launch still tells its cluster; of a service nothing is told.
    """
    kind = _MAKES.get(payload.name)
    if kind is None:
        return None
    body = json.loads(payload.request_body or "null")
    if not isinstance(body, dict):
        name = (payload.cluster_name or "") if kind == "launch" else ""
        return interface.Request(payload.request_id, kind, name)
    if body.get("is_launched_by_sky_serve_controller"):
        kind = interface.REPLICA
    name = body.get("cluster_name" if payload.name == _LAUNCH else "service_name") or ""
    return interface.Request(payload.request_id, kind, name, _labels(body.get("task") or ""))


def _labels(text: str) -> dict[str, str] | None:
    """Return the labels that all machines of a task have; None when it cannot be read."""
    try:
        documents = list(yaml.safe_load_all(text))
    except yaml.YAMLError:
        return None
    first, *others = list(_all_labels(documents, inside=False)) or [{}]
    return {
        key: value for key, value in first.items() if all(one.get(key) == value for one in others)
    }


def _all_labels(content: object, *, inside: bool) -> Iterator[dict[str, str]]:
    """Yield the labels of each choice of resources (`any_of`, `ordered`), inside `resources`."""
    if isinstance(content, list):
        for part in content:
            yield from _all_labels(part, inside=inside)
    elif isinstance(content, dict):
        if inside and isinstance(content.get("labels"), dict):
            yield content["labels"]
        for key, part in content.items():
            if inside or key == "resources":
                yield from _all_labels(part, inside=True)


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


def _text(value: typing.Any) -> str:
    """A text that has to be there: a record without it is of no use."""
    if not isinstance(value, str):
        raise TypeError(f"a record has {value!r} in place of a text")
    return value
