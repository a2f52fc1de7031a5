"""What other people have on the same server: it looks like a stack's own and is not."""

import itertools
from collections.abc import Mapping

from ..skypilot import interface
from . import orders
from .clock import Clock
from .fake_clusters import Clusters
from .fake_services import Services

_CHANGES = ("up", "update", "down", "purge", "machine_down", "launch", "exec", "cancel_jobs",
            "autostop", "cancel")  # fmt: skip
"""The calls that change what they name."""


class Others(Services, Clusters):
    """Other people's machines, services and requests over dictionaries."""

    def __init__(self, clock: Clock | None = None) -> None:
        super().__init__(clock)
        self._foreign: dict[str, tuple[str, int]] = {}
        """The name of each, with its incarnation and how many calls there were before it."""
        self._job_ids = itertools.count(101)

    def others_job(self, task: str, labels: Mapping[str, str] | None = None) -> str:
        """Run somebody's managed job; the name of its cluster, which `cluster` does not show.

        It is TASKNAME-JOBID (sky/jobs/utils.py, generate_managed_job_cluster_name).
        """
        return self.others_machine(f"{task}-{next(self._job_ids)}", labels)

    def others_machine(self, name: str, labels: Mapping[str, str] | None = None) -> str:
        """Let somebody have a cluster of a controller's, which `cluster` does not show."""
        hash_ = f"foreign-{len(self._foreign)}"
        self._machines[name] = interface.Machine(
            name, dict(labels or {}), hash_, "UP", self.clock.now()
        )
        return self._is_foreign(name, hash_)

    def others_cluster(self, name: str, text: str = "name: x\nresources: {infra: aws}\n") -> str:
        """Let somebody have a cluster of their own, which runs a job."""
        calls = list(self.calls)
        self.launch(name, orders.order(text))
        self.calls[:] = calls
        return self._is_foreign(name, self._clusters[name].hash)

    def others_service(self, name: str, text: str) -> str:
        """Let somebody make a service."""
        calls = list(self.calls)
        self.up(name, orders.order(text))
        self.calls[:] = calls
        return self._is_foreign(name, self._services[name].hash)

    def others_request(
        self, kind: str, name: str, labels: Mapping[str, str] | None = None
    ) -> interface.Request:
        """Let somebody ask for something that does not end; without labels they are not shown."""
        made = self.request(kind, name, labels)
        self._is_foreign(made.id, made.id)
        return made

    def foreign(self) -> frozenset[str]:
        """Return the names of what other people have."""
        return frozenset(self._foreign)

    def own_machines(self) -> tuple[interface.Machine, ...]:
        """Return the machines that are not other people's."""
        return tuple(one for one in self._all_machines() if one.name not in self._foreign)

    def touched(self) -> list[str]:
        """Return what of it is gone or another one, and each call that named some of it."""
        there = {
            **{one.name: one.hash for one in self._all_machines()},
            **{one.id: one.id for one in self._requests},
            **{name: one.hash for name, one in self._services.items()},
        }
        found = []
        for name, (hash_, before) in self._foreign.items():
            if there.get(name) != hash_:
                found.append(f"{name} is gone")
            for call in self.calls[before:]:
                verb, *named = call.split()
                if verb in _CHANGES and named[0] == name:
                    found.append(call)
        return found

    def _is_foreign(self, name: str, hash_: str) -> str:
        self._foreign[name] = hash_, len(self.calls)
        return name

    def _all_machines(self) -> tuple[interface.Machine, ...]:
        self._tick_services()
        return (*self._machines.values(), *self._cluster_machines())
