"""The interface to SkyPilot: the calls that the life cycle makes, and what they return."""

import dataclasses
import enum
import typing
from collections.abc import Callable, Mapping, Sequence

REPLICA = "replica"
"""The kind of a request by which SkyServe launches a replica."""


@dataclasses.dataclass(frozen=True)
class Server:
    """An API server, and the user that it takes us for."""

    url: str
    user: str
    workspace: str
    since: str = ""
    """Eight hexadecimal digits that identify its database; "" when it does not say."""


@dataclasses.dataclass(frozen=True)
class Replica:
    """One replica of a service."""

    id: int
    status: str
    version: int
    launched: bool
    """Its machine has a row in SkyPilot's database: from then on a `down` finds it."""
    infra: str = ""
    spot: bool = False
    launched_at: float | None = None
    """When its machine was made, in seconds since 1970; None until then."""
    endpoint: str | None = None
    """The URL of this replica itself, past the load balancer; None while SkyPilot knows none."""


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
    """The task as its author wrote it; None while an update is incomplete."""
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
    """The minutes without a job after which it is stopped; below 0: never."""
    autostop_down: bool
    """Whether autostop takes it down instead of stopping it."""
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
    """A value of JobStatus (sky/skylet/job_lib.py)."""
    ended_at: float | None = None
    """In seconds since 1970."""


@dataclasses.dataclass(frozen=True)
class Machine:
    """A cluster that costs money now; the hidden clusters of replicas are included."""

    name: str
    labels: Mapping[str, str]
    hash: str = ""
    """SkyPilot's id of this incarnation; a later cluster may take the same name."""
    status: str = ""
    """The status in SkyPilot's own record: INIT, UP, STOPPED or AUTOSTOPPING."""
    launched_at: float | None = None
    """In seconds since 1970."""
    hourly: float | None = None
    """USD an hour of all its nodes; None where SkyPilot has no price, as for Kubernetes."""
    infra: str = ""
    spot: bool = False


@dataclasses.dataclass(frozen=True)
class Volume:
    """A volume as SkyPilot knows it after asking its cloud."""

    name: str
    claim: str
    """Its name at the cloud, drawn for each one that SkyPilot makes: it tells two lives apart."""
    status: str
    """READY, IN_USE or NOT_READY."""
    infra: str
    size: int | None = None
    """In GiB; None if the cloud does not say."""
    storage_class: str | None = None
    access_mode: str | None = None
    namespace: str | None = None
    reason: str = ""
    """Why it is NOT_READY."""
    may_resolve: bool = False
    """Whether it is NOT_READY only because it is still being made."""
    lost: bool = False
    """Whether its claim was deleted outside SkyPilot, which still has the record."""
    growth: str = ""
    """How far a change of its size is; empty while there is none."""
    used_by: tuple[str, ...] = ()
    """The clusters that mount it, or else the pods."""
    text: str | None = dataclasses.field(default=None, repr=False)
    """The YAML that made it; None if SkyPilot has kept none."""


@dataclasses.dataclass(frozen=True)
class Request:
    """A request under way that makes or changes a cluster or a service, of any user."""

    id: str
    kind: str
    """launch, replica (the launch of one, by SkyServe), up or update."""
    name: str
    """The cluster or service; "" when SkyPilot does not show it."""
    labels: Mapping[str, str] | None = None
    """The labels of the machines; None when SkyPilot hides them, as in another user's request."""


@dataclasses.dataclass(frozen=True)
class Tls:
    """The certificate and key of a load balancer, as PEM text."""

    certificate: str
    key: str = dataclasses.field(repr=False)


@dataclasses.dataclass(frozen=True)
class Order:
    """A task to run, with null for the values of env and secrets, and these values."""

    text: str
    """The task as SkyPilot keeps it, with comments."""
    task: Mapping[str, typing.Any]
    """The task as a table."""
    env: Mapping[str, str] = dataclasses.field(default_factory=dict, repr=False)
    secrets: Mapping[str, str] = dataclasses.field(default_factory=dict, repr=False)
    tls: Tls | None = None
    blue_green: bool = False
    """Whether the old version answers every request until the new one is ready."""
    seconds: float | None = None
    """The most seconds that SkyPilot may take for it; None: the call's own bound."""


class LogPart(enum.Enum):
    """A part of a service or cluster that has a log."""

    REPLICA = "replica"
    """A replica of a service: its launch, and then the model server."""
    CONTROLLER = "controller"
    """SkyServe's controller of a service: autoscaler and probes."""
    BALANCER = "balancer"
    """SkyServe's load balancer of a service."""
    JOB = "job"
    """The model server of a cluster."""
    PROVISION = "provision"
    """How the cloud made the machine of a cluster or replica."""


@dataclasses.dataclass(frozen=True)
class Log:
    """A log of SkyPilot's."""

    part: LogPart
    name: str
    """The service; for JOB and PROVISION the cluster. A replica's cluster is `<service>-<id>`."""
    number: int | None = None
    """The id of the replica or of the job."""


LOOKS = (
    *("server", "places", "service", "services", "log", "machines", "cluster", "jobs"),
    *("address", "job_log", "stream_log", "requests", "listens", "get", "volume", "volumes"),
)
"""The read-only calls of the interface below."""


class SkyPilot(typing.Protocol):
    """Every call to SkyPilot that the life cycle makes. Raises only errors of `errors`."""

    def server(self) -> Server:
        """Return the server that answers, and the user that it takes us for."""

    def places(self) -> frozenset[str]:
        """Return the infra that the server has credentials for, in lower case.

        Kubernetes is listed by context: `kubernetes/prod`.
        """

    def wake(self) -> None:
        """Start SkyServe's controller, if it is a machine that has stopped."""

    def service(self, name: str) -> Service | None:
        """Return one service, or None when the server says that there is none."""

    def services(self) -> tuple[Service, ...]:
        """Return all services of the server."""

    def up(self, name: str, order: Order) -> None:
        """Register a service. Never for a name that exists: SkyServe would take that one over."""

    def update(self, name: str, order: Order) -> None:
        """Give a service its next version; return once it is accepted, not yet rolled out."""

    def down(self, name: str, *, purge: bool = False) -> None:
        """Schedule the end of a service; `purge` forgets it without ending its machines."""

    def log(self, name: str, replica: int, lines: int) -> tuple[str, ...]:
        """Return the last lines of a replica's log, of its launch or of its job."""

    def machines(self) -> tuple[Machine, ...]:
        """Return every live cluster of the server."""

    def machine_down(self, name: str) -> None:
        """Terminate a cluster."""

    def cluster(self, name: str, *, fresh: bool = True) -> Cluster | None:
        """Return one cluster, or None when there is none.

        `fresh` asks the cloud and the machines, which takes from 3 to 50 s. Without it the answer
        is SkyPilot's own record, which misses that a machine was killed or has stopped itself.
        """

    def jobs(self, name: str) -> tuple[Job, ...]:
        """Return the queue of a cluster that is UP, the newest job first."""

    def launch(self, name: str, order: Order) -> None:
        """Make or start the cluster and submit the order as its job."""

    def exec(self, name: str, job: str, command: str) -> None:
        """Submit a command as a job beside what runs on a cluster that is UP."""

    def cancel_jobs(self, name: str, jobs: Sequence[int]) -> None:
        """Cancel jobs of any user, given their ids."""

    def autostop(self, name: str, minutes: int, *, down: bool) -> None:
        """Stop a cluster, or take it down, after so many minutes without a job; below 0: never."""

    def address(self, name: str, port: int) -> str | None:
        """Return the host:port at which a cluster that is UP answers on a port; None if unknown."""

    def job_log(self, name: str, job: int, lines: int) -> tuple[str, ...]:
        """Return the last lines of a job's log."""

    def stream_log(
        self, log: Log, write: Callable[[str], object], *, lines: int | None, follow: bool
    ) -> None:
        """Call `write` with each line of a log: the last ones, or all with `lines` None.

        `follow` goes on until what writes the log has ended. Only a job's and a provision log can
        then begin near its end: SkyServe streams the others from their beginning.
        """

    def volume(self, name: str) -> Volume | None:
        """Return one volume after asking its cloud, or None when there is none."""

    def volumes(self) -> tuple[Volume, ...]:
        """Return all volumes of the server, as its own record has them."""

    def make_volume(self, content: Mapping[str, typing.Any], text: str) -> None:
        """Make a volume, given as `sky volumes apply` reads it, and keep the text with it.

        A volume of that name stays as it is.
        """

    def delete_volume(self, name: str) -> None:
        """Delete a volume with its data, or only the record of one that SkyPilot has not made."""

    def requests(self) -> tuple[Request, ...]:
        """Return every request under way that makes or changes a cluster or a service."""

    def cancel(self, request: str) -> None:
        """Abort a request, given its id."""

    def listens(self, url: str) -> bool:
        """Return whether something takes connections there, without sending a request."""

    def get(
        self,
        url: str,
        api_key: str | None,
        certificate: str | None = None,
        *,
        check_host: bool = True,
    ) -> tuple[int, str]:
        """Ask a service itself; return the HTTP status and the body.

        An https server must present the given certificate (PEM), or one that it has signed. Raises
        Untrusted and Unreachable.
        """
