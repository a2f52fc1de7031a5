"""Clusters as SkyPilot 0.14.1 was seen to run them."""

import dataclasses
from collections.abc import Sequence

from .. import errors
from ..plan import vllm
from ..skypilot import interface
from . import orders, state
from .clock import Clock

SETUP_SECONDS = 5.0
"""From the launch until a job runs."""
FAIL_SECONDS = 20.0
"""From the launch until a model that does not load has ended its job."""
ANSWER_SECONDS = 30.0
"""From the launch until the server answers."""

_HOSTS = "10.1.0."
"""How the addresses of the fake's machines begin."""


@dataclasses.dataclass
class _Job:
    id: int
    name: str
    order: interface.Order
    since: float
    ended_at: float | None = None
    end: str = ""


@dataclasses.dataclass
class _Cluster:
    name: str
    hash: str
    order: interface.Order
    address: str
    launched_at: float
    status: str = "UP"
    reason: str = ""
    autostop: tuple[int, bool] = (-1, False)
    jobs: list[_Job] = dataclasses.field(default_factory=list)


class Clusters(state.State):
    """Clusters over dictionaries."""

    def __init__(self, clock: Clock | None = None) -> None:
        super().__init__(clock)
        self.sets_up = True
        """Whether a new machine's set-up succeeds; else the launch fails and leaves it."""
        self._clusters: dict[str, _Cluster] = {}

    def kill_cluster(self, name: str) -> None:
        """Remove a cluster without a call of SkyPilot's."""
        del self._clusters[name]

    def end_job(self, name: str, status: str) -> None:
        """End the jobs of a cluster with a status: FAILED, or SUCCEEDED as after idling."""
        for job in self._running(self._clusters[name]):
            job.ended_at, job.end = self.clock.now(), status

    def stop_cluster(self, name: str) -> None:
        """Stop a cluster, as its autostop or `sky stop` does."""
        self.end_job(name, "FAILED")
        self._clusters[name].status = "STOPPED"

    def start_cluster(self, name: str) -> None:
        """Start a stopped cluster as `sky start` does: its job does not come back."""
        self._clusters[name].status = "UP"
        self._clusters[name].launched_at = self.clock.now()

    def break_cluster(self, name: str, reason: str) -> None:
        """Put a cluster into INIT, as SkyPilot does when a node is lost or its runtime fails."""
        self._clusters[name].status, self._clusters[name].reason = "INIT", reason

    def job_order(self, name: str) -> interface.Order:
        """Return the last order of a cluster, values included."""
        return self._clusters[name].jobs[-1].order

    def cluster(self, name: str, *, fresh: bool = True) -> interface.Cluster | None:  # noqa: ARG002
        """Return one cluster, or None."""
        self._called("cluster", name)
        cluster = self._clusters.get(name)
        if cluster is None:
            return None
        minutes, down = cluster.autostop
        return interface.Cluster(
            name=name,
            status=cluster.status,
            hash=cluster.hash,
            labels=labels(cluster.order),
            launched_at=cluster.launched_at,
            autostop_minutes=minutes,
            autostop_down=down,
            resources="1x(cpus=4, ...)",
            reason=cluster.reason,
            text=cluster.order.text,
        )

    def jobs(self, name: str) -> tuple[interface.Job, ...]:
        """Return the queue of a cluster, the newest job first."""
        self._called("jobs", name)
        cluster = self._up(name)
        self._running(cluster)
        return tuple(
            interface.Job(job.id, job.name, self._job_status(job), job.ended_at)
            for job in reversed(cluster.jobs)
        )

    def launch(self, name: str, order: interface.Order) -> None:
        """Make or start the cluster and submit the order as its job."""
        self._called("launch", name)
        cluster = self._clusters.get(name)
        if cluster is None:
            if not self.capacity:
                raise errors.NoCapacity(f"Failed to acquire resources. {self.shortage}")
            self._made += 1
            cluster = self._clusters[name] = _Cluster(
                name,
                f"cluster-{self._made}",
                order,
                f"{_HOSTS}{self._made}:{vllm.PORT}",
                self.clock.now(),
            )
        elif _machine(cluster.order) != _machine(order):
            raise errors.Invalid("Requested resources do not match the existing cluster.")
        if not self.sets_up:
            cluster.status = "INIT"
            raise errors.Failed("Failed to set up SkyPilot runtime on cluster.")
        if cluster.status != "UP":
            cluster.status, cluster.launched_at = "UP", self.clock.now()
        autostop = state.resources(order).get("autostop")
        if autostop:
            cluster.autostop = (autostop["idle_minutes"], autostop.get("down", False))
        self._submit(cluster, str(order.task["name"]), order)

    def exec(self, name: str, job: str, command: str) -> None:
        """Submit a command; it ends at once."""
        self._called(f"exec {name}", command)
        made = self._submit(self._up(name), job, orders.order(f"run: {command!r}"))
        made.ended_at, made.end = self.clock.now(), "SUCCEEDED"

    def cancel_jobs(self, name: str, jobs: Sequence[int]) -> None:
        """Cancel jobs."""
        self._called("cancel_jobs", name)
        for job in self._running(self._up(name)):
            if job.id in jobs:
                job.ended_at, job.end = self.clock.now(), "CANCELLED"

    def autostop(self, name: str, minutes: int, *, down: bool) -> None:
        """Set the autostop of a cluster that is UP."""
        self._called("autostop", name)
        self._up(name).autostop = (minutes, down)

    def address(self, name: str, port: int) -> str | None:  # noqa: ARG002 - the fake opens all
        """Return the address of a cluster that is UP."""
        self._called("address", name)
        return self._up(name).address

    def job_log(self, name: str, job: int, lines: int) -> tuple[str, ...]:
        """Return a job's log, which says why the model did not start if it did not."""
        self._called("job_log", name)
        served = next(entry for entry in self._up(name).jobs if entry.id == job)
        if self._fails(served):
            return self.why[-lines:]
        return ("INFO Application startup complete.",)[-lines:]

    def _submit(self, cluster: _Cluster, name: str, order: interface.Order) -> _Job:
        job = _Job(len(cluster.jobs) + 1, name, order, self.clock.now())
        cluster.jobs.append(job)
        return job

    def _up(self, name: str) -> _Cluster:
        cluster = self._clusters.get(name)
        if cluster is None:
            raise errors.NotFound(f"Cluster {name!r} does not exist.")
        if cluster.status != "UP":
            raise errors.NoAnswer(f"Cluster {name!r} is {cluster.status}.")  # ClusterNotUpError
        return cluster

    def _running(self, cluster: _Cluster) -> list[_Job]:
        """Return the jobs that have not ended; a model that does not load ends its own job."""
        for job in cluster.jobs:
            end = job.since + FAIL_SECONDS
            if job.ended_at is None and self._fails(job) and self.clock.now() >= end:
                job.ended_at, job.end = end, "FAILED"
        return [job for job in cluster.jobs if job.ended_at is None]

    def _fails(self, job: _Job) -> bool:
        return not self.loads or "does-not-load" in job.order.text

    def _job_status(self, job: _Job) -> str:
        if job.ended_at is not None:
            return job.end
        return "SETTING_UP" if self.clock.now() - job.since < SETUP_SECONDS else "RUNNING"

    def _cluster_machines(self) -> list[interface.Machine]:
        return [
            interface.Machine(
                cluster.name,
                labels(cluster.order),
                hash=cluster.hash,
                status=cluster.status,
                launched_at=cluster.launched_at,
                hourly=state.hourly(cluster.order),
                infra=state.infra(cluster.order),
                spot=state.spot(cluster.order),
            )
            for cluster in self._clusters.values()
        ]

    def _orders_at(self, url: str) -> list[interface.Order] | None:
        """Return the orders that answer at a cluster's address; None when it is no cluster's.

        At the port of clusters on any other host all of them answer: it stands for the host that a
        deployment names, and the fake does not know which cluster is behind it.
        """
        clusters = [cluster for cluster in self._clusters.values() if cluster.address in url]
        if not clusters and f":{vllm.PORT}" in url and _HOSTS not in url:
            clusters = list(self._clusters.values())
        if not clusters:
            return None
        now = self.clock.now()
        return [
            job.order
            for cluster in clusters
            for job in self._running(cluster)
            if cluster.status == "UP" and now - job.since >= ANSWER_SECONDS
        ]


def labels(order: interface.Order) -> dict[str, str]:
    """Return the labels of the machines that an order asks for."""
    content = state.resources(order).get("labels")
    return content if isinstance(content, dict) else {}


def _machine(order: interface.Order) -> dict[str, object]:
    """Return what must be equal for a cluster to be used again: neither CPUs nor memory."""
    compared = ("infra", "accelerators", "use_spot")
    return {key: value for key, value in state.resources(order).items() if key in compared}
