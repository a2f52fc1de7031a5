"""A small engine like Pulumi's over the real providers: one stack, and the checks of it.

The engine keeps state as Pulumi does when it is killed: nothing of a create, and the old state of
an update or a delete. Order and dependencies are those of `components.Deployments`.
"""

import dataclasses
import itertools
import typing
from collections.abc import Iterator, Mapping

from pulumi_skypilot import plan, providers, spec, testing
from pulumi_skypilot.lifecycle import marker
from pulumi_skypilot.lifecycle.services import Services
from pulumi_skypilot.spec import keys

Props = dict[str, typing.Any]
Program = Mapping[str, Mapping[str, typing.Any]]

SETTLED_SECONDS = 300.0


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
        """The operations of the last command, in order."""

    def up(self, program: Program, *, replace: bool = False) -> None:
        """Act as `pulumi up`; `replace` adds `--target-replace` for services and clusters."""
        self.done = []
        self._put("scope", providers.ScopeProvider(), {"apiServer": "http://10.77.0.1:46580"})
        for key, table in program.items():
            self._deploy(key, table, replace)
        kept = {"scope", *itertools.chain(*((key, f"{key} ready") for key in program))}
        for key in [key for key in reversed(self.state) if key not in kept]:
            self._delete(key)

    def refresh(self) -> None:
        """Act as `pulumi refresh`."""
        for key, record in list(self.state.items()):
            if "ready" in key:
                continue  # a wait has nothing to read
            result = record.provider.read(record.id, record.outputs)
            if result.id:
                record.outputs = result.outs
            else:
                del self.state[key]

    def destroy(self) -> None:
        """Act as `pulumi destroy`."""
        for key in list(reversed(self.state)):
            self._delete(key)

    @property
    def scope(self) -> Props:
        """Return the part of the scope that each resource keeps."""
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
            "model": wanted.first_name,
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
    """Add machines and requests of other people that look like those of these services."""
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
    """Yield what differs from the result of an undisturbed `up` of the program.

    Time passes before the look.
    """
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
    services = {service.name: service for service in sky.services()}
    names = {key: f"{engine.prefix}-{key}" for key in program}
    clusters = {names[key] for key, table in program.items() if table.get("kind") == "cluster"}
    if set(services) != set(names.values()) - clusters:
        yield f"services {sorted(services)}"
    replicas = {
        f"{service.name}-{replica.id}"
        for service in services.values()
        for replica in service.replicas
    }
    machines = sorted(machine.name for machine in sky.own_machines())
    if machines != sorted({*replicas, *clusters}):
        yield f"machines {machines}"
    for key, name in names.items():
        outputs = engine.state[key].outputs
        wanted = spec.parse(dict(program[key]))
        if outputs["task"] != plan.plan(wanted, name).task_text:
            yield f"{key}: another task in state"
        if name in clusters:
            running = [job.name for job in sky.jobs(name) if job.status == "RUNNING"]
            if running != [marker.job_name(engine.scope["mark"], outputs["digest"])]:
                yield f"{key}: it runs {running}"
            continue
        service = services[name]
        states = [(replica.status, replica.version) for replica in service.replicas]
        if states != [("READY", service.version)] * (
            wanted.replicas.min + (wanted.replicas.overprovision or 0)
        ):
            yield f"{key}: replicas {states}"
        if marker.fingerprint(service) != outputs["digest"]:
            yield f"{key}: another digest on the server"


def left(sky: testing.SkyPilot) -> list[str]:
    """Return all of the stack that is in the cloud, and all that SkyServe knows."""
    sky.clock.sleep(SETTLED_SECONDS)
    return sorted(
        {service.name for service in sky.services()}
        | {machine.name for machine in sky.own_machines()}
    )


def swept(engine: Engine, sky: testing.SkyPilot) -> None:
    """Act as `pulumi-skypilot sweep --yes`, where no state knows any of it."""
    Services(sky, sky.clock).sweep(engine.scope["mark"])
