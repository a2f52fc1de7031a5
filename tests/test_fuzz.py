"""Random programs, one operation and at most one fault after another, on the fake SkyPilot.

A small engine keeps state as Pulumi's does and goes through the real providers: check, diff, then
create, update, or delete and create. `FUZZ=2000` asks for another number of sequences than 100.
"""

import dataclasses
import functools
import os
import typing
from collections.abc import Callable

import hypothesis
import pytest
from hypothesis import stateful
from hypothesis import strategies as st

from pulumi_skypilot import catalog, errors, providers, testing
from pulumi_skypilot.lifecycle import marker
from pulumi_skypilot.plan import changes
from pulumi_skypilot.providers import plugin_host
from tests import certificates, faults, specs, stack_in_memory

Props = dict[str, typing.Any]
SEQUENCES = os.environ.get("FUZZ")
SECRET = ("secrets", "apiKey", "earlierKey", "tls", "imageCredentials")
PEM = certificates.table("canary")
PROVIDERS = {"service": providers.ServiceProvider, "cluster": providers.ClusterProvider}
FALLIBLE = ("service", "up", "update", "down", "machines", "machine_down", "cluster", "jobs",
            "launch", "cancel_jobs", "autostop", "address", "requests")  # fmt: skip
RUNNING = ("SETTING_UP", "RUNNING")


class Faulty(testing.SkyPilot):
    """The fake, in which one call fails before or after it takes effect."""

    left = -1
    after = False
    error: type[errors.SkyPilotError] = errors.Unreachable

    def __getattribute__(self, name: str) -> typing.Any:
        attribute = super().__getattribute__(name)
        if name not in FALLIBLE:
            return attribute

        @functools.wraps(attribute)
        def call(*args: typing.Any, **kwargs: typing.Any) -> object:
            self.left -= 1
            hit = self.left == 0
            if hit and not self.after:
                raise self.error("a fault")
            answer = attribute(*args, **kwargs)
            if hit:
                raise self.error("a fault")
            return answer

        return call


class Stack(stateful.RuleBasedStateMachine):
    """A stack whose program changes, and the engine that brings it about."""

    def __init__(self) -> None:
        super().__init__()
        self.sky = Faulty()
        self.sky.enabled = frozenset(catalog.clouds())
        stack_in_memory.add_others(self.sky, "fuzz-a", "fuzz-b", "fuzz-c")
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(providers.base, "connect", lambda _: self.sky)
        self.patch.setattr(providers.base, "clock", self.sky.clock)
        self.told: list[str] = []
        self.errors: list[str] = []
        self.patch.setattr(plugin_host, "message", self.told.append)
        self.patch.setattr(plugin_host, "progress", self.told.append)
        made = providers.ScopeProvider().create({"apiServer": "http://10.77.0.1:46580"}).outs
        assert made is not None
        self.scope = made
        place = {key: value for key, value in made.items() if key != "seed"}
        self.place = {"workspace": None, "serveHost": None, **place}
        self.program: dict[str, Props] = {}
        self.state: dict[str, Props] = {}
        self.clean = True
        """Whether what runs is the result of the last `up`, with no fault or other change since."""

    def teardown(self) -> None:
        """Check that a destroy leaves nothing that costs money, except what others own."""
        try:
            self.sky.left = -1
            self._refresh()
            for key in list(self.state):
                self._delete(key)
            providers.ScopeProvider().delete("x", self.scope)
            assert self.sky.services() == ()
            assert self.sky.own_machines() == ()
            assert self.sky.touched() == []
        finally:
            self.patch.undo()

    @stateful.initialize(service=specs.tables(("service",)), cluster=specs.tables(("cluster",)))
    def begin(self, service: Props, cluster: Props) -> None:
        """Make a stack with a service and a cluster."""
        self._declare("a", service, "canary-key-1")
        self._declare("b", cluster, "canary-key-1")
        self.up()

    @stateful.rule(
        key=st.sampled_from(["a", "b", "c"]),
        table=specs.tables(),
        api_key=st.sampled_from(["canary-key-1", "canary-key-2"]),
    )
    def declare(self, key: str, table: Props, api_key: str) -> None:
        """Add a deployment to the program, or replace one."""
        self._declare(key, table, api_key)

    @stateful.rule(key=st.sampled_from(["a", "b", "c"]), data=st.data())
    def edit(self, key: str, data: st.DataObject) -> None:
        """Change one property."""
        if key not in self.program:
            return
        old = self.program[key]
        own = specs.SERVICE if old.get("kind") != "cluster" else {}
        strategies = {**specs.SHARED, **own}
        name = data.draw(st.sampled_from(sorted(strategies)))
        api_key = old.get("apiKey", "canary-key-1")
        table = {k: v for k, v in old.items() if k not in ("name", "scope", "apiKey")}
        self._declare(key, {**table, name: data.draw(strategies[name])}, api_key)

    @stateful.rule(key=st.sampled_from(["a", "b", "c"]))
    def remove(self, key: str) -> None:
        """Remove a deployment from the program."""
        self.program.pop(key, None)

    @stateful.rule(
        after=st.booleans(),
        left=st.integers(1, 12),
        error=st.sampled_from(
            [errors.Unreachable, errors.Failed, errors.TimedOut, errors.NoCapacity]
        ),
    )
    def up_with_a_fault(self, after: bool, left: int, error: type[errors.SkyPilotError]) -> None:
        """Run an `up` that may fail in one call; its state must serve the next `up`."""
        self.sky.after, self.sky.left, self.sky.error = after, left, error
        try:
            self._up()
        except plugin_host.Error as failed:
            self.errors.append(str(failed))
        finally:
            self.clean = self.clean and self.sky.left > 0
            self.sky.left = -1

    @stateful.rule()
    def up(self) -> None:
        """Check that `pulumi up --refresh` leaves nothing to do, and each announced effect."""
        if not self.clean:
            self._refresh()
        self._up()
        self.clean = True
        self._settle()
        self._refresh()
        for key, program in self.program.items():
            provider, news = self._checked(program)
            assert not provider.diff(key, self.state[key], news).changes, self.told[-3:]
        assert self.state.keys() == self.program.keys()

    @stateful.rule(
        errors=st.lists(st.sampled_from(faults.LOOK_ERRORS), min_size=1, max_size=3),
        after=st.integers(0, 12),
    )
    def up_while_looks_fail(self, errors: list[Exception], after: int) -> None:
        """Check that looks that fail for a time change nothing of the result of an `up`."""
        self.sky.fail_looks(*errors, after=after)
        self.up()
        self.sky.fail_looks()

    @stateful.rule()
    def refresh(self) -> None:
        """Check that reading changes nothing remote, and that it loses nothing that exists."""
        self._refresh()

    @stateful.precondition(lambda self: self.state)
    @stateful.rule(data=st.data())
    def meddle(self, data: st.DataObject) -> None:
        """Let somebody remove or change what runs, or let a machine be lost."""
        key = data.draw(st.sampled_from(sorted(self.state)))
        name, kind = self.state[key]["name"], self.state[key].get("kind", "service")
        if kind == "service":
            service = self.sky.service(name)
            if service is None or service.status == "SHUTTING_DOWN":
                return
            if data.draw(st.booleans()):
                self.sky.kill_behind(name)
            else:
                order = self.sky.order(name)
                text = "# by hand\n" + order.text
                self.sky.update(name, dataclasses.replace(order, text=text))  # a comment
        elif self.sky.cluster(name) is not None:
            acts: list[Callable[[], None]] = [
                lambda: self.sky.kill_cluster(name),
                lambda: self.sky.end_job(name, "FAILED"),
                lambda: self.sky.end_job(name, "SUCCEEDED"),
                lambda: self.sky.stop_cluster(name),
            ]
            data.draw(st.sampled_from(acts))()
        self.clean = False

    @stateful.rule(key=st.sampled_from(["a", "b", "c"]), mark=st.sampled_from([None, "other"]))
    def begin_a_job(self, key: str, mark: str | None) -> None:
        """Let somebody begin a managed job whose cluster has the name of a replica."""
        self.sky.others_job(f"fuzz-{key}", {marker.LABEL: mark} if mark else None)

    @stateful.invariant()
    def state_is_sound(self) -> None:
        """Check that the state can be compared with itself, and shows no secret."""
        for key, outs in self.state.items():
            plain = {name: value for name, value in outs.items() if name not in SECRET}
            assert "canary" not in repr(plain)
            if "drift" not in outs:
                provider = PROVIDERS[outs.get("kind", "service")]()
                assert not provider.diff(key, outs, outs).changes
        assert not any("canary" in line for line in [*self.told, *self.errors])
        assert not any("\n" in line for line in self.errors)

    def _declare(self, key: str, table: Props, api_key: str) -> None:
        table = dict(table)
        if "secrets" in table:
            table["secrets"] = {name: f"canary-{text}" for name, text in table["secrets"].items()}
        if "tls" in table:
            table["tls"] = PEM
        if table.get("timeouts"):
            # A call without enough time leaves what it was to remove, and says so.
            table["timeouts"] = {k: max(v, 3600) for k, v in table["timeouts"].items()}
        props = {**table, "name": f"fuzz-{key}", "scope": self.place}
        if table.get("auth") != "none":
            props["apiKey"] = api_key
        if not PROVIDERS[table.get("kind", "service")]().check({}, props).failures:
            self.program[key] = props

    def _checked(self, props: Props) -> tuple[typing.Any, Props]:
        provider = PROVIDERS[props.get("kind", "service")]()
        once = provider.check({}, props).inputs
        assert provider.check(once, once).inputs == once
        return provider, once

    def _up(self) -> None:
        for key in [key for key in self.state if key not in self.program]:
            self._delete(key)
        for key, props in self.program.items():
            provider, news = self._checked(props)
            olds = self.state.get(key)
            if olds is not None and olds.get("kind", "service") != news.get("kind", "service"):
                self._delete(key)  # another type of resource has another URN
                olds = None
            if olds is None:
                self.state[key] = provider.create(news).outs
                continue
            self.told.clear()
            diff = provider.diff(key, olds, news)
            effects = [
                effect
                for effect in changes.Effect
                if any(f": {effect.value}: " in line for line in self.told)
            ]
            self._settle()
            was = self._running(olds) if self.clean and self.sky.left < 0 else None
            if diff.replaces:
                self._delete(key)
                self.state[key] = provider.create(news).outs
            elif diff.changes:
                self.state[key] = provider.update(key, olds, news).outs
            if was is not None and diff.changes:
                self._compare(effects[-1], was, self._running(self.state[key]))

    def _compare(
        self, announced: changes.Effect, was: tuple[str, set[int]], now: tuple[str, set[int]]
    ) -> None:
        assert (was[0] != now[0]) == (announced is changes.Effect.REPLACE), self.told
        if announced is changes.Effect.IN_PLACE:
            assert was[1] <= now[1], self.told
        else:
            assert announced is changes.Effect.REPLACE or not was[1] & now[1], self.told

    def _running(self, outs: Props) -> tuple[str, set[int]]:
        """Return the incarnation, and the replicas or jobs that run once all is settled."""
        self._settle()
        if outs.get("kind") == "cluster":
            cluster = self.sky.cluster(outs["name"])
            assert cluster is not None
            jobs = self.sky.jobs(outs["name"]) if cluster.status == "UP" else ()
            return cluster.hash, {job.id for job in jobs if job.status in RUNNING}
        service = self.sky.service(outs["name"])
        assert service is not None
        return service.hash, {replica.id for replica in service.replicas}

    def _refresh(self) -> None:
        for key, outs in list(self.state.items()):
            result = PROVIDERS[outs.get("kind", "service")]().read(key, outs)
            if result.id:
                self.state[key] = result.outs or {}
            else:
                del self.state[key]
        self.clean = self.clean and not any("drift" in outs for outs in self.state.values())

    def _delete(self, key: str) -> None:
        outs = self.state[key]
        PROVIDERS[outs.get("kind", "service")]().delete(key, outs)
        del self.state[key]

    def _settle(self) -> None:
        """Wait until everything that was started is finished."""
        self.sky.fail_looks()
        left, self.sky.left = self.sky.left, -1
        self.sky.clock.sleep(testing.START_SECONDS + 1)
        self.sky.services()
        self.sky.left = left


TestFuzz = Stack.TestCase
TestFuzz.settings = hypothesis.settings(
    max_examples=int(SEQUENCES or 100),
    stateful_step_count=10,
    derandomize=SEQUENCES is None,
    deadline=None,
    database=None,
    phases=[hypothesis.Phase.generate],  # shrinking would take minutes
    suppress_health_check=list(hypothesis.HealthCheck),
)
