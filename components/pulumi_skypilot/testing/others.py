"""Other people's objects on the same server, which look like a stack's own."""

import itertools
from collections.abc import Mapping

from ..skypilot import interface
from . import orders
from .clock import Clock
from .fake_volumes import Volumes

_CHANGES = ("up", "update", "down", "purge", "machine_down", "launch", "exec", "cancel_jobs",
            "autostop", "cancel", "make_volume", "delete_volume")  # fmt: skip
"""The calls that change the object that they name."""


class Others(Volumes):
    """Other people's machines, services and requests over dictionaries."""

    def __init__(self, clock: Clock | None = None) -> None:
        super().__init__(clock)
        self._foreign: dict[str, tuple[str, int]] = {}
        """Name → incarnation, and the number of calls that were made before it."""
        self._job_ids = itertools.count(101)

    def others_job(self, task: str, labels: Mapping[str, str] | None = None) -> str:
        """Run somebody's managed job; return the name of its cluster, which `cluster` hides.

        The name is TASKNAME-JOBID (sky/jobs/utils.py, generate_managed_job_cluster_name).
        """
        return self.others_machine(f"{task}-{next(self._job_ids)}", labels)

    def others_machine(self, name: str, labels: Mapping[str, str] | None = None) -> str:
        """Add somebody's cluster that a controller made, which `cluster` hides; return its name."""
        hash_ = f"foreign-{len(self._foreign)}"
        self._machines[name] = interface.Machine(
            name, dict(labels or {}), hash_, "UP", self.clock.now()
        )
        return self._is_foreign(name, hash_)

    def others_cluster(self, name: str, text: str = "name: x\nresources: {infra: aws}\n") -> str:
        """Launch somebody's own cluster, which runs a job; return its name."""
        calls = list(self.calls)
        self.launch(name, orders.order(text))
        self.calls[:] = calls
        return self._is_foreign(name, self._clusters[name].hash)

    def others_service(self, name: str, text: str) -> str:
        """Register somebody's service; return its name."""
        calls = list(self.calls)
        self.up(name, orders.order(text))
        self.calls[:] = calls
        return self._is_foreign(name, self._services[name].hash)

    def others_volume(self, name: str, text: str | None = None, **how: object) -> str:
        """Make somebody's volume of 100 GiB, with the text that made it; return its name."""
        calls = list(self.calls)
        self.make_volume({"name": name, "size": 100, **how}, text or "")
        self.calls[:] = calls
        return self._is_foreign(name, self._volumes[name].claim)

    def others_request(
        self, kind: str, name: str, labels: Mapping[str, str] | None = None
    ) -> interface.Request:
        """Add somebody's request that does not end; without `labels` SkyPilot hides them."""
        made = self.request(kind, name, labels)
        self._is_foreign(made.id, made.id)
        return made

    def foreign(self) -> frozenset[str]:
        """Return the names of other people's objects."""
        return frozenset(self._foreign)

    def own_machines(self) -> tuple[interface.Machine, ...]:
        """Return the machines that are not other people's."""
        return tuple(
            machine for machine in self._all_machines() if machine.name not in self._foreign
        )

    def touched(self) -> list[str]:
        """Return which of them are gone or replaced, and each call that named one of them."""
        there = {
            **{machine.name: machine.hash for machine in self._all_machines()},
            **{request.id: request.id for request in self._requests},
            **{name: service.hash for name, service in self._services.items()},
            **{name: volume.claim for name, volume in self._volumes.items()},
        }
        touches = []
        for name, (hash_, before) in self._foreign.items():
            if there.get(name) != hash_:
                touches.append(f"{name} is gone")
            for call in self.calls[before:]:
                verb, *named = call.split()
                if verb in _CHANGES and named[0] == name:
                    touches.append(call)
        return touches

    def _is_foreign(self, name: str, hash_: str) -> str:
        self._foreign[name] = hash_, len(self.calls)
        return name

    def _all_machines(self) -> tuple[interface.Machine, ...]:
        self._tick_services()
        return (*self._machines.values(), *self._cluster_machines())
