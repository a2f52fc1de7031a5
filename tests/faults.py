"""Pulumi's engine in small over the real providers, and a SkyPilot hurt at any of its calls.

The engine keeps state as Pulumi does when it is killed: nothing of a create, the old state of an
update or a delete. Order and dependencies are those of `components.Deployments`.
"""

import contextlib
import dataclasses
import itertools
import typing
from collections.abc import Callable, Iterator, Mapping

from pulumi_skypilot import errors, plan, providers, spec, testing
from pulumi_skypilot.lifecycle import marker, ownership
from pulumi_skypilot.lifecycle.services import Services
from pulumi_skypilot.plan import task
from pulumi_skypilot.skypilot import interface
from pulumi_skypilot.spec import keys

Props = dict[str, typing.Any]
Program = Mapping[str, Mapping[str, typing.Any]]

CHANGES = ("up", "update", "down", "launch", "exec", "cancel_jobs", "autostop", "machine_down")
"""The calls that change something, and that SkyPilot may carry out after its client is dead."""
SEEN_UNDER_WAY = ("up", "update", "launch")
LATE_SECONDS = 6.0
AWAY_SECONDS = 60.0
SETTLED_SECONDS = 300.0

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
"""What a look that fails raises: as the SDK does, and as the port might."""
FOR_EVER = "every look fails"
FOR_EVER_SAYS = "Attempted to read a None YAML."

_PORT = {name for name in vars(interface.SkyPilot) if not name.startswith("_")}


class KilledError(BaseException):
    """Stands for `kill -9`: nothing in the product catches it."""


@dataclasses.dataclass(frozen=True)
class Fault:
    """What happens at which call."""

    what: str
    """A key of `FAULTS`."""
    call: int


class Hurt:
    """The fake, counting its calls and hurt at one of them."""

    def __init__(self, sky: testing.SkyPilot) -> None:
        self.sky = sky
        self.names: list[str] = []
        self._fault: Fault | None = None
        self._late: list[tuple[float, str, interface.Request | None, Callable[[], object]]] = []
        self._away_until = 0.0

    def arm(self, fault: Fault | None) -> None:
        """Count anew, towards a fault."""
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
            mine = [one[2] for one in self._late if one[2] is not None]
            return (*mine, *self.sky.requests()) if name == "requests" else real()
        return FAULTS[self._fault.what](self, name, real, args)

    def later(self, name: str, real: Callable[[], object], args: tuple[typing.Any, ...]) -> None:
        """SkyPilot finishes its requests, whoever has asked."""
        due = self.sky.clock.now() + LATE_SECONDS
        request = None
        if name in SEEN_UNDER_WAY:
            resources = task.from_text(args[1].text)["resources"]
            request = interface.Request(
                f"late-{len(self._late)}", name, args[0], resources["labels"]
            )
        self._late.append((due, name, request, real))

    def away(self) -> None:
        """Nobody answers for a while."""
        self._away_until = self.sky.clock.now() + AWAY_SECONDS

    def _happen(self) -> None:
        now = self.sky.clock.now()
        due = [one for one in self._late if one[0] <= now]
        self._late = [one for one in self._late if one[0] > now]
        for one in due:
            with contextlib.suppress(errors.SkyPilotError):  # nobody waits for its answer
                one[3]()


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
"""Faults that nobody notices: the operation ends as if there were none."""


def fits(what: str, call: str) -> bool:
    """Whether that fault can happen at that call."""
    if what == "provider killed, call under way":
        return call in CHANGES
    if what in (*BORNE, FOR_EVER):
        return call in interface.LOOKS
    if what == "API server dies in the middle":
        return call in ("launch", "update", "down")
    return True


@dataclasses.dataclass
class Record:
    """A resource in state."""

    provider: typing.Any
    id: str
    outputs: Props


class Engine:
    """One stack: its state, and the commands that people type."""

    def __init__(self, prefix: str = "local") -> None:
        self.prefix = prefix
        self.state: dict[str, Record] = {}
        self.done: list[str] = []
        """What the last command did, in order."""

    def up(self, program: Program, *, replace: bool = False) -> None:
        """As `pulumi up`; replace: with `--target-replace` of what serves."""
        self.done = []
        self._put("scope", providers.ScopeProvider(), {"apiServer": "http://10.77.0.1:46580"})
        for key, table in program.items():
            self._deploy(key, table, replace)
        wanted = {"scope", *itertools.chain(*((key, f"{key} ready") for key in program))}
        for key in [key for key in reversed(self.state) if key not in wanted]:
            self._delete(key)

    def refresh(self) -> None:
        """As `pulumi refresh`."""
        for key, record in list(self.state.items()):
            if "ready" in key:
                continue  # a wait has nothing to read
            found = record.provider.read(record.id, record.outputs)
            if found.id:
                record.outputs = found.outs
            else:
                del self.state[key]

    def destroy(self) -> None:
        """As `pulumi destroy`."""
        for key in list(reversed(self.state)):
            self._delete(key)

    @property
    def scope(self) -> Props:
        """What each resource keeps of the scope."""
        outputs = self.state["scope"].outputs
        return {key: outputs[key] for key in ("apiServer", "mark", "user")}

    def _deploy(self, key: str, table: Mapping[str, typing.Any], replace: bool) -> None:
        is_cluster = table.get("kind") == "cluster"
        seed, name = self.state["scope"].outputs["seed"], f"{self.prefix}-{key}"
        own = {"name": name, "scope": self.scope, "apiKey": keys.derive(seed, name, 1)}
        kind = providers.ClusterProvider if is_cluster else providers.ServiceProvider
        self._put(key, kind(), {**table, **own}, replace)
        wanted = spec.parse(dict(table))
        served = self.state[key].outputs
        wait: Props = {
            "scope": self.scope,
            "incarnation": served["hash"],
            "digest": served["digest"],
            "apiKey": served["apiKey"],
            "model": wanted.served_name,
            "timeoutSeconds": 1500.0,
        }
        if is_cluster:
            waiter: typing.Any = providers.ClusterReadinessProvider()
            wait |= {"cluster": name}
        else:
            waiter = providers.ReadinessProvider()
            least = float(wanted.replicas.min)
            wait |= {"service": name, "version": served["version"], "minReplicas": least}
            wait |= {"certificate": (table.get("tls") or {}).get("certificate")}
        self._put(f"{key} ready", waiter, wait)

    def _put(self, key: str, provider: typing.Any, given: Props, replace: bool = False) -> None:
        record = self.state.get(key)
        checked = provider.check(record.outputs if record else {}, given)
        assert not checked.failures, checked.failures[0].reason
        if record is not None:
            diff = provider.diff(record.id, record.outputs, checked.inputs)
            if not diff.changes and not replace:
                return
            if not diff.replaces and not replace:
                self.done.append(f"update {key}")
                outs = provider.update(record.id, record.outputs, checked.inputs).outs
                self.state[key] = Record(provider, record.id, outs)
                return
            self._delete(key)
        self.done.append(f"create {key}")
        made = provider.create(checked.inputs)
        self.state[key] = Record(provider, made.id, made.outs)

    def _delete(self, key: str) -> None:
        self.done.append(f"delete {key}")
        record = self.state[key]
        record.provider.delete(record.id, record.outputs)
        del self.state[key]


def add_others(sky: testing.SkyPilot, *names: str) -> None:
    """Let other people have what looks like replicas and requests of services of these names."""
    theirs = {marker.LABEL: "other"}
    for name in names:
        for labels in (None, theirs):
            machine = sky.others_job(name, labels)
            sky.others_request("replica", machine, labels or {})
        sky.others_cluster(f"{name}-90")
        sky.others_request("launch", f"{name}-91")
        for labels in (None, theirs):
            sky.others_request("up", f"{name}-eu", labels)


def wrong(engine: Engine, sky: testing.SkyPilot, program: Program) -> Iterator[str]:
    """What is not as an undisturbed `up` of the program leaves it, once time has passed."""
    engine.up(program)
    if engine.done:
        yield f"another up has still to {', '.join(engine.done)}"
    engine.refresh()
    for key, record in engine.state.items():
        if record.outputs.get("drift"):
            yield f"{key}: {record.outputs['drift']}"
    gone = [key for key in program if key not in engine.state]
    if gone:
        yield f"gone since: {', '.join(gone)}"
        return
    sky.clock.sleep(SETTLED_SECONDS)
    services = {one.name: one for one in sky.services()}
    names = {key: f"{engine.prefix}-{key}" for key in program}
    clusters = {names[key] for key, table in program.items() if table.get("kind") == "cluster"}
    if set(services) != set(names.values()) - clusters:
        yield f"services {sorted(services)}"
    replicas = {f"{one.name}-{r.id}" for one in services.values() for r in one.replicas}
    machines = sorted(one.name for one in sky.own_machines())
    if machines != sorted({*replicas, *clusters}):
        yield f"machines {machines}"
    for key, name in names.items():
        outputs = engine.state[key].outputs
        wanted = spec.parse(dict(program[key]))
        if outputs["task"] != plan.plan(wanted, name).task_text:
            yield f"{key}: another task in state"
        if name in clusters:
            running = [one.name for one in sky.jobs(name) if one.status == "RUNNING"]
            if running != [marker.job_name(engine.scope["mark"], outputs["digest"])]:
                yield f"{key}: it runs {running}"
            continue
        service = services[name]
        states = [(one.status, one.version) for one in service.replicas]
        if states != [("READY", service.version)] * (
            wanted.replicas.min + (wanted.replicas.overprovision or 0)
        ):
            yield f"{key}: replicas {states}"
        if marker.fingerprint(service) != outputs["digest"]:
            yield f"{key}: another digest on the server"


def left(sky: testing.SkyPilot) -> list[str]:
    """All of the stack that is in the cloud, and all that SkyServe knows."""
    sky.clock.sleep(SETTLED_SECONDS)
    return sorted({*(one.name for one in sky.services()), *(m.name for m in sky.own_machines())})


def swept(engine: Engine, sky: testing.SkyPilot) -> None:
    """As `pulumi-skypilot sweep --yes` does it, where no state knows any of it."""
    Services(sky, sky.clock).sweep(engine.scope["mark"])
