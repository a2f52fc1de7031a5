"""Create, read, update and delete services, over the interface. Knows nothing of Pulumi.

The marker in a service's own text shows its owner and its drift (`marker`).
"""

import contextlib
import typing
from collections.abc import Callable

from .. import errors
from ..skypilot import bounds, interface
from . import adoption, marker, operations, orphans, ownership, service_drift, shutdown, turns

T = typing.TypeVar("T")
Choice = Callable[[tuple[orphans.Marked, ...]], tuple[orphans.Marked, ...]]

BALANCER_SECONDS = 30.0
"""How long other creates wait for a new service's load balancer to listen."""
_ONE_UP = turns.Turn()
"""SkyServe releases the lock on its ports before the load balancer has bound its own
(sky/serve/service.py, _start): two services made at once may get the same port."""


class Services(shutdown.Shutdown):
    """The life cycle of services on one API server."""

    def create(self, wanted: marker.Wanted, *, adopt: bool = False) -> marker.Applied:
        """Make the service, or continue with the one that an interrupted create has left.

        Raises Invalid when the name belongs to someone else and must not, or cannot, be adopted.
        """
        mark = wanted.mark
        with self._alone(wanted.name, "create"):
            service = self._present(wanted.name, mark)
            if service and service.status in shutdown.BROKEN and marker.owner(service) == mark:
                self._end(service, mark)  # an earlier try, which SkyServe cannot repair
                service = None
            if service is None:
                self._check_places(wanted)
                with self._turn(_ONE_UP, f"the registration of {wanted.name!r}"):
                    # Somebody may have taken the name while this create waited for its turn.
                    service = self._present(wanted.name, mark)
                    if service is None:
                        service = self._wait_for_balancer(self._up(wanted))
            owner, digest = marker.read(service.text)
            if owner != mark and not adopt:
                raise errors.Invalid(
                    f"name: the service {wanted.name!r} exists on this API server and belongs to "
                    f"{'another stack' if owner else 'someone else'}; choose another name "
                    "(the setting `prefix` changes all of a stack's), take it over with adopt: "
                    "true, or take that service down"
                )
            if owner != mark:
                self._check_alive(service)
                reason = adoption.refused(marker.theirs(service.text), wanted.task)
                if reason is not None:
                    raise errors.Invalid(f"adopt: the service {wanted.name!r}: {reason}")
            if digest == wanted.digest and owner == mark:
                return _applied(wanted, service)
            return self._update(wanted)

    def read(self, applied: marker.Applied) -> operations.Seen | None:
        """Return the service as it is now, with its drift; None when it is gone.

        Raises Unreachable when the server does not answer: that never counts as gone.
        """
        return service_drift.seen(applied, self._sky.service(applied.name))

    def update(self, applied: marker.Applied, wanted: marker.Wanted) -> marker.Applied:
        """Give the service its next version, unless it has it already.

        Raises Failed when the service differs from state: nobody's change is overwritten unseen.
        """
        with self._alone(wanted.name, "update"):
            self._settle(wanted.name)
            service = self._awake(lambda: self._sky.service(wanted.name))
            if service is None:
                raise errors.NotFound(
                    f"the service {wanted.name!r} is gone; `pulumi up --refresh` creates it again"
                )
            is_ours = ownership.of_service(service, applied.mark, applied.hash)
            if is_ours:
                self._check_alive(service)
            now = marker.fingerprint(service)
            if is_ours and now == wanted.digest:
                return _applied(wanted, service)
            if not is_ours or (now != applied.digest and service.text is not None):
                seen = self.read(applied)
                difference = seen.told if seen else "it was replaced"
                raise errors.Failed(
                    f"the service {wanted.name!r} was changed outside this stack ({difference}); "
                    "look at it with `pulumi refresh`, then correct it with `pulumi up`"
                )
            return self._update(wanted)

    def delete(self, name: str, mark: str, incarnation: str | None = None) -> bool:
        """Take the service down with all that it leaves; return whether it existed.

        A service of a stranger under that name is left alone. If the service is gone already, only
        the label shows which machines it has left.

        Raises Failed with the list of what still exists.
        """
        with self._alone(name, "delete"):
            self._settle(name)
            service = self._awake(lambda: self._sky.service(name))
            if service is None:
                self._take_down(ownership.Replicas(name, mark))
                return False
            if not ownership.of_service(service, mark, incarnation):
                return False  # ours is gone: this service is somebody else's
            self._end(service, mark)
            return True

    def marked(self, mark: str | None = None) -> tuple[orphans.Marked, ...]:
        """Return the objects that carry a stack's mark, by default any stack's."""
        machines = self._sky.machines()
        objects = orphans.marked(self._sky.services(), machines)
        return tuple(entry for entry in objects if mark in (None, entry.mark))

    def under_way(self, mark: str) -> bool:
        """Return whether a request is under way that may make more objects with the mark."""
        return any(ownership.of_request(request, mark) for request in self._sky.requests())

    def sweep(self, mark: str, choose: Choice = lambda every: every) -> tuple[orphans.Marked, ...]:
        """Take down the objects with a stack's mark that `choose` keeps, and return them.

        A replica that somebody else's service lists now belongs to that service, and is left alone.
        Raises Failed with the list of what stays.
        """

        def is_ours(request: interface.Request) -> bool:
            return ownership.of_request(request, mark) and request.kind != interface.REPLICA

        # The work of a killed call may have no record yet. A replica's launch is not waited for: it
        # may try for as long as no place has the machine, and ends with its service.
        self._settle_or_cancel(is_ours, is_ours, "this stack")
        chosen = choose(self._awake(lambda: self.marked(mark)))
        for entry in chosen:
            if entry.kind == "service":
                self.delete(entry.name, mark)
        self._cancel_launches(mark)
        for entry in choose(self._awake(lambda: self.marked(mark))):
            if entry.kind != "service" and entry.taken_by is None:
                self._machine_down(entry.name)
        left = choose(self._awake(lambda: self.marked(mark)))
        if left:
            names = ", ".join(
                f"{entry.name} (a replica of somebody else's service {entry.taken_by!r})"
                if entry.taken_by
                else entry.name
                for entry in left
            )
            raise errors.Failed(f"still there, and costing money: {names}")
        return chosen

    def _cancel_launches(self, mark: str) -> None:
        """Cancel the launches of replicas that carry the mark and that no service lists.

        Their service is gone, so nobody would take the machine down.
        """

        def look() -> list[interface.Request]:
            launches = [
                request
                for request in self._sky.requests()
                if request.kind == interface.REPLICA and ownership.of_request(request, mark)
            ]
            if not launches:
                return []
            listed = orphans.listed(self._sky.services())  # asked later, so that none is missed
            return [request for request in launches if request.name not in listed]

        why = "replicas are still being launched"
        for launches in self._watch(look, operations.SETTLE_SECONDS, why):
            if not launches:
                return
            for request in launches:
                self._say(f"{request.name}: ending the launch of a replica without a service")
                self._sky.cancel(request.id)

    def _awake(self, look: Callable[[], T]) -> T:
        """Look until there is an answer, and start SkyServe's controller for it.

        It stops by itself ten minutes after its last service. Use this only before a change: a
        refresh starts no machine.
        """
        why = "SkyServe does not answer, or its controller is not up,"
        return self._see(self._waking(look), why)

    def _waking(self, look: Callable[[], T]) -> Callable[[], T]:
        """Return a look that starts SkyServe's controller if that is a machine that has stopped."""

        def waking() -> T:
            try:
                return look()
            except errors.Asleep:
                self._say("waiting for SkyServe's controller")
                self._sky.wake()
                raise

        return waking

    def _present(self, name: str, mark: str) -> interface.Service | None:
        """Return the service of a name, once no request that makes or ends it is under way."""
        self._settle(name)
        look = self._waking(lambda: self._sky.service(name))
        why = f"{name}: the earlier service is still shutting down"
        service: interface.Service | None = None
        for service in self._watch(look, operations.GONE_SECONDS, why):
            if service is None or service.status != "SHUTTING_DOWN":
                break
            if marker.owner(service) == mark:
                self._end(service, mark)  # it may end by itself, or be stuck
                return None
            self._say(f"{name}: waiting for the earlier service to be gone")
        return service

    def _update(self, wanted: marker.Wanted) -> marker.Applied:
        """Send a new version, and wait until SkyServe has recorded it."""
        with self._shortage_explained(wanted.name):
            self._sky.update(wanted.name, self._order(wanted))
        return self._accepted(wanted)

    def _up(self, wanted: marker.Wanted, *, again: bool = True) -> interface.Service:
        """Register the service; try once more if the first try has made none.

        SkyServe starts a controller in a shell that ends at once. The daemon that watches the shell
        may then kill the controller before it has written anything
        (sky/skylet/subprocess_daemon.py, main). On two busy cores some 2 of 25 died so.
        """
        self._say(f"{wanted.name}: registering")
        failure: errors.SkyPilotError | None = None
        try:
            with self._shortage_explained(wanted.name):
                self._sky.up(wanted.name, self._order(wanted))
        except errors.Unreachable:
            raise  # it may exist: the next `up` or destroy finds it
        except errors.SkyPilotError as error:
            failure = error
        try:
            service = self._listed(wanted.name, failure)
        except errors.TimedOut:
            if self._seconds is not None or not again or not isinstance(failure, errors.NotStarted):
                raise
            if (late := self._sky.service(wanted.name)) is None:  # else `up` would take it over
                return self._up(wanted, again=False)
            service = late
        if failure is not None and marker.read(service.text) != (wanted.mark, wanted.digest):
            raise errors.Failed(f"{wanted.name}: {failure}") from failure
        if failure is not None and service.status in shutdown.BROKEN:
            self._end(service, wanted.mark)
            raise failure
        return service

    def _listed(self, name: str, failure: errors.SkyPilotError | None) -> interface.Service:
        """Return the new service, whatever error `up` raised; raise that if there is none."""
        if failure is not None and not isinstance(failure, errors.TimedOut):
            self._settle(name)
            why = f"{name}: {failure}; it is unknown whether it was made"
            service = self._see(lambda: self._sky.service(name), why)
            if service is None:
                raise failure
            return service
        # Its controller may start long after SkyServe has given up on it.
        why = f"{name}: {failure or 'registered, but not listed'}"
        listed = self._watch(lambda: self._sky.service(name), operations.ACCEPT_SECONDS, why)
        return next(service for service in listed if service is not None)

    def _wait_for_balancer(self, service: interface.Service) -> interface.Service:
        """Wait until the load balancer listens, but at most BALANCER_SECONDS.

        Send no request: SkyServe counts it as traffic, for which it starts the first replica at
        once (sky/serve/load_balancer.py, SkyServeLoadBalancer._proxy_with_retries;
        sky/serve/autoscalers.py, class _AutoscalerWithHysteresis,
        _set_target_num_replicas_with_hysteresis).
        """
        deadline = self._clock.now() + bounds.at_most(BALANCER_SECONDS)
        while self._clock.now() < deadline:
            with contextlib.suppress(errors.SkyPilotError):  # not yet
                if service.endpoint is None:
                    service = self._sky.service(service.name) or service
                address = self._for_clients(service.endpoint)
                if address is not None and self._sky.listens(address):
                    break
            self._clock.sleep(operations.POLL_SECONDS)
        return service

    def _accepted(self, wanted: marker.Wanted) -> marker.Applied:
        """Wait until the service's record carries the wanted digest."""
        why = f"{wanted.name}: SkyServe did not accept the new version"
        seen = self._watch(lambda: self._sky.service(wanted.name), operations.ACCEPT_SECONDS, why)
        return next(
            _applied(wanted, service)
            for service in seen
            if service is not None and marker.read(service.text)[1] == wanted.digest
        )

    def _check_alive(self, service: interface.Service) -> None:
        if service.status in shutdown.BROKEN:
            raise errors.Failed(
                f"the service {service.name!r} is {service.status}: SkyServe cannot change it any "
                "more; replace it (`pulumi up --target-replace` with its URN, or `pulumi destroy`)"
            )


def _applied(wanted: marker.Wanted, service: interface.Service) -> marker.Applied:
    """Return what state remembers of a service that is as wanted."""
    return marker.Applied(
        name=wanted.name,
        mark=wanted.mark,
        task=wanted.task,
        text=wanted.text,
        digest=wanted.digest,
        hash=service.hash,
        version=service.version,
        endpoint=service.endpoint,
    )
