"""The rights to end, cancel or take down something. Pure.

There are three rights:

mark    The label of a machine, the text of a service or the labels of a request carry the stack's
        mark.
state   It is the incarnation that state remembers, and it carries nobody's mark: an adopted
        cluster, or a service whose marker was edited away. An adopted volume carries the mark of
        the stack that made it, since SkyPilot never changes it.
record  The record of a service of this stack names the machine as its replica. It is needed for a
        replica without this stack's label: one of an adopted service, or of a text that was edited.

A name gives no right. SkyPilot names other things as SkyServe names replicas: the cluster of a
managed job is TASKNAME-JOBID (sky/jobs/utils.py, generate_managed_job_cluster_name).
"""

import re
from collections.abc import Sequence

from ..skypilot import interface
from . import marker


def of_service(service: interface.Service, mark: str, incarnation: str | None = None) -> bool:
    """Return whether a service is the stack's, by its mark or as the incarnation in state."""
    owner = marker.owner(service)
    return owner == mark or (owner is None and _is_incarnation(service.hash, incarnation))


def of_cluster(cluster: interface.Cluster, mark: str, incarnation: str | None = None) -> bool:
    """Return whether a cluster is the stack's, by its label or as the incarnation in state.

    Only an adopted cluster lacks the label.
    """
    owner = cluster.labels.get(marker.LABEL)
    return owner == mark or (owner is None and _is_incarnation(cluster.hash, incarnation))


def of_volume(volume: interface.Volume, mark: str, claim: str | None = None) -> bool:
    """Return whether a volume is the stack's, by its mark or as the claim in state.

    SkyPilot keeps the text that made a volume for ever, so that an adopted volume carries the mark
    of the stack that made it: there the claim counts beside anybody's mark.
    """
    return marker.volume_owner(volume) == mark or _is_incarnation(volume.claim, claim)


def of_request(request: interface.Request, mark: str) -> bool:
    """Return whether a request makes what carries the mark.

    A request whose labels SkyPilot does not show is another user's, and never the stack's.
    """
    return request.labels is not None and request.labels.get(marker.LABEL) == mark


def same_service(before: interface.Service, now: interface.Service) -> bool:
    """Return whether a service is the one seen before, and nobody has adopted it since.

    Its text is missing while an update is incomplete.
    """
    owners = (None, marker.owner(before))
    return now.hash == before.hash and marker.owner(now) in owners


def replica_names(service: interface.Service) -> frozenset[str]:
    """Return the machines that a service's record names as those of its replicas.

    The names are SkyServe's (sky/serve/serve_utils.py, generate_replica_cluster_name).
    """
    return frozenset(f"{service.name}-{replica.id}" for replica in service.replicas)


def is_replica_name(machine: str, service: str = "") -> bool:
    """Return whether a machine is named as a replica, of one service or of any.

    No name of a service or cluster of this package ends so (spec/names.py).
    """
    return re.fullmatch(rf"{re.escape(service) or '.+'}-\d+", machine) is not None


class Replicas:
    """The machines that may be taken down when a service of the stack ends."""

    def __init__(self, service: str, mark: str) -> None:
        """Start without a record: until there is one, only the label gives the right."""
        self.service, self.mark = service, mark
        self._recorded: dict[str, str] = {}
        """The machines that the record has named, with their incarnations; "" while unknown."""

    def record(
        self, service: interface.Service, machines: Sequence[interface.Machine] = ()
    ) -> None:
        """Add the replicas that the record names now; the machines give their incarnations."""
        hashes = {machine.name: machine.hash for machine in machines}
        for name in replica_names(service):
            self._recorded.setdefault(name, hashes.get(name, ""))

    def owns(self, machine: interface.Machine) -> bool:
        """Return whether a machine may be taken down, by its label or by the record.

        If the record named a machine before it was made, the machine is the service's unless it
        carries a mark. A machine that took the name of one seen before is not the service's.
        """
        owner = machine.labels.get(marker.LABEL)
        if owner == self.mark:
            return is_replica_name(machine.name, self.service)
        seen = self._recorded.get(machine.name)
        if seen is None:
            return False
        return machine.hash == seen if seen else owner is None

    def launches(self, request: interface.Request) -> bool:
        """Return whether a request of SkyServe's launches such a machine."""
        if request.kind != interface.REPLICA or request.labels is None:
            return False
        if of_request(request, self.mark):
            return is_replica_name(request.name, self.service)
        return request.name in self._recorded and marker.LABEL not in request.labels


def _is_incarnation(current: str, remembered: str | None) -> bool:
    """Return whether an id is the one in state; an id that SkyPilot hides proves nothing."""
    return bool(current) and current == remembered
