"""The faults that may happen to a SkyPilot at any of its calls."""

import contextlib
import dataclasses
import typing
from collections.abc import Callable, Mapping

from pulumi_skypilot import errors, testing
from pulumi_skypilot.lifecycle import ownership
from pulumi_skypilot.plan import task
from pulumi_skypilot.skypilot import interface

CHANGES = ("up", "update", "down", "launch", "exec", "cancel_jobs", "autostop", "machine_down")
"""The calls that change something, and that SkyPilot may carry out after its client is dead."""
SEEN_UNDER_WAY = ("up", "update", "launch")
LATE_SECONDS = 6.0
AWAY_SECONDS = 60.0


LOOK_ERRORS: tuple[Exception, ...] = (
    ValueError("Attempted to read a None YAML."),
    KeyError("version"),
    RuntimeError("Failed to fetch services"),
    TypeError("'NoneType' object is not subscriptable"),
    AttributeError("'NoneType' object has no attribute 'value'"),
    AssertionError(),
    IndexError("list index out of range"),
    OSError(5, "Input/output error"),
    errors.Unreachable("connection refused"),
    errors.TimedOut("no answer in 120 s"),
    errors.Failed("it failed"),
    errors.Invalid("it is invalid"),
)
"""The errors of a look that fails: those of the SDK, and those that the port might raise."""
FOR_EVER = "every look fails"
FOR_EVER_SAYS = "Attempted to read a None YAML."
_PORT = {name for name in vars(interface.SkyPilot) if not name.startswith("_")}


class KilledError(BaseException):
    """An error in place of `kill -9`: nothing in the product catches it."""


@dataclasses.dataclass(frozen=True)
class Fault:
    """A fault, and the call at which it happens."""

    kind: str
    """A key of `FAULTS`."""
    call: int


class Hurt:
    """The fake, which counts its calls and fails at one of them."""

    def __init__(self, sky: testing.SkyPilot) -> None:
        self.sky = sky
        self.names: list[str] = []
        self._fault: Fault | None = None
        self._late: list[tuple[float, str, interface.Request | None, Callable[[], object]]] = []
        self._away_until = 0.0

    def arm(self, fault: Fault | None) -> None:
        """Count again from zero, towards a fault."""
        self._fault, self.names = fault, []
        self.sky.fail_looks()

    def __getattr__(self, name: str) -> typing.Any:
        real = getattr(self.sky, name)
        if name not in _PORT:
            return real

        def call(*args: typing.Any, **options: typing.Any) -> typing.Any:
            return self._call(name, lambda: real(*args, **options), args)

        return call

    def _call(self, name: str, real: Callable[[], object], args: tuple[typing.Any, ...]) -> object:
        self._happen()
        if self.sky.clock.now() < self._away_until:
            raise errors.Unreachable("connection refused")
        self.names.append(name)
        if self._fault is None or self._fault.call != len(self.names):
            mine = [call[2] for call in self._late if call[2] is not None]
            return (*mine, *self.sky.requests()) if name == "requests" else real()
        return FAULTS[self._fault.kind](self, name, real, args)

    def later(self, name: str, real: Callable[[], object], args: tuple[typing.Any, ...]) -> None:
        """Finish the call after a while: SkyPilot does so even when its client is dead."""
        due = self.sky.clock.now() + LATE_SECONDS
        request = None
        if name in SEEN_UNDER_WAY:
            resources = task.from_text(args[1].text)["resources"]
            request = interface.Request(
                f"late-{len(self._late)}", name, args[0], resources["labels"]
            )
        self._late.append((due, name, request, real))

    def away(self) -> None:
        """Answer nobody for a while."""
        self._away_until = self.sky.clock.now() + AWAY_SECONDS

    def _happen(self) -> None:
        now = self.sky.clock.now()
        due = [call for call in self._late if call[0] <= now]
        self._late = [call for call in self._late if call[0] > now]
        for call in due:
            with contextlib.suppress(errors.SkyPilotError):  # nobody waits for its answer
                call[3]()


def _killed_before(hurt: Hurt, *_: object) -> typing.NoReturn:
    raise KilledError


def _killed_after(_: Hurt, __: str, real: Callable[[], object], *___: object) -> typing.NoReturn:
    real()
    raise KilledError


def _killed_under_way(
    hurt: Hurt, name: str, real: Callable[[], object], args: tuple[typing.Any, ...]
) -> typing.NoReturn:
    hurt.later(name, real, args)
    raise KilledError


def _server_before(hurt: Hurt, *_: object) -> typing.NoReturn:
    hurt.away()
    raise errors.Unreachable("connection reset")


def _server_after(hurt: Hurt, _: str, real: Callable[[], object], *__: object) -> typing.NoReturn:
    real()
    hurt.away()
    raise errors.Unreachable("connection reset")


def _server_half(
    hurt: Hurt, name: str, real: Callable[[], object], args: tuple[typing.Any, ...]
) -> typing.NoReturn:
    if name == "down":
        hurt.sky.half_down(args[0])
    else:
        real()
    if name == "launch":
        hurt.sky.break_cluster(args[0], "the launch was cut short")
        hurt.sky.end_job(args[0], "FAILED")
    elif name == "update":
        hurt.sky.half_update(args[0])
    hurt.away()
    raise errors.Unreachable("connection reset")


def _controller(hurt: Hurt, _: str, real: Callable[[], object], *__: object) -> object:
    for service in hurt.sky.services():
        hurt.sky.kill_controller(service.name)
    return real()


def _host(hurt: Hurt, _: str, real: Callable[[], object], *__: object) -> object:
    for machine in hurt.sky.own_machines():
        replica = ownership.is_replica_name(machine.name)
        hurt.sky.preempt(machine.name) if replica else hurt.sky.kill_cluster(machine.name)
    return real()


def _look_fails(hurt: Hurt, _: str, real: Callable[[], object], *__: object) -> object:
    hurt.sky.fail_looks(LOOK_ERRORS[len(hurt.names) % len(LOOK_ERRORS)])
    return real()


def _looks_fail(hurt: Hurt, _: str, real: Callable[[], object], *__: object) -> object:
    hurt.sky.fail_looks(*(LOOK_ERRORS[n % 8] for n in range(len(hurt.names), len(hurt.names) + 3)))
    return real()


def _every_look_fails(hurt: Hurt, _: str, real: Callable[[], object], *__: object) -> object:
    hurt.sky.fail_looks(*[LOOK_ERRORS[0]] * 100_000)
    return real()


FAULTS: Mapping[str, Callable[..., object]] = {
    "provider killed before": _killed_before,
    "provider killed after": _killed_after,
    "provider killed, call under way": _killed_under_way,
    "API server dies before": _server_before,
    "API server dies after": _server_after,
    "API server dies in the middle": _server_half,
    "controller dies": _controller,
    "machines preempted": _host,
    "a look fails": _look_fails,
    "three looks fail": _looks_fail,
    FOR_EVER: _every_look_fails,
}

BORNE = ("a look fails", "three looks fail")
"""Faults that nobody notices: the operation ends as it does without them."""


def fits(kind: str, call: str) -> bool:
    """Return whether that fault can happen at that call."""
    if kind == "provider killed, call under way":
        return call in CHANGES
    if kind in (*BORNE, FOR_EVER):
        return call in interface.LOOKS
    if kind == "API server dies in the middle":
        return call in ("launch", "update", "down")
    return True
