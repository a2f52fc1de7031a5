"""The end of a service and of all that is its own, over the interface. Knows nothing of Pulumi.

`ownership` says what may be ended, and by what right.
"""

from .. import errors
from ..skypilot import interface
from . import operations, ownership

BROKEN = ("CONTROLLER_FAILED", "FAILED_CLEANUP")
"""States from which SkyServe takes no update (sky/serve/server/impl.py, update)."""

STUCK_SECONDS = 300.0
"""How long a service may be SHUTTING_DOWN before the process that ends it is considered dead. It
drains for 120 s, then takes the machines down. If it is dead, nobody ends the service any more, and
a plain `down` skips it (sky/serve/serve_utils.py, terminate_services)."""


class Shutdown(operations.LifeCycle):
    """Ends services of one API server without losing a machine, and without touching others'."""

    def _end(self, service: interface.Service, mark: str) -> None:
        """End a service of the stack, and take down what it leaves.

        The caller has made sure that the service is the stack's.
        """
        replicas = ownership.Replicas(service.name, mark)
        why = f"{service.name}: its machines cannot be seen"
        replicas.record(service, self._see(self._sky.machines, why))
        self._down(service, replicas)
        self._take_down(replicas)

    def _down(self, service: interface.Service, replicas: ownership.Replicas) -> None:
        """End a service without losing a replica.

        A `down` while a replica is being provisioned, but has no row in SkyPilot's database yet,
        leaves its machine running for ever (sky/serve/service.py, _cleanup): wait for the row.
        """
        name = service.name

        def look() -> interface.Service | None:
            return self._still(service, replicas)

        late = self._clock.now() + operations.SETTLE_SECONDS
        why = f"{name}: a replica is being made"
        current: interface.Service | None = None
        for current in self._watch(look, 2 * operations.SETTLE_SECONDS, why):
            if current is None or self._clock.now() > late:
                break
            if not any(r.status == "PROVISIONING" and not r.launched for r in current.replicas):
                break
            self._say(f"{name}: waiting for a replica that is being provisioned")
        if current is not None and current.status not in ("SHUTTING_DOWN", *BROKEN):
            self._sky.down(name)
        patience = min(STUCK_SECONDS, (self._seconds or STUCK_SECONDS * 2) / 2)
        late = self._clock.now() + patience
        for current in self._watch(look, operations.GONE_SECONDS, f"{name}: not gone"):
            if current is None:
                return
            stuck = current.status == "SHUTTING_DOWN" and self._clock.now() > late
            if stuck or current.status in BROKEN:
                self._purge(service, replicas)
            self._say(f"{name}: {current.status}, {len(current.replicas)} replicas left")

    def _still(
        self, service: interface.Service, replicas: ownership.Replicas
    ) -> interface.Service | None:
        """Look at a service again and record its replicas; None once it is gone.

        It counts as gone too when somebody else has taken its name, or has adopted it.
        """
        current = self._sky.service(service.name)
        if current is None or not ownership.same_service(service, current):
            return None
        replicas.record(current)
        return current

    def _purge(self, service: interface.Service, replicas: ownership.Replicas) -> None:
        """Take down the machines of a service that nobody ends, then let SkyServe forget it.

        A purge terminates no machine (sky/serve/serve_utils.py, _terminate_failed_services). Raises
        Failed when a machine stays that only the controller's own machine can see.
        """
        name = service.name
        self._take_down(replicas)
        why = f"{name}: what it still has cannot be seen"
        seen = {machine.name for machine in self._see(self._sky.machines, why)}
        current = self._see(lambda: self._still(service, replicas), why)
        if current is None:
            return
        launched = {f"{name}-{replica.id}" for replica in current.replicas if replica.launched}
        if launched - seen:
            raise errors.Failed(
                f"{name}: SkyServe is {current.status} and still has {_names(launched - seen)}, "
                "which only its controller's machine can take down; take them down there, then "
                f"`sky serve down --purge {name}`"
            )
        self._sky.down(name, purge=True)

    def _take_down(self, replicas: ownership.Replicas) -> None:
        """Take down the machines that a service has left, and cancel the launches of more."""
        name = replicas.service

        def look() -> tuple[list[interface.Request], list[interface.Machine]]:
            launches = [sent for sent in self._sky.requests() if replicas.launches(sent)]
            return launches, [live for live in self._sky.machines() if replicas.owns(live)]

        why = f"{name}: replicas are still there"
        for launches, machines in self._watch(look, operations.SETTLE_SECONDS, why):
            if not launches and not machines:
                return
            for request in launches:
                self._say(f"{request.name}: ending the launch of a replica without a service")
                self._sky.cancel(request.id)
            for machine in machines:
                self._say(f"{machine.name}: taking down a replica that SkyServe has left running")
                self._machine_down(machine.name)

    def _machine_down(self, name: str) -> None:
        """Terminate a machine; the caller has made sure that it is the stack's."""
        try:
            self._sky.machine_down(name)
        except errors.NotFound:
            return


def _names(machines: set[str]) -> str:
    return ", ".join(sorted(machines))
