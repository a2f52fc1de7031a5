"""Services as SkyServe 0.14.1 was seen to run them, with its traps."""

import dataclasses

from .. import errors
from ..skypilot import interface
from . import state
from .clock import Clock

ROW_SECONDS = 4.0
"""From PROVISIONING until the replica's machine has a row: before that, a `down` loses it."""
BOOT_SECONDS = 20.0
"""From PROVISIONING to STARTING."""
START_SECONDS = 60.0
"""From PROVISIONING to READY."""
DRAIN_SECONDS = 10.0
"""From `down` until the service is gone."""


@dataclasses.dataclass
class _Replica:
    id: int
    version: int
    since: float
    failed: bool = False


@dataclasses.dataclass
class _Service:
    name: str
    hash: str
    version: int
    order: interface.Order
    replicas: list[_Replica]
    next_id: int
    ending_since: float | None = None
    headless: bool = False
    """Whether its controller is dead: nobody updates the service any more, and nobody ends it."""
    half: bool = False
    """Whether its newest version was never completed."""


class Services(state.State):
    """Services over dictionaries."""

    def __init__(self, clock: Clock | None = None) -> None:
        super().__init__(clock)
        self._services: dict[str, _Service] = {}

    def kill_behind(self, name: str) -> None:
        """Remove a service without a call of SkyPilot's."""
        for replica in self._services.pop(name).replicas:
            self._machines.pop(f"{name}-{replica.id}", None)

    def kill_controller(self, name: str) -> None:
        """Let a service's controller process die, for good."""
        self._tick_services()
        self._services[name].headless = True

    def half_update(self, name: str) -> None:
        """Let the newest version be one that the controller never accepted.

        See sky/serve/serve_state.py, add_version.
        """
        self._services[name].half = True

    def half_down(self, name: str) -> None:
        """Let the process that ends a service die before it is done.

        See sky/serve/serve_utils.py, terminate_services.
        """
        self._tick_services()
        service = self._services.get(name)
        if service is not None:
            service.ending_since, service.headless = self.clock.now(), True

    def preempt(self, machine: str) -> None:
        """Take a replica's machine away; SkyServe makes another."""
        self._machines.pop(machine, None)
        for service in self._services.values():
            for replica in service.replicas:
                if machine == f"{service.name}-{replica.id}" and not service.headless:
                    replica.id, replica.since = service.next_id, self.clock.now()
                    service.next_id += 1

    def order(self, name: str) -> interface.Order:
        """Return the last order of a service, values included."""
        return self._services[name].order

    def wake(self) -> None:
        """Start the controller."""
        self._called("wake")
        self.asleep = False

    def service(self, name: str) -> interface.Service | None:
        """Return one service, or None."""
        self._called("service", name)
        self._ask_controller()
        service = self._services.get(name)
        return self._record(service) if service else None

    def services(self) -> tuple[interface.Service, ...]:
        """Return all services."""
        self._called("services")
        self._ask_controller()
        return tuple(self._record(service) for service in self._services.values())

    def up(self, name: str, order: interface.Order) -> None:
        """Register a service; on a name that exists, take it over as SkyServe does."""
        self._called("up", name)
        self._tick_services()
        if name in self._services:
            # The controller is replaced and the new YAML ignored (sky/serve/service.py, _start).
            raise errors.TimedOut("SkyServe's controller of it has not started in time")
        self._made += 1
        service = _Service(name, f"hash-{self._made}", 1, order, [], 1)
        self._services[name] = service
        self._scale(service)

    def update(self, name: str, order: interface.Order) -> None:
        """Give a service its next version."""
        self._called("update", name)
        self._tick_services()
        service = self._services.get(name)
        if service is None:
            raise errors.NotFound(f"Cannot find service {name!r}.")
        if service.headless:
            raise errors.Failed("Service controller is failed. Please clean up the service first.")
        before, after = _outside_service(service.order), _outside_service(order)
        service.version, service.order = service.version + 1, order
        service.half = False
        if before == after and not _has_files(order):
            for replica in service.replicas:
                # SkyPilot writes the volumes' claims into a new service, and not into an update.
                if not (order.task.get("volumes") and replica.version == 1):
                    replica.version = service.version
        self._scale(service)

    def down(self, name: str, *, purge: bool = False) -> None:
        """Schedule the end of a service; forget replicas that have no row yet, as SkyServe does."""
        self._called("purge" if purge else "down", name)
        self._tick_services()
        service = self._services.get(name)
        if service is not None and service.headless:
            if purge:
                del self._services[name]  # its machines stay (_terminate_failed_services)
            return
        if service is None or service.ending_since is not None:
            return
        service.ending_since = self.clock.now()
        for replica in service.replicas:
            machine = f"{name}-{replica.id}"
            if machine in self._machines:
                del self._machines[machine]
            elif self.capacity:
                self._machines[machine] = _machine(machine, service, replica.since)  # leaked
        service.replicas = []

    def log(self, name: str, replica: int, lines: int) -> tuple[str, ...]:
        """Return a replica's log, which says why it does not start if it does not."""
        self._called("log", name)
        if not self.capacity:
            return (f"{name}-{replica}: {self.shortage}",)
        if not self.loads:
            return self.why[-lines:]
        return ("INFO Application startup complete.",)[-lines:]

    def _ask_controller(self) -> None:
        if self.asleep:
            raise errors.Asleep("SkyServe's controller is STOPPED, and only it knows the services")
        self._tick_services()

    def _tick_services(self) -> None:
        """Update machines, replicas and services to the current time."""
        now = self.clock.now()
        for service in list(self._services.values()):
            if service.headless:
                continue
            if service.ending_since is not None and now - service.ending_since >= DRAIN_SECONDS:
                del self._services[service.name]
                continue
            for replica in service.replicas:
                if not self.capacity:
                    replica.since = now
                if now - replica.since >= ROW_SECONDS:
                    name = f"{service.name}-{replica.id}"
                    if name not in self._machines:
                        self._machines[name] = _machine(name, service, replica.since)
                if not self.loads and now - replica.since >= BOOT_SECONDS:
                    replica.failed = True
            fresh = [r for r in service.replicas if r.version == service.version]
            if len([r for r in fresh if self._status(r) == "READY"]) >= _minimum(service.order):
                self._keep(service, fresh)

    def _keep(self, service: _Service, kept: list[_Replica]) -> None:
        for replica in service.replicas:
            if replica not in kept:
                self._machines.pop(f"{service.name}-{replica.id}", None)
        service.replicas = kept

    def _scale(self, service: _Service) -> None:
        minimum = _minimum(service.order)
        fresh = [r for r in service.replicas if r.version == service.version]
        for _ in range(minimum - len(fresh)):
            replica = _Replica(service.next_id, service.version, self.clock.now())
            service.replicas.append(replica)
            service.next_id += 1

    def _status(self, replica: _Replica) -> str:
        age = self.clock.now() - replica.since
        if replica.failed:
            return "FAILED"
        if age < BOOT_SECONDS:
            return "PROVISIONING"
        return "STARTING" if age < START_SECONDS else "READY"

    def _replica_address(self, replica: _Replica) -> str | None:
        """Return its address, which SkyPilot knows as soon as its machine is up."""
        known = self._status(replica) in ("STARTING", "READY")
        return f"http://10.2.0.{replica.id}:8000" if known else None

    def _record(self, service: _Service) -> interface.Service:
        replicas = tuple(
            interface.Replica(
                id=r.id,
                status=self._status(r),
                version=r.version,
                launched=f"{service.name}-{r.id}" in self._machines,
                infra=state.infra(service.order),
                spot=state.spot(service.order),
                launched_at=r.since if f"{service.name}-{r.id}" in self._machines else None,
                endpoint=self._replica_address(r),
            )
            for r in service.replicas
        )
        ready = sorted({r.version for r in replicas if r.status == "READY"})
        status = "READY" if ready else "NO_REPLICA"
        status = "CONTROLLER_FAILED" if service.headless else status
        return interface.Service(
            name=service.name,
            status="SHUTTING_DOWN" if service.ending_since is not None else status,
            version=service.version,
            active_versions=tuple(ready),
            hash=service.hash,
            endpoint=f"{'https' if service.order.tls else 'http'}://localhost:30001",
            text=None if service.half else service.order.text,
            replicas=replicas,
        )

    def _ready_orders(self) -> list[interface.Order]:
        self._tick_services()
        return [s.order for s in self._services.values() if self._record(s).status == "READY"]


def _machine(name: str, service: _Service, since: float) -> interface.Machine:
    order = service.order
    return interface.Machine(
        name,
        state.resources(order).get("labels") or {},
        f"machine-{name}-{since}",
        "UP",
        since,
        hourly=state.hourly(order),
        infra=state.infra(order),
        spot=state.spot(order),
    )


def _minimum(order: interface.Order) -> int:
    policy = order.task["service"].get("replica_policy") or {}
    return int(policy.get("min_replicas", 1)) + int(policy.get("num_overprovision") or 0)


def _has_files(order: interface.Order) -> bool:
    """Return whether a task has local files, with which SkyServe keeps no replica.

    A local working directory becomes a mount too.
    """
    files, folder = (order.task.get(key) for key in ("file_mounts", "workdir"))
    return bool(files) or isinstance(folder, str)


def _outside_service(order: interface.Order) -> object:
    content = {key: value for key, value in order.task.items() if key != "service"}
    return content, dict(order.env), dict(order.secrets)
