"""Create, read, update and delete of services, over the port. Knows nothing of Pulumi.

Ownership and drift are read from the marker in a service's own text (`marker`).
"""

import contextlib
import dataclasses
import typing
from collections.abc import Callable

from .. import errors
from ..plan import changes, task, task_diff
from ..skypilot import bounds, interface
from . import adoption, marker, operations, orphans, ownership, shutdown, turns

T = typing.TypeVar("T")
Choice = Callable[[tuple[orphans.Marked, ...]], tuple[orphans.Marked, ...]]

BALANCER_SECONDS = 30.0
"""How long a new service's load balancer may take to listen before others are let on."""
_ONE_UP = turns.Turn()
"""SkyServe gives up the lock on its ports before the load balancer has bound the one it chose
(sky/serve/service.py, _start): of two services made at once both may be given the same."""


class Services(shutdown.Shutdown):
    """The life cycle of services on one API server."""

    def create(self, wanted: marker.Wanted, *, adopt: bool = False) -> marker.Applied:
        """Make the service, or take up the one that an interrupted create has left.

        Raises Invalid when the name belongs to someone else and is not to be adopted, or cannot be.
        """
        with self._alone(wanted.name, "create"):
            found = self._present(wanted.name, wanted.mark)
            if (
                found is not None
                and found.status in shutdown.BROKEN
                and marker.owner(found) == wanted.mark
            ):
                self._end(found, wanted.mark)  # an earlier try that SkyServe cannot mend
                found = None
            if found is None:
                self._check_places(wanted)
                with self._turn(_ONE_UP, f"the registration of {wanted.name!r}"):
                    # Somebody may have taken the name while this create waited for its turn.
                    found = self._present(wanted.name, wanted.mark)
                    if found is None:
                        found = self._wait_for_balancer(self._up(wanted))
            owner, digest = marker.read(found.text)
            if owner != wanted.mark and not adopt:
                raise errors.Invalid(
                    f"name: the service {wanted.name!r} exists on this API server and belongs to "
                    f"{'another stack' if owner else 'someone else'}; choose another name "
                    "(the setting `prefix` changes all of a stack's), take it over with adopt: "
                    "true, or take that service down"
                )
            if owner != wanted.mark:
                self._check_alive(found)
                reason = adoption.refused(marker.theirs(found.text), wanted.task)
                if reason is not None:
                    raise errors.Invalid(f"adopt: the service {wanted.name!r}: {reason}")
            if digest == wanted.digest and owner == wanted.mark:
                return _applied(wanted, found)
            self._sky.update(wanted.name, self._order(wanted))
            return self._accepted(wanted)

    def read(self, applied: marker.Applied) -> operations.Seen | None:
        """What became of the service; None when it is gone.

        Unreachable is raised, never taken for gone.
        """
        found = self._sky.service(applied.name)
        if found is None or found.status == "SHUTTING_DOWN":
            return None
        digest = marker.read(found.text)[1]
        if not ownership.of_service(found, applied.mark, applied.hash):
            return None  # ours was deleted, or taken over, and the name is someone else's now
        now = dataclasses.replace(
            applied, hash=found.hash, version=found.version, endpoint=found.endpoint
        )
        if digest == applied.digest:
            return operations.Seen(now)
        plain = marker.generated(applied.task)
        content = marker.theirs(found.text, plain)
        if content is None:
            return operations.Seen(
                dataclasses.replace(now, digest=marker.fingerprint(found)),
                {"version": f"{found.version} was never completed"},
            )
        was = marker.without_values(applied.task, plain)
        drift = {
            change.key: f"{changes.shown(change.old)} -> {changes.shown(change.new)}"
            for change in (task_diff.compare(was, content) if was else ())
        }
        if not was:
            drift = {"task": "the state does not say what was applied"}
        return operations.Seen(
            dataclasses.replace(
                now, task=content, text=task.text(content), digest=marker.fingerprint(found)
            ),
            drift or {"env, secrets": "a value differs"},
        )

    def update(self, applied: marker.Applied, wanted: marker.Wanted) -> marker.Applied:
        """Give the service its next version, unless it has it already.

        Raises Failed when the service is no longer what state remembers: someone else's change is
        not overwritten unseen.
        """
        with self._alone(wanted.name, "update"):
            self._settle(wanted.name)
            found = self._awake(lambda: self._sky.service(wanted.name))
            if found is None:
                raise errors.NotFound(
                    f"the service {wanted.name!r} is gone; `pulumi up --refresh` makes it anew"
                )
            ours = ownership.of_service(found, applied.mark, applied.hash)
            if ours:
                self._check_alive(found)
            now = marker.fingerprint(found)
            if ours and now == wanted.digest:
                return _applied(wanted, found)
            if not ours or (now != applied.digest and found.text is not None):
                seen = self.read(applied)
                what = seen.told if seen else "it was replaced"
                raise errors.Failed(
                    f"the service {wanted.name!r} was changed outside this stack ({what}); "
                    "look at it with `pulumi refresh`, then `pulumi up` puts it right"
                )
            self._sky.update(wanted.name, self._order(wanted))
            return self._accepted(wanted)

    def delete(self, name: str, mark: str, incarnation: str | None = None) -> bool:
        """Take the service down and see that nothing of it is left; whether it was there.

        A name that a stranger has taken since is left alone. Where the service is gone already,
        only the label tells which machines it has left.

        Raises Failed with the list of what is still there.
        """
        with self._alone(name, "delete"):
            self._settle(name)
            found = self._awake(lambda: self._sky.service(name))
            if found is None:
                self._take_down(ownership.Replicas(name, mark))
                return False
            if not ownership.of_service(found, mark, incarnation):
                return False  # ours is gone: this one is somebody else's
            self._end(found, mark)
            return True

    def marked(self, mark: str | None = None) -> tuple[orphans.Marked, ...]:
        """What carries a stack's mark, or any stack's."""
        machines = self._sky.machines()
        found = orphans.marked(self._sky.services(), machines)
        return tuple(one for one in found if mark in (None, one.mark))

    def under_way(self, mark: str) -> bool:
        """Whether a request is that may make more of what carries the mark."""
        return any(ownership.of_request(one, mark) for one in self._sky.requests())

    def sweep(self, mark: str, choose: Choice = lambda found: found) -> tuple[orphans.Marked, ...]:
        """Take down what carries a stack's mark, or what is chosen of it, and say what that was.

        A replica that a service of somebody else lists is that one's now, and is left alone. Raises
        Failed with what stays.
        """

        def ours(request: interface.Request) -> bool:
            return ownership.of_request(request, mark) and request.kind != interface.REPLICA

        # What a killed call has begun may have no record yet. A replica's launch, which may try for
        # as long as no place has the machine, is its service's own business.
        self._settle_or_cancel(ours, ours, "this stack")
        chosen = choose(self._awake(lambda: self.marked(mark)))
        for one in chosen:
            if one.kind == "service":
                self.delete(one.name, mark)
        self._cancel_launches(mark)
        for one in choose(self._awake(lambda: self.marked(mark))):
            if one.kind != "service" and one.taken_by is None:
                self._machine_down(one.name)
        left = choose(self._awake(lambda: self.marked(mark)))
        if left:
            names = ", ".join(
                f"{one.name} (a replica of the service {one.taken_by!r}, which is somebody else's)"
                if one.taken_by
                else one.name
                for one in left
            )
            raise errors.Failed(f"still there, and costing money: {names}")
        return chosen

    def _cancel_launches(self, mark: str) -> None:
        """End the launches of replicas that carry the mark and that no service lists.

        Their service is gone, and the machine would have nobody.
        """

        def look() -> list[interface.Request]:
            launches = [
                one
                for one in self._sky.requests()
                if one.kind == interface.REPLICA and ownership.of_request(one, mark)
            ]
            if not launches:
                return []
            listed = orphans.listed(self._sky.services())  # asked later: so none is overlooked
            return [one for one in launches if one.name not in listed]

        why = "replicas are still being launched"
        for launches in self._watch(look, operations.SETTLE_SECONDS, why):
            if not launches:
                return
            for request in launches:
                self._say(f"{request.name}: ending the launch of a replica without a service")
                self._sky.cancel(request.id)

    def _awake(self, look: Callable[[], T]) -> T:
        """Look until there is an answer, and start SkyServe's controller for it.

        It stops by itself ten minutes after its last service. Only for who is to change something:
        a refresh starts no machine.
        """
        why = "SkyServe does not answer, or its controller is not up,"
        return self._see(self._waking(look), why)

    def _waking(self, look: Callable[[], T]) -> Callable[[], T]:
        """A look that starts SkyServe's controller, where that is a machine that has stopped."""

        def waking() -> T:
            try:
                return look()
            except errors.Asleep:
                self._say("waiting for SkyServe's controller")
                self._sky.wake()
                raise

        return waking

    def _present(self, name: str, mark: str) -> interface.Service | None:
        """The service of that name once nothing is under way that makes or ends it."""
        self._settle(name)
        look = self._waking(lambda: self._sky.service(name))
        why = f"{name}: the earlier service is still shutting down"
        found: interface.Service | None = None
        for found in self._watch(look, operations.GONE_SECONDS, why):
            if found is None or found.status != "SHUTTING_DOWN":
                break
            if marker.owner(found) == mark:
                self._end(found, mark)  # which ends by itself, or has to be helped
                return None
            self._say(f"{name}: waiting for the earlier service to be gone")
        return found

    def _up(self, wanted: marker.Wanted, *, again: bool = True) -> interface.Service:
        """Register it; once more where nothing has come of the first try.

        SkyServe starts a controller in a shell that ends at once, and what watches over the shell
        may take that for the end of the server and kill the controller, before it has said a word
        (sky/skylet/subprocess_daemon.py, main). On two busy cores some 2 of 25 died so.
        """
        self._say(f"{wanted.name}: registering")
        failure: errors.SkyPilotError | None = None
        try:
            self._sky.up(wanted.name, self._order(wanted))
        except errors.Unreachable:
            raise  # whether it exists cannot be known now: the next `up` or destroy finds it
        except errors.SkyPilotError as error:
            failure = error
        try:
            found = self._listed(wanted.name, failure)
        except errors.TimedOut:
            bounded = self._seconds is not None
            if bounded or not again or not isinstance(failure, errors.NotStarted):
                raise
            late = self._sky.service(wanted.name)  # an `up` of a name that exists takes it over
            if late is None:
                return self._up(wanted, again=False)
            found = late
        if failure is not None and marker.read(found.text) != (wanted.mark, wanted.digest):
            raise errors.Failed(f"{wanted.name}: {failure}") from failure
        if failure is not None and found.status in shutdown.BROKEN:
            self._end(found, wanted.mark)
            raise failure
        return found

    def _listed(self, name: str, failure: errors.SkyPilotError | None) -> interface.Service:
        """What has been made, for all that was said of it. Raises the failure if there is none."""

        def look() -> interface.Service | None:
            return self._sky.service(name)

        if failure is not None and not isinstance(failure, errors.TimedOut):
            self._settle(name)
            found = self._see(look, f"{name}: {failure}; whether it was made is not known")
            if found is None:
                raise failure
            return found
        # Its controller may start long after SkyServe has given up on it.
        why = f"{name}: {failure or 'registered, but not listed'}"
        listed = self._watch(look, operations.ACCEPT_SECONDS, why)
        return next(found for found in listed if found is not None)

    def _wait_for_balancer(self, found: interface.Service) -> interface.Service:
        """Wait until the load balancer listens; one that cannot be reached from here is let be.

        It is not asked anything: to SkyServe any request is traffic, for which it starts the first
        replica at once (sky/serve/load_balancer.py, SkyServeLoadBalancer._proxy_with_retries;
        sky/serve/autoscalers.py, class _AutoscalerWithHysteresis,
        _set_target_num_replicas_with_hysteresis).
        """
        deadline = self._clock.now() + bounds.at_most(BALANCER_SECONDS)
        while self._clock.now() < deadline:
            with contextlib.suppress(errors.SkyPilotError):  # not yet
                if found.endpoint is None:
                    found = self._sky.service(found.name) or found
                address = self._for_clients(found.endpoint)
                if address is not None and self._sky.listens(address):
                    break
            self._clock.sleep(operations.POLL_SECONDS)
        return found

    def _accepted(self, wanted: marker.Wanted) -> marker.Applied:
        """Wait until the service's record carries the wanted digest."""
        why = f"{wanted.name}: SkyServe did not take the new version"
        seen = self._watch(lambda: self._sky.service(wanted.name), operations.ACCEPT_SECONDS, why)
        return next(
            _applied(wanted, found)
            for found in seen
            if found is not None and marker.read(found.text)[1] == wanted.digest
        )

    def _check_alive(self, found: interface.Service) -> None:
        if found.status in shutdown.BROKEN:
            raise errors.Failed(
                f"the service {found.name!r} is {found.status}: SkyServe cannot change it any "
                "more; replace it (`pulumi up --target-replace` with its URN, or `pulumi destroy`)"
            )


def _applied(wanted: marker.Wanted, found: interface.Service) -> marker.Applied:
    """What state remembers of a service that has what is wanted."""
    return marker.Applied(
        name=wanted.name,
        mark=wanted.mark,
        task=wanted.task,
        text=wanted.text,
        digest=wanted.digest,
        hash=found.hash,
        version=found.version,
        endpoint=found.endpoint,
    )
