"""Create, read, update and delete clusters, over the interface. Knows nothing of Pulumi.

The label of a cluster's machines, which SkyPilot never changes, names its owner. The name of its
job has the digest of what it runs (`marker`). A server that ended because it was idle, and its
stopped machine, are as they should be.
"""

import dataclasses
import functools
from collections.abc import Callable, Sequence

from .. import errors
from ..plan import vllm
from ..skypilot import interface
from . import adoption, cluster_drift, marker, operations, ownership

LAUNCH_SECONDS = 3600.0
"""How long a launch under way may take: it may try many places, and pull a large image."""
CANCEL_SECONDS = 180.0
"""How long cancelled jobs may take to end."""

RELIEF_MINUTES = 60
"""The autostop while one server ends and the next starts, in place of the stack's: a launch on a
cluster that exists has no job until it has copied files and run `setup` (sky/execution.py,
Stage.PRE_EXEC), and SkyPilot would take the idle machine down meanwhile."""

_RUNNING = cluster_drift.RUNNING
_AWAY = ("STOPPED", "AUTOSTOPPING")


class Clusters(operations.LifeCycle):
    """The life cycle of clusters on one API server."""

    def create(self, wanted: marker.ClusterWanted, *, adopt: bool = False) -> marker.Applied:
        """Launch the cluster, or continue with the one that an interrupted create has left running.

        Return once its job is submitted. A launch that fails is taken down. Raises Invalid when the
        name belongs to someone else and must not, or cannot, be adopted.
        """
        name = wanted.name
        with self._alone(name, "create"):
            self._settle(name, LAUNCH_SECONDS)
            cluster, jobs = self._see(lambda: self._look(name), _unseen(name))
            if cluster is None:
                self._check_places(wanted)
                return self._launch_new(wanted)
            is_ours = ownership.of_cluster(cluster, wanted.mark)
            if not is_ours and (cluster.labels.get(marker.LABEL) or not adopt):
                # Another stack's label stays on the machines: its destroy would take them down.
                raise _taken(cluster)
            jobs = [job for job in jobs if job.status in _RUNNING]
            if any(marker.job_digest(job.name, wanted.mark) == wanted.digest for job in jobs):
                self._set_autostop(cluster, wanted)
                return self._applied(wanted, cluster)
            if not is_ours:
                why = adoption.refused(marker.theirs(cluster.text), wanted.task)
                if why is not None:
                    raise errors.Invalid(f"adopt: the cluster {name!r}: {why}")
                self._put_off_autostop(cluster)
                self._end(name, jobs)  # anybody's jobs: `adopt` allows it
                # Do not take down a machine that the stack did not make.
                return self._launch(wanted, cluster.hash)
            # An earlier create has left it, with another command or incomplete. SkyPilot would use
            # it, whatever CPUs and memory are wanted now (sky/resources.py, less_demanding_than).
            self._down(cluster)
            return self._launch_new(wanted)

    def read(self, applied: marker.Applied) -> operations.Seen | None:
        """Return the cluster as it is now, with its drift; None when it is gone.

        Raises Unreachable when the server does not answer: that never counts as gone. Stopped is
        neither gone nor drift.
        """
        cluster, jobs = self._look(applied.name)
        if cluster is None or not ownership.of_cluster(cluster, applied.mark, applied.hash):
            return None
        now = dataclasses.replace(applied, hash=cluster.hash)
        if cluster.status in _AWAY:
            return operations.Seen(now)
        if cluster.status != "UP":
            return operations.Seen(now, {"cluster": f"it is {cluster.status}: {cluster.reason}"})
        now = dataclasses.replace(now, endpoint=self._address(applied.name))
        return operations.Seen(now, cluster_drift.drift(cluster, jobs, applied))

    def update(
        self,
        applied: marker.Applied,
        old: marker.ClusterWanted,
        wanted: marker.ClusterWanted,
        wait: Callable[[marker.Applied, float | None], object],
    ) -> marker.Applied:
        """Let the cluster run what is wanted: in place if only its autostop differs.

        Else end the server and start the new one. `wait` returns when that answers, and raises when
        it does not within the seconds that are left (None: no bound). Then the old server is
        started again; raises Failed, which says so and why.
        """
        name = wanted.name
        with self._alone(name, "update"):
            self._settle(name, LAUNCH_SECONDS)
            cluster, jobs = self._see(lambda: self._look(name), _unseen(name))
            if cluster is None:
                raise operations.gone(name)
            if not ownership.of_cluster(cluster, applied.mark, applied.hash):
                raise errors.Failed(
                    f"the cluster {name!r} is someone else's now; look at it with `pulumi refresh`"
                )
            if cluster.status in _AWAY and applied.digest == wanted.digest:
                return dataclasses.replace(
                    applied, task=wanted.task, text=wanted.text
                )  # its next start uses it
            served = False
            if cluster.status == "UP":
                jobs = [job for job in jobs if job.status in _RUNNING]
                digests = {marker.job_digest(job.name, wanted.mark) for job in jobs} - {None}
                if wanted.digest in digests:
                    self._set_autostop(cluster, wanted)
                    self._set_idle_minutes(old, wanted)
                    return self._applied(wanted, cluster)
                # Any other job of ours was left by an interrupted update.
                served = applied.digest in digests
                # A place that cannot be asked starts no new server. SkyPilot's status does not show
                # it: without an answer it stays as it was.
                self._see(lambda: self._address(name), _unseen(name))
                self._put_off_autostop(cluster)
                self._end(name, [job for job in jobs if marker.job_digest(job.name, wanted.mark)])
            try:
                now = self._launch(wanted, cluster.hash)
                self._say(f"{name}: waiting for the new server")
                wait(now, self._left())
            except errors.SkyPilotError as error:
                # A server that cannot be seen may be fine: the next update continues with it.
                if not served or isinstance(error, errors.Unreachable):
                    raise
                self._say(f"{name}: starting the old server again")
                self._start_again(old, cluster.hash, error)
            return now

    def delete(self, name: str, mark: str, incarnation: str | None = None) -> bool:
        """Take the cluster down and wait until it is gone; return whether it existed.

        It is ours if it carries the mark, or is the incarnation that state remembers. Raises
        TimedOut when a request is making a cluster of that name and its owner is hidden.
        """

        def of_that_name(request: interface.Request) -> bool:
            return request.name == name

        def is_ours(request: interface.Request) -> bool:
            return of_that_name(request) and ownership.of_request(request, mark)

        with self._alone(name, "delete"):
            self._settle_or_cancel(of_that_name, is_ours, name)
            cluster = self._known(name)
            if cluster is None:
                requests = self._see(self._sky.requests, _unseen(name))
                launching = filter(of_that_name, requests)
                if any(request.labels is None for request in launching):
                    raise errors.TimedOut(
                        f"{name}: another user's request is launching a cluster of that name; run "
                        "the same command again once it has ended (sky api status)"
                    )
            if cluster is None or not ownership.of_cluster(cluster, mark, incarnation):
                return False
            self._down(cluster)
            return True

    def _launch_new(self, wanted: marker.ClusterWanted) -> marker.Applied:
        """Launch a new cluster; take down what is left of it when that fails."""
        try:
            return self._launch(wanted)
        except (errors.Unreachable, errors.TimedOut):
            raise  # it may still start: the next `up` or destroy finds it
        except errors.SkyPilotError as error:
            try:
                self._settle(wanted.name)
                cluster = self._known(wanted.name)
                if cluster is not None and ownership.of_cluster(cluster, wanted.mark):
                    self._say(f"{wanted.name}: taking down what the failed launch has left")
                    self._down(cluster)
            except errors.SkyPilotError as another:
                raise errors.Failed(
                    f"{error}; what the launch may have left is still there: {another}"
                ) from error
            raise

    def _launch(
        self, wanted: marker.ClusterWanted, incarnation: str | None = None
    ) -> marker.Applied:
        """Launch the job on a new cluster, on the stack's own, or on that of an incarnation.

        SkyPilot would launch it on anybody's cluster of that name. So look just before, and again
        after: end the job and raise Invalid when the cluster is somebody else's.
        """
        self._say(f"{wanted.name}: launching")
        cluster = self._known(wanted.name)
        if cluster is not None and not ownership.of_cluster(cluster, wanted.mark, incarnation):
            raise _taken(cluster)
        with self._shortage_explained(wanted.name):
            self._sky.launch(wanted.name, self._order(wanted))
        cluster = self._known(wanted.name)
        if cluster is None:
            raise errors.Failed(
                f"{wanted.name}: it was gone right after its launch; run pulumi up again"
            )
        if not ownership.of_cluster(cluster, wanted.mark, incarnation):
            jobs = self._see(lambda: self._running(wanted.name), _unseen(wanted.name))
            self._end(
                wanted.name, [job for job in jobs if marker.job_digest(job.name, wanted.mark)]
            )
            raise _taken(cluster)
        self._set_autostop(cluster, wanted)
        return self._applied(wanted, cluster)

    def _start_again(
        self, old: marker.ClusterWanted, incarnation: str, error: errors.SkyPilotError
    ) -> None:
        """Start the old server again after the new one has failed. Always raises."""
        self._seconds = self._deadline = None  # what is left of the call may be nothing
        try:
            cluster = self._known(old.name)
            if cluster is None:
                raise operations.gone(old.name)  # a launch would make another
            self._put_off_autostop(cluster)
            jobs = self._see(lambda: self._running(old.name), _unseen(old.name))
            self._end(old.name, [job for job in jobs if marker.job_digest(job.name, old.mark)])
            self._launch(old, incarnation)
        except errors.SkyPilotError as another:
            if str(another) == str(error):  # both say that the cluster is gone
                raise error from None
            raise errors.Failed(
                f"{error}; the old server could not be started again either: {another}"
            ) from error
        raise errors.Failed(f"{error}; the old server is being started again") from error

    def _applied(self, wanted: marker.ClusterWanted, cluster: interface.Cluster) -> marker.Applied:
        why = f"{wanted.name}: its address is not known"
        return marker.Applied(
            name=wanted.name,
            mark=wanted.mark,
            task=wanted.task,
            text=wanted.text,
            digest=wanted.digest,
            hash=cluster.hash,
            version=0,
            endpoint=self._see(lambda: self._address(wanted.name), why),
        )

    def _known(self, name: str) -> interface.Cluster | None:
        """Return the cluster as SkyPilot's own record has it; None without a record."""
        return self._see(lambda: self._sky.cluster(name, fresh=False), _unseen(name))

    def _look(self, name: str) -> tuple[interface.Cluster | None, Sequence[interface.Job]]:
        """Return the cluster, and its jobs while it is UP: it may stop between the two looks."""
        cluster = self._sky.cluster(name)
        if cluster is None or cluster.status != "UP":
            return cluster, ()
        try:
            return cluster, self._sky.jobs(name)
        except errors.SkyPilotError:  # a machine that goes down cuts SkyPilot's SSH: any error
            later = self._sky.cluster(name)
            if later is not None and later.status == "UP":
                raise
            return later, ()

    def _address(self, name: str) -> str | None:
        return operations.endpoint(self._sky.address(name, vllm.PORT), "")

    def _running(self, name: str) -> list[interface.Job]:
        return [job for job in self._sky.jobs(name) if job.status in _RUNNING]

    def _end(self, name: str, jobs: list[interface.Job]) -> None:
        if not jobs:
            return
        self._say(f"{name}: ending the server")
        self._sky.cancel_jobs(name, [job.id for job in jobs])
        ids = {job.id for job in jobs}
        why = f"{name}: the old server does not end"
        for running in self._watch(lambda: self._running(name), CANCEL_SECONDS, why):
            if not any(job.id in ids for job in running):
                return

    def _put_off_autostop(self, cluster: interface.Cluster) -> None:
        """Keep a cluster that is UP until the next launch, which sets its autostop again."""
        if cluster.status == "UP" and 0 <= cluster.autostop_minutes < RELIEF_MINUTES:
            self._sky.autostop(cluster.name, RELIEF_MINUTES, down=cluster.autostop_down)

    def _set_autostop(self, cluster: interface.Cluster, wanted: marker.ClusterWanted) -> None:
        minutes, down = wanted.autostop
        if (max(cluster.autostop_minutes, -1), cluster.autostop_down and minutes >= 0) != (
            minutes,
            down,
        ):
            self._sky.autostop(wanted.name, minutes, down=down)

    def _set_idle_minutes(self, old: marker.ClusterWanted, wanted: marker.ClusterWanted) -> None:
        if wanted.idle_minutes is not None and old.idle_minutes != wanted.idle_minutes:
            command = f"echo {wanted.idle_minutes} > ~/.autostop-idle-minutes"
            self._sky.exec(wanted.name, "autostop-idle-minutes", command)

    def _down(self, cluster: interface.Cluster) -> None:
        """Take down a cluster; the caller has made sure that it is the stack's."""
        name = cluster.name
        try:
            self._sky.machine_down(name)  # never with purge, which forgets a running machine
        except errors.NotFound:
            return
        look = functools.partial(self._sky.cluster, name, fresh=False)
        for current in self._watch(look, operations.GONE_SECONDS, f"{name}: not gone"):
            if current is None or current.hash != cluster.hash:
                return  # gone, and another may have the name now


def _taken(cluster: interface.Cluster) -> errors.Invalid:
    """Return the error for a name that belongs to somebody else."""
    advice = "choose another name (the setting `prefix` changes all of a stack's)"
    fact = f"name: the cluster {cluster.name!r} exists on this API server and belongs to "
    if cluster.labels.get(marker.LABEL):
        return errors.Invalid(f"{fact}another stack; {advice}")
    return errors.Invalid(
        f"{fact}someone else; {advice}, take it over with adopt: true, or take it down"
    )


def _unseen(name: str) -> str:
    """Return the message for looks at a cluster that fail until their time is up."""
    return f"{name}: it is unknown whether the cluster exists and what runs on it"
