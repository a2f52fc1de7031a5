"""What the life cycle asks of SkyPilot: the calls, and the values that they return."""

import dataclasses
import typing
from collections.abc import Mapping, Sequence

REPLICA = "replica"
"""The kind of a request by which SkyServe launches a replica."""


@dataclasses.dataclass(frozen=True)
class Server:
    """An API server, and who we are to it."""

    url: str
    user: str
    workspace: str
    since: str = ""
    """Eight hexadecimal digits that tell its database from any other; "" when it does not say."""


@dataclasses.dataclass(frozen=True)
class Replica:
    """One replica of a service."""

    id: int
    status: str
    version: int
    launched: bool
    """Its machine has a row in SkyPilot's database: from then on a `down` finds it."""
    infra: str = ""


@dataclasses.dataclass(frozen=True)
class Service:
    """A service as SkyServe knows it."""

    name: str
    status: str
    version: int
    active_versions: tuple[int, ...]
    hash: str
    endpoint: str | None
    text: str | None
    """The task as its author wrote it; None while an update is half made."""
    replicas: tuple[Replica, ...] = ()


@dataclasses.dataclass(frozen=True)
class Cluster:
    """A cluster as SkyPilot knows it after asking the cloud."""

    name: str
    status: str
    """INIT (being made, or broken), UP, STOPPED or AUTOSTOPPING."""
    hash: str
    labels: Mapping[str, str]
    launched_at: float
    """When it was last made or started, in seconds since 1970."""
    autostop_minutes: int
    """How long it may have no job before it is stopped; below 0: for ever."""
    autostop_down: bool
    """Whether it is then taken down instead."""
    resources: str = ""
    reason: str = ""
    """Why it is INIT."""
    text: str | None = dataclasses.field(default=None, repr=False)
    """The task that made it, as its author wrote it, values of env included; None if unknown."""


@dataclasses.dataclass(frozen=True)
class Job:
    """A job in a cluster's queue."""

    id: int
    name: str
    status: str
    """As SkyPilot has it (sky/skylet/job_lib.py, JobStatus)."""
    ended_at: float | None = None
    """In seconds since 1970."""


@dataclasses.dataclass(frozen=True)
class Machine:
    """A cluster that costs money now, replicas' hidden ones too."""

    name: str
    labels: Mapping[str, str]
    hash: str = ""
    """SkyPilot's id of this incarnation: another one may take the name."""
    status: str = ""
    """As SkyPilot's own record has it: INIT, UP, STOPPED or AUTOSTOPPING."""
    launched_at: float | None = None
    """In seconds since 1970."""


@dataclasses.dataclass(frozen=True)
class Request:
    """A request under way that makes or changes a cluster or a service, of any user."""

    id: str
    kind: str
    """launch, replica (the launch of one, by SkyServe), up or update."""
    name: str
    """The cluster or service; "" when SkyPilot does not show it."""
    labels: Mapping[str, str] | None = None
    """The labels of the machines; None when SkyPilot does not show them: another user's."""


@dataclasses.dataclass(frozen=True)
class Tls:
    """What a load balancer proves itself by, as PEM text."""

    certificate: str
    key: str = dataclasses.field(repr=False)


@dataclasses.dataclass(frozen=True)
class Order:
    """What to run: a task, in which env and secret values are null, and the values."""

    text: str
    """The task as SkyPilot keeps it, with comments."""
    task: Mapping[str, typing.Any]
    """The same as a table."""
    env: Mapping[str, str] = dataclasses.field(default_factory=dict, repr=False)
    secrets: Mapping[str, str] = dataclasses.field(default_factory=dict, repr=False)
    tls: Tls | None = None
    blue_green: bool = False
    """Whether an update lets the old version answer everything until the new one is ready."""
    seconds: float | None = None
    """How long SkyPilot may take over it; None: the call's own bound."""


LOOKS = (
    *("server", "places", "service", "services", "log", "machines", "cluster", "jobs"),
    *("address", "job_log", "requests", "listens", "get"),
)
"""The calls of the port below that change nothing."""


class SkyPilot(typing.Protocol):
    """All that the life cycle asks of SkyPilot. Raises the errors above and nothing else."""

    def server(self) -> Server:
        """Who answers, and who we are to it."""

    def places(self) -> frozenset[str]:
        """The infra that the server has credentials for, in lower case."""

    def wake(self) -> None:
        """Start SkyServe's controller, if it is a machine that has stopped."""

    def service(self, name: str) -> Service | None:
        """One service, or None when the server says that there is none."""

    def services(self) -> tuple[Service, ...]:
        """All services of the server."""

    def up(self, name: str, order: Order) -> None:
        """Register a service. Never for a name that exists: SkyServe would take it over."""

    def update(self, name: str, order: Order) -> None:
        """Give a service its next version. Accepted, not rolled out."""

    def down(self, name: str, *, purge: bool = False) -> None:
        """Schedule the end of a service."""

    def log(self, name: str, replica: int, lines: int) -> tuple[str, ...]:
        """The last lines of a replica's log, of its launch or of its job."""

    def machines(self) -> tuple[Machine, ...]:
        """Every live cluster of the server."""

    def machine_down(self, name: str) -> None:
        """Terminate a cluster."""

    def cluster(self, name: str, *, fresh: bool = True) -> Cluster | None:
        """One cluster, or None when there is none.

        Fresh: the cloud and the machines are asked, which takes from 3 to 50 s; else SkyPilot's own
        record, which knows nothing of a machine that was killed or has stopped itself.
        """

    def jobs(self, name: str) -> tuple[Job, ...]:
        """The queue of a cluster that is UP, the newest job first."""

    def launch(self, name: str, order: Order) -> None:
        """Make or start the cluster and submit the order as its job."""

    def exec(self, name: str, job: str, command: str) -> None:
        """Submit a command as a job beside what runs on a cluster that is UP."""

    def cancel_jobs(self, name: str, jobs: Sequence[int]) -> None:
        """End jobs."""

    def autostop(self, name: str, minutes: int, *, down: bool) -> None:
        """Stop a cluster, or take it down, once it had no job for so long; below 0: never."""

    def address(self, name: str, port: int) -> str | None:
        """Where a cluster that is UP answers on a port, as host:port."""

    def job_log(self, name: str, job: int, lines: int) -> tuple[str, ...]:
        """The last lines of a job's log."""

    def requests(self) -> tuple[Request, ...]:
        """Every request under way that makes or changes a cluster or a service."""

    def cancel(self, request: str) -> None:
        """Abort a request, given its id."""

    def listens(self, url: str) -> bool:
        """Whether something takes connections there; nothing is asked."""

    def get(
        self,
        url: str,
        api_key: str | None,
        certificate: str | None = None,
        *,
        check_host: bool = True,
    ) -> tuple[int, str]:
        """Ask a service itself: the HTTP status and the body.

        The certificate (PEM) is what an https answer must prove itself by: it, or one that it has
        signed. Raises Untrusted, and Unreachable.
        """
