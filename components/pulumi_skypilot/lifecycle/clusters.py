"""Create, read, update and delete of clusters, over the port. Knows nothing of Pulumi.

A cluster's owner stands in the label of its machines, which SkyPilot never changes; what it runs
stands in the name of its job (`marker`). A server that was ended for idleness, and the machine that
is stopped for it, are as they should be.
"""

import dataclasses
import functools
from collections.abc import Callable, Sequence

from .. import errors
from ..plan import vllm
from ..skypilot import interface
from . import adoption, log_hints, marker, operations, ownership

LAUNCH_SECONDS = 3600.0
"""How long a launch that is under way may take: many places, and a long pull of an image."""
CANCEL_SECONDS = 180.0
"""How long cancelled jobs may take to end."""

_RUNNING = ("INIT", "PENDING", "SETTING_UP", "RUNNING")
_AWAY = ("STOPPED", "AUTOSTOPPING")


class Clusters(operations.LifeCycle):
    """The life cycle of clusters on one API server."""

    def create(self, wanted: marker.ClusterWanted, *, adopt: bool = False) -> marker.Applied:
        """Launch the cluster, or take up the one that an interrupted create has left running.

        Returns once its job is submitted. A launch that fails is taken down. Raises Invalid when
        the name belongs to someone else and is not to be adopted.
        """
        name = wanted.name
        with self._alone(name, "create"):
            self._settle(name, LAUNCH_SECONDS)
            found, jobs = self._see(lambda: self._look(name), _unseen(name))
            if found is None:
                self._check_places(wanted)
                return self._launch_new(wanted)
            ours = ownership.of_cluster(found, wanted.mark)
            if not ours and (found.labels.get(marker.LABEL) or not adopt):
                # Another stack's label stays on the machines: its destroy would take them down.
                raise _taken(found)
            jobs = [job for job in jobs if job.status in _RUNNING]
            if any(_digest(job, wanted.mark) == wanted.digest for job in jobs):
                self._set_autostop(found, wanted)
                return self._applied(wanted, found)
            if not ours:
                why = adoption.refused(marker.theirs(found.text), wanted.task)
                if why is not None:
                    raise errors.Invalid(f"adopt: the cluster {name!r}: {why}")
                self._end(name, jobs)  # whoever's they are: `adopt` says so
                # A machine that was not made here is not given up.
                return self._launch(wanted, found.hash)
            # What an earlier create has left, of another command or half made. SkyPilot would take
            # it whatever CPUs and memory are wanted now (sky/resources.py, less_demanding_than).
            self._down(found)
            return self._launch_new(wanted)

    def read(self, applied: marker.Applied) -> operations.Seen | None:
        """What became of the cluster; None when it is gone.

        Unreachable is raised, never taken for gone. Stopped is neither gone nor drift.
        """
        found, jobs = self._look(applied.name)
        if found is None or not ownership.of_cluster(found, applied.mark, applied.hash):
            return None
        now = dataclasses.replace(applied, hash=found.hash)
        if found.status in _AWAY:
            return operations.Seen(now)
        if found.status != "UP":
            return operations.Seen(now, {"cluster": f"it is {found.status}: {found.reason}"})
        now = dataclasses.replace(now, endpoint=self._address(applied.name))
        wanted = marker.ClusterWanted(applied.name, applied.mark, applied.task, {}, {})
        drift = _job_drift(found, jobs, applied)
        set_to = (found.autostop_minutes, found.autostop_down)
        if max(set_to[0], -1) != wanted.autostop[0] or (
            wanted.autostop[0] >= 0 and set_to[1] != wanted.autostop[1]
        ):
            drift["autostop"] = f"{_autostop(wanted.autostop)} -> {_autostop(set_to)}"
        return operations.Seen(now, drift)

    def update(
        self,
        applied: marker.Applied,
        old: marker.ClusterWanted,
        wanted: marker.ClusterWanted,
        wait: Callable[[marker.Applied, float | None], object],
    ) -> marker.Applied:
        """Let the cluster run what is wanted: in place if only its autostop differs.

        Else the server is ended and started anew, and `wait` tells when it answers, within the
        seconds that are left (None: as long as it takes). When it does not, the old one is started
        again, and Failed says so and why.
        """
        name = wanted.name
        with self._alone(name, "update"):
            self._settle(name, LAUNCH_SECONDS)
            found, jobs = self._see(lambda: self._look(name), _unseen(name))
            if found is None:
                raise errors.NotFound(
                    f"the cluster {name!r} is gone; `pulumi up --refresh` makes it anew"
                )
            if not ownership.of_cluster(found, applied.mark, applied.hash):
                raise errors.Failed(
                    f"the cluster {name!r} is someone else's now; look at it with `pulumi refresh`"
                )
            if found.status in _AWAY and applied.digest == wanted.digest:
                return dataclasses.replace(
                    applied, task=wanted.task, text=wanted.text
                )  # its next start takes it
            served = False
            if found.status == "UP":
                jobs = [job for job in jobs if job.status in _RUNNING]
                digests = {_digest(job, wanted.mark) for job in jobs} - {None}
                if wanted.digest in digests:
                    self._set_autostop(found, wanted)
                    self._set_idle_minutes(old, wanted)
                    return self._applied(wanted, found)
                # Any other one of ours is what an interrupted update has left.
                served = applied.digest in digests
                self._end(name, [job for job in jobs if _digest(job, wanted.mark)])
            try:
                now = self._launch(wanted, found.hash)
                self._say(f"{name}: waiting for the new server")
                wait(now, self._left())
            except errors.SkyPilotError as error:
                # Of what cannot be seen nobody knows that it failed: the next update takes it up.
                if not served or isinstance(error, errors.Unreachable):
                    raise
                self._say(f"{name}: starting the old server again")
                self._again(old, found.hash, error)
            return now

    def delete(self, name: str, mark: str, incarnation: str | None = None) -> bool:
        """Take the cluster down and see that it is gone; whether it was there.

        Ours is what carries the mark, or is the incarnation that state remembers. Raises TimedOut
        when a request is making a cluster of that name, and nobody shows whose it is.
        """

        def of_that_name(request: interface.Request) -> bool:
            return request.name == name

        def ours(request: interface.Request) -> bool:
            return of_that_name(request) and ownership.of_request(request, mark)

        with self._alone(name, "delete"):
            self._settle_or_cancel(of_that_name, ours, name)
            found = self._known(name)
            if found is None:
                requests = self._see(self._sky.requests, _unseen(name))
                hidden = (one for one in requests if of_that_name(one))
                if any(one.labels is None for one in hidden):
                    raise errors.TimedOut(
                        f"{name}: another user's request is launching a cluster of that name; run "
                        "the same command again once it has ended (sky api status)"
                    )
            if found is None or not ownership.of_cluster(found, mark, incarnation):
                return False
            self._down(found)
            return True

    def _launch_new(self, wanted: marker.ClusterWanted) -> marker.Applied:
        """Launch what may be taken down again when that fails."""
        try:
            return self._launch(wanted)
        except (errors.Unreachable, errors.TimedOut):
            raise  # it may still come: the next `up` or destroy finds it
        except errors.SkyPilotError as error:
            try:
                self._settle(wanted.name)
                found = self._known(wanted.name)
                if found is not None and ownership.of_cluster(found, wanted.mark):
                    self._say(f"{wanted.name}: taking down what the failed launch has left")
                    self._down(found)
            except errors.SkyPilotError as another:
                raise errors.Failed(
                    f"{error}; what the launch may have left is still there: {another}"
                ) from error
            raise

    def _launch(
        self, wanted: marker.ClusterWanted, incarnation: str | None = None
    ) -> marker.Applied:
        """Launch the job on a new cluster, the stack's own, or the one of that incarnation.

        SkyPilot would launch it on anybody's cluster of that name. So look just before, and again
        after: raises Invalid when it is somebody else's, and ends the job there.
        """
        self._say(f"{wanted.name}: launching")
        found = self._known(wanted.name)
        if found is not None and not ownership.of_cluster(found, wanted.mark, incarnation):
            raise _taken(found)
        try:
            self._sky.launch(wanted.name, self._order(wanted))
        except errors.NoCapacity as error:
            raise errors.NoCapacity(log_hints.no_capacity(wanted.name, str(error))) from error
        found = self._known(wanted.name)
        if found is None:
            raise errors.Failed(f"{wanted.name}: launched, and gone again")
        if not ownership.of_cluster(found, wanted.mark, incarnation):
            jobs = self._see(lambda: self._running(wanted.name), _unseen(wanted.name))
            self._end(wanted.name, [job for job in jobs if _digest(job, wanted.mark)])
            raise _taken(found)
        self._set_autostop(found, wanted)
        return self._applied(wanted, found)

    def _again(
        self, old: marker.ClusterWanted, incarnation: str, error: errors.SkyPilotError
    ) -> None:
        """Start the old server again after the new one has failed. Always raises."""
        self._seconds = self._deadline = None  # what is left of the call may be nothing
        try:
            jobs = self._see(lambda: self._running(old.name), _unseen(old.name))
            self._end(old.name, [job for job in jobs if _digest(job, old.mark)])
            self._launch(old, incarnation)
        except errors.SkyPilotError as another:
            raise errors.Failed(
                f"{error}; the old server could not be started again either: {another}"
            ) from error
        raise errors.Failed(f"{error}; the old server is being started again") from error

    def _applied(self, wanted: marker.ClusterWanted, found: interface.Cluster) -> marker.Applied:
        why = f"{wanted.name}: where it answers is not known"
        return marker.Applied(
            name=wanted.name,
            mark=wanted.mark,
            task=wanted.task,
            text=wanted.text,
            digest=wanted.digest,
            hash=found.hash,
            version=0,
            endpoint=self._see(lambda: self._address(wanted.name), why),
        )

    def _known(self, name: str) -> interface.Cluster | None:
        """The cluster as SkyPilot's own record has it."""
        return self._see(lambda: self._sky.cluster(name, fresh=False), _unseen(name))

    def _look(self, name: str) -> tuple[interface.Cluster | None, Sequence[interface.Job]]:
        """The cluster, and its jobs while it is UP: it may stop between two questions."""
        found = self._sky.cluster(name)
        if found is None or found.status != "UP":
            return found, ()
        try:
            return found, self._sky.jobs(name)
        except errors.SkyPilotError:  # a machine that goes down cuts SkyPilot's SSH: any error
            again = self._sky.cluster(name)
            if again is not None and again.status == "UP":
                raise
            return again, ()

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

    def _set_autostop(self, found: interface.Cluster, wanted: marker.ClusterWanted) -> None:
        minutes, down = wanted.autostop
        if (max(found.autostop_minutes, -1), found.autostop_down and minutes >= 0) != (
            minutes,
            down,
        ):
            self._sky.autostop(wanted.name, minutes, down=down)

    def _set_idle_minutes(self, old: marker.ClusterWanted, wanted: marker.ClusterWanted) -> None:
        if wanted.idle_minutes is not None and old.idle_minutes != wanted.idle_minutes:
            command = f"echo {wanted.idle_minutes} > ~/.autostop-idle-minutes"
            self._sky.exec(wanted.name, "autostop-idle-minutes", command)

    def _down(self, found: interface.Cluster) -> None:
        """Take down a cluster; the caller has made sure that it is the stack's."""
        name = found.name
        try:
            self._sky.machine_down(name)  # never with purge, which forgets a machine that stays
        except errors.NotFound:
            return
        look = functools.partial(self._sky.cluster, name, fresh=False)
        for current in self._watch(look, operations.GONE_SECONDS, f"{name}: not gone"):
            if current is None or current.hash != found.hash:
                return  # gone, whoever has the name now


def _job_drift(
    found: interface.Cluster, jobs: Sequence[interface.Job], applied: marker.Applied
) -> dict[str, str]:
    mine = next((one for one in jobs if _digest(one, applied.mark) == applied.digest), None)
    if mine is not None and mine.status in _RUNNING:
        return {}
    if (
        mine is not None
        and mine.status == "SUCCEEDED"
        and (mine.ended_at or 0.0) >= found.launched_at
    ):
        return {}  # ended for idleness, and not started by hand since
    why = f"its job {mine.id} is {mine.status}" if mine else "it has no job"
    others = ", ".join(job.name for job in jobs if job.status in _RUNNING)
    return {"server": f"it does not run: {why}" + (f"; {others} runs" if others else "")}


def _digest(job: interface.Job, mark: str) -> str | None:
    """The digest in the name of a job of ours; None for another's."""
    owner, digest = marker.read_job(job.name)
    return digest if owner == mark else None


def _taken(found: interface.Cluster) -> errors.Invalid:
    """Return the error for a name that belongs to somebody else."""
    how = "choose another name (the setting `prefix` changes all of a stack's)"
    what = f"name: the cluster {found.name!r} exists on this API server and belongs to "
    if found.labels.get(marker.LABEL):
        return errors.Invalid(f"{what}another stack; {how}")
    return errors.Invalid(
        f"{what}someone else; {how}, take it over with adopt: true, or take it down"
    )


def _unseen(name: str) -> str:
    """What a look at a cluster that fails until its time is up is told with."""
    return f"{name}: whether the cluster is there, and what runs on it, is not known"


def _autostop(minutes_down: tuple[int, bool]) -> str:
    minutes, down = minutes_down
    return f"{'down' if down else 'stop'} after {minutes} minutes" if minutes >= 0 else "none"
