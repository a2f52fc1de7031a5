"""Every fault at every call of every operation, with three ways to go on."""

import collections
import contextlib
import dataclasses
import typing
from collections.abc import Iterator, Mapping

from pulumi_skypilot import testing
from pulumi_skypilot.providers import plugin_host
from tests import faults, stack_in_memory

SERVICE = {"model": "openai/gpt-oss-20b", "cpus": 4.0, "memory": 16.0, "infra": "aws"}
CLUSTER = {**SERVICE, "kind": "cluster"}
NONE: stack_in_memory.Program = {}


@dataclasses.dataclass(frozen=True)
class Operation:
    """A stack, and the program of the `up` that is disturbed; None stands for destroy."""

    before: stack_in_memory.Program
    after: stack_in_memory.Program | None


def _on(key: str, old: Mapping[str, object] | None, new: Mapping[str, object] | None) -> Operation:
    return Operation({key: old} if old else NONE, {key: new} if new else NONE)


SCALED = {**SERVICE, "replicas": {"min": 1.0, "max": 3.0, "targetQps": 2.0}}
STOPPING = {**CLUSTER, "autostop": {"idle": 30.0, "then": "stop"}}
OPERATIONS: Mapping[str, Operation] = {
    "create service": _on("chat", None, SERVICE),
    "scale service": _on("chat", SERVICE, SCALED),
    "roll service": _on("chat", SERVICE, {**SERVICE, "context": 4096.0}),
    "replace service": _on(
        "chat", SERVICE, {**SERVICE, "loadBalancing": {"policy": "round_robin"}}
    ),
    "delete service": _on("chat", SERVICE, None),
    "create cluster": _on("lab", None, CLUSTER),
    "autostop of cluster": _on(
        "lab", STOPPING, {**STOPPING, "autostop": {"idle": 60.0, "then": "stop"}}
    ),
    "restart cluster": _on("lab", CLUSTER, {**CLUSTER, "context": 4096.0}),
    "replace cluster": _on("lab", CLUSTER, {**CLUSTER, "disk": 300.0}),
    "delete cluster": _on("lab", CLUSTER, None),
    "destroy both": Operation({"chat": SERVICE, "lab": CLUSTER}, None),
}
ENDINGS = ("up", "destroy", "removed")
"""The same program again; `destroy`; or an empty program, or all of it again after a delete."""
REPEATS = 2
"""The faults for one call in one operation: a wait repeats a call dozens of times."""


@dataclasses.dataclass(frozen=True)
class Case:
    """One fault at one call, and the way to go on."""

    operation: str
    fault: str
    number: int
    call: str
    ending: str


def cases(*operations: str) -> Iterator[Case]:
    """Yield the cases of these operations, or of all, by the calls of an undisturbed run."""
    for name in operations or OPERATIONS:
        seen: collections.Counter[str] = collections.Counter()
        for number, call in enumerate(_calls(name), 1):
            seen[call] += 1
            if seen[call] > REPEATS:
                continue
            for fault in faults.FAULTS:
                if not faults.fits(fault, call) or (
                    fault == "controller dies" and "cluster" in name
                ):
                    continue
                for ending in ENDINGS:
                    yield Case(name, fault, number, call, ending)


def some(operation: str) -> Iterator[Case]:
    """Yield a case for each fault of an operation; calls and endings take turns."""
    groups: dict[str, list[Case]] = collections.defaultdict(list)
    for case in cases(operation):
        groups[case.fault].append(case)
    first = list(OPERATIONS).index(operation)
    for number, group in enumerate(groups.values(), first):
        yield group[5 * number % len(group)]


def outcome(case: Case) -> str:
    """Return the commands that a user had to type.

    Raises AssertionError when something is left or wrong, or when something of others was touched.
    """
    operation = OPERATIONS[case.operation]
    sky = testing.SkyPilot()
    stack_in_memory.add_others(sky, "local-chat", "local-lab")
    hurt = faults.Hurt(sky)
    with testing.use(typing.cast(testing.SkyPilot, hurt)):
        engine = stack_in_memory.Engine()
        engine.up(operation.before)
        hurt.arm(faults.Fault(case.fault, case.number))
        with contextlib.suppress(faults.KilledError):
            error = _do_or_fail(engine, operation.after)
            if error is not None:
                assert case.fault not in faults.BORNE, error
                assert case.fault != faults.FOR_EVER or faults.FOR_EVER_SAYS in error, error
        hurt.arm(None)
        if "API server" in case.fault:
            sky.clock.sleep(faults.AWAY_SECONDS)
        typed = _end(engine, typing.cast(testing.SkyPilot, hurt), case, operation)
    assert sky.touched() == []
    return typed


def _calls(name: str) -> list[str]:
    sky = testing.SkyPilot()
    hurt = faults.Hurt(sky)
    with testing.use(typing.cast(testing.SkyPilot, hurt)):
        engine = stack_in_memory.Engine()
        engine.up(OPERATIONS[name].before)
        hurt.arm(None)
        _do(engine, OPERATIONS[name].after)
    return hurt.names


def _do(engine: stack_in_memory.Engine, program: stack_in_memory.Program | None) -> None:
    if program is None:
        engine.destroy()
    else:
        engine.up(program)


def _do_or_fail(
    engine: stack_in_memory.Engine, program: stack_in_memory.Program | None
) -> str | None:
    """Return the error that the user reads; None where nothing fails."""
    try:
        _do(engine, program)
    except plugin_host.Error as error:
        return str(error)
    return None


def _end(
    engine: stack_in_memory.Engine, sky: testing.SkyPilot, case: Case, operation: Operation
) -> str:
    if case.ending == "destroy" or (case.ending == "up" and operation.after is None):
        engine.destroy()
        assert stack_in_memory.left(sky) == []
        return "destroy"
    program = operation.after or NONE
    if case.ending == "removed":
        if not program:  # all of it again, once a pending delete is done
            sky.clock.sleep(faults.LATE_SECONDS)
        program = NONE if program else operation.before
    typed = _up(engine, sky, program)
    if not program and stack_in_memory.left(sky):
        typed += ", sweep"
        stack_in_memory.swept(engine, sky)
    assert list(stack_in_memory.wrong(engine, sky, program)) == []
    engine.destroy()
    assert stack_in_memory.left(sky) == []
    return typed


def _up(
    engine: stack_in_memory.Engine, sky: testing.SkyPilot, program: stack_in_memory.Program
) -> str:
    """Run `up`, then what its errors ask for, and return the commands.

    These are a refresh, or the replacement of what cannot be changed.
    """
    try:
        engine.up(program)
    except plugin_host.Error:
        pass
    else:
        if not list(stack_in_memory.wrong(engine, sky, program)):
            return "up"
    try:
        engine.refresh()
        engine.up(program)
    except plugin_host.Error:
        engine.up(program, replace=True)
        return "up --target-replace"
    return "up --refresh"
