"""The dynamic providers: thin, stateless, pickled by reference.

They turn Pulumi's properties into typed values, ask `plan`, `changes` and `lifecycle`, and turn the
answer back. check and diff are pure CPU; sky is imported by the first call that needs a server.
"""

import os
import re
import typing
import uuid
from collections.abc import Mapping

import pulumi
from pulumi import dynamic

from . import changes, host, lifecycle, marker, plan, port, readiness, skypilot, spec, task

Props = dict[str, typing.Any]

TOKEN_VARIABLE = "PULUMI_SKYPILOT_TOKEN"  # noqa: S105 - a name, not a token
DELETE_VARIABLE = "PULUMI_SKYPILOT_DELETE_UNREACHABLE"
connect: typing.Callable[[skypilot.Connection], port.SkyPilot] = skypilot.Sdk
"""How a provider reaches SkyPilot; `testing` puts the fake here."""
clock: lifecycle.Clock = lifecycle.SystemClock()

_OWN = ("name", "scope", "apiKey", "plan", "drift", "upgrade")
"""Inputs of a service that are not part of the spec."""
_MAY_BE_UNKNOWN = ("env", "secrets", "scope", "apiKey")
_COMPUTED = ("digest", "hash", "version", "endpoint", "task")


class Provider(dynamic.ResourceProvider):
    """What the three providers share: the configuration of the stack."""

    # Else Pulumi keeps the provider itself as a secret, which makes each diff unreadable.
    serialize_as_secret_always = False
    token: str | None = None
    delete_unreachable = False

    def configure(self, req: dynamic.ConfigureRequest) -> None:
        """Take what is not in a resource's own state: the token."""
        host.prepare()
        self.token = os.environ.get(TOKEN_VARIABLE) or req.config.get("skypilot:token")
        told = os.environ.get(DELETE_VARIABLE) or req.config.get("skypilot:deleteUnreachable")
        self.delete_unreachable = str(told).lower() == "true"

    def _sky(self, scope: Mapping[str, typing.Any]) -> port.SkyPilot:
        return connect(skypilot.Connection(scope["apiServer"], scope.get("workspace"), self.token))

    def _services(self, scope: Mapping[str, typing.Any]) -> lifecycle.Services:
        return lifecycle.Services(self._sky(scope), clock, host.progress)


class ScopeProvider(Provider):
    """The stack on an API server: made first, deleted last."""

    def check(self, olds: Props, news: Props) -> dynamic.CheckResult:
        """Refuse a server's address that is none, and to move a living stack to another server."""
        failures = []
        url = news.get("apiServer")
        if not isinstance(url, str) or not url.startswith(("http://", "https://")):
            failures.append(
                dynamic.CheckFailure(
                    "apiServer", f"{url!r} is no address; write http://host:port or https://host"
                )
            )
        failures += [
            dynamic.CheckFailure(
                key,
                f"this stack lives on {olds.get(key)!r} and cannot move to {news.get(key)!r}; "
                "`pulumi destroy` it first, or make another stack for that",
            )
            for key in ("apiServer", "workspace")
            if olds and olds.get(key) != news.get(key)
        ]
        return dynamic.CheckResult(news, failures)

    def diff(self, _id: str, olds: Props, news: Props) -> dynamic.DiffResult:
        """A change of the address that clients use is all that can change."""
        return dynamic.DiffResult(changes=olds.get("serveHost") != news.get("serveHost"))

    @host.one_line
    def create(self, props: Props) -> dynamic.CreateResult:
        """Meet the server, and draw the mark and the seed of the keys."""
        server = self._sky(props).server()
        mark = uuid.uuid4().hex[:12]
        outs = {
            **props,
            "mark": mark,
            "seed": uuid.uuid4().hex + uuid.uuid4().hex,
            "user": server.user,
        }
        return dynamic.CreateResult(mark, outs)

    @host.one_line
    def read(self, id_: str, props: Props) -> dynamic.ReadResult:
        """See that the server is there and lets us in."""
        self._sky(props).server()
        return dynamic.ReadResult(id_, props)

    def update(self, _id: str, olds: Props, news: Props) -> dynamic.UpdateResult:
        """Keep the mark; nothing of a scope lives on the server."""
        return dynamic.UpdateResult({**olds, **news})

    @host.one_line
    def delete(self, _id: str, props: Props) -> None:
        """Take down what still carries the mark: destroy succeeds only when nothing is left."""
        try:
            self._services(props).sweep(props["mark"])
        except port.Unreachable:
            if not self.delete_unreachable:
                raise


class ServiceProvider(Provider):
    """A SkyServe service that serves one model."""

    def check(self, _olds: Props, news: Props) -> dynamic.CheckResult:
        """Read the spec, fill in what it leaves open, and add the plan for the preview to show."""
        unknown = [
            dynamic.CheckFailure(key, "its value must be known at preview; write it down")
            for key, value in news.items()
            if key not in _MAY_BE_UNKNOWN and _has_unknown(value)
        ]
        if unknown:
            return dynamic.CheckResult(news, unknown)
        try:
            wanted = _spec(news)
            planned = plan.plan(wanted, news["name"])
        except spec.SpecError as error:
            return dynamic.CheckResult(
                news, [_failure(p.property, p.reason) for p in error.problems]
            )
        key = news.get("apiKey")
        if isinstance(key, str) and not re.fullmatch(r"[\x21-\x2b\x2d-\x7e]{8,}", key):
            reason = "apiKey: it must be 8 or more visible ASCII characters without a comma"
            return dynamic.CheckResult(news, [_failure("apiKey", reason)])
        own = {key: news[key] for key in _OWN if news.get(key) is not None}
        inputs = {**spec.to_inputs(wanted), **own, "plan": planned.shown()}
        # Values go on as they came, so that unknown ones stay so and secret ones keep their place.
        inputs |= {key: news[key] for key in ("env", "secrets") if news.get(key)}
        inputs.pop("drift", None)
        return dynamic.CheckResult(inputs, [])

    def diff(self, _id: str, olds: Props, news: Props) -> dynamic.DiffResult:
        """Say whether a change is in place, rolls or replaces, by what SkyServe would do."""
        found = list(compare(olds, news))
        if not found:
            return dynamic.DiffResult(changes=False)
        strongest = changes.effect(found)
        for change in found:
            host.message(f"{news['name']}: {describe(change)}")
        replaces = [c.property for c in found if c.effect is changes.Effect.REPLACE]
        return dynamic.DiffResult(
            changes=True,
            replaces=replaces if strongest is changes.Effect.REPLACE else [],
            delete_before_replace=True,
        )

    @host.one_line
    def create(self, props: Props) -> dynamic.CreateResult:
        """Make the service, or take up what an interrupted create has left of it."""
        text = plan.plan(_spec(props), props["name"]).task_text
        applied = self._services(props["scope"]).create(_wanted(props, text))
        return dynamic.CreateResult(props["name"], {**props, **_computed(applied, props)})

    @host.one_line
    def read(self, id_: str, props: Props) -> dynamic.ReadResult:
        """Tell there, gone and unreachable apart; show drift as an input that is to go."""
        scope = props["scope"]
        sky = self._sky(scope)
        seen = lifecycle.Services(sky, clock, host.progress).read(_applied(props))
        if seen is None:
            _same(sky.server(), scope)
            return dynamic.ReadResult("", {})
        outs = {**props, **_computed(seen.applied, props)}
        outs.pop("drift", None)
        if not seen.drift:
            return dynamic.ReadResult(id_, outs)
        outs["drift"] = list(seen.drift)
        inputs = {key: value for key, value in outs.items() if key not in _COMPUTED}
        return dynamic.ReadResult(id_, outs, inputs)

    @host.one_line
    def update(self, _id: str, olds: Props, news: Props) -> dynamic.UpdateResult:
        """Give the service its next version."""
        services = self._services(news["scope"])
        applied = services.update(_applied(olds), _wanted(news, _next_text(olds, news)))
        return dynamic.UpdateResult({**news, **_computed(applied, news)})

    @host.one_line
    def delete(self, _id: str, props: Props) -> None:
        """Take the service down and see that no machine of it is left."""
        try:
            self._services(props["scope"]).delete(
                props["name"], props["scope"]["mark"], props["hash"]
            )
        except port.Unreachable:
            if not self.delete_unreachable:
                raise


class ReadinessProvider(Provider):
    """Waits for a service: a resource of its own, since a failed create leaves nothing in state."""

    def diff(self, _id: str, olds: Props, news: Props) -> dynamic.DiffResult:
        """Wait again for another incarnation or version, or for more replicas."""
        waits = {"timeoutSeconds", "endpoint"}  # how long is no reason to wait again
        keys = {key for key in (*olds, *news) if not key.startswith("__")} - waits
        return dynamic.DiffResult(changes=any(olds.get(key) != news.get(key) for key in keys))

    @host.one_line
    def create(self, props: Props) -> dynamic.CreateResult:
        """Wait until the service answers."""
        return dynamic.CreateResult(props["service"], self._wait(props))

    @host.one_line
    def update(self, _id: str, _olds: Props, news: Props) -> dynamic.UpdateResult:
        """Wait until the new version is the one that answers."""
        return dynamic.UpdateResult(self._wait(news))

    def _wait(self, props: Props) -> Props:
        scope = props["scope"]
        wait = readiness.Wait(
            self._sky(scope),
            lambda listed: lifecycle.endpoint(listed, scope["apiServer"], scope.get("serveHost")),
            clock,
            host.progress,
        )
        expected = readiness.Expected(
            name=props["service"],
            digest=props["digest"],
            version=int(props["version"]),
            min_replicas=int(props["minReplicas"]),
            model=props["model"],
            timeout_seconds=float(props["timeoutSeconds"]),
        )
        ready = wait.until_ready(expected, props.get("apiKey"))
        return {**props, "endpoint": ready.endpoint}


def compare(olds: Props, news: Props) -> typing.Iterator[changes.Change]:
    """What differs between a service's state and its inputs, and what each difference does."""
    old, new = olds["scope"], news["scope"]
    for key in ("apiServer", "workspace", "mark"):
        if not _has_unknown(new) and old.get(key) != new.get(key):
            yield changes.Change(
                "scope", changes.Effect.REPLACE, "it moves to another place", old.get(key),
                new.get(key),
            )  # fmt: skip
    yield from changes.compare(task.from_text(olds["task"]), task.from_text(_next_text(olds, news)))
    why = "replicas read it when they start"
    if olds["apiKey"] != news["apiKey"]:
        yield changes.Change("apiKey", changes.Effect.ROLLING, why, None, None)
    for key in ("env", "secrets"):
        before, after = olds.get(key) or {}, news.get(key) or {}
        if _has_unknown(after) or not isinstance(before, Mapping):
            yield changes.Change(key, changes.Effect.ROLLING, why, None, None)
            continue
        # Names that come or go are in the task; here are the values, which are not.
        for name in before.keys() & after.keys():
            if before[name] != after[name]:
                yield changes.Change(f"{key}.{name}", changes.Effect.ROLLING, why, None, None)


def describe(change: changes.Change) -> str:
    """One line for the preview: the effect, the property and why."""
    values = (
        "" if change.old is change.new is None else f" {_short(change.old)} -> {_short(change.new)}"
    )
    return f"{change.effect.value}: {change.property}{values} ({change.why})"


def _short(value: object) -> str:
    """A value as people write it: numbers come as doubles."""
    if value is None:
        return "none"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _next_text(olds: Props, news: Props) -> str:
    """The task to apply: what a new release of this package generates waits for a rolling change.

    After drift the whole of the plan is applied, since the old task is someone else's.
    """
    planned = plan.plan(_spec(news), news["name"])
    if olds.get("drift") or news.get("upgrade"):
        return planned.task_text
    old = task.from_text(olds["task"])
    kept = changes.keep_generated(_spec(olds), planned.spec, old, planned.task)
    return task.text({**kept, "name": planned.name})


def _spec(props: Props) -> spec.Spec:
    """The typed spec again: numbers arrive as doubles, and values may be unknown in a preview."""
    data = {
        key: value
        for key, value in props.items()
        if key not in (*_OWN, *_COMPUTED) and not key.startswith("__")
    }
    for key in ("env", "secrets"):
        if isinstance(data.get(key), Mapping):
            data[key] = {k: "" if _has_unknown(v) else v for k, v in data[key].items()}
        elif _has_unknown(data.get(key)):
            del data[key]
    return spec.parse(data)


def _wanted(props: Props, text: str) -> marker.Wanted:
    keys = {task.API_KEYS: props["apiKey"]}
    return marker.Wanted(
        name=props["name"],
        mark=props["scope"]["mark"],
        text=text,
        env=dict(props.get("env") or {}),
        secrets={**(props.get("secrets") or {}), **keys},
    )


def _applied(props: Props) -> marker.Applied:
    return marker.Applied(
        name=props["name"],
        mark=props["scope"]["mark"],
        text=props["task"],
        digest=props["digest"],
        hash=props["hash"],
        version=int(props["version"]),
        endpoint=props.get("endpoint"),
    )


def _computed(applied: marker.Applied, props: Props) -> Props:
    scope = props["scope"]
    return {
        "task": applied.text,
        "digest": applied.digest,
        "hash": applied.hash,
        "version": applied.version,
        "endpoint": lifecycle.endpoint(
            applied.endpoint, scope["apiServer"], scope.get("serveHost")
        ),
    }


def _same(server: port.Server, scope: Mapping[str, typing.Any]) -> None:
    """Nothing is taken for gone by someone who may not see it."""
    workspace = scope.get("workspace") or "default"
    if (server.user, server.workspace) != (scope["user"], workspace):
        raise port.Unreachable(
            f"apiServer {server.url}: you are user {server.user} in workspace {server.workspace}, "
            f"and this stack was made by {scope['user']} in {workspace}; use their token"
        )


def _failure(key: str, reason: str) -> dynamic.CheckFailure:
    """A refusal; the engine shows the property's whole value with it, unless it has no name."""
    return dynamic.CheckFailure("" if key in ("env", "secrets", "apiKey") else key, reason)


def _has_unknown(value: object) -> bool:
    if isinstance(value, pulumi.output.Unknown):
        return True
    if isinstance(value, Mapping):
        return any(_has_unknown(item) for item in value.values())
    return isinstance(value, list) and any(_has_unknown(item) for item in value)
