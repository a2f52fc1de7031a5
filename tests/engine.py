"""Pulumi's engine as a program meets it: real serialisation, and the providers' own check.

Over Pulumi's mocks, without a process: what the SDK sends goes to check as the engine hands it on,
with secrets as plain values and unknown ones as Unknown.
"""

import os
import typing
from collections.abc import Callable
from unittest import mock

import pulumi
from pulumi import dynamic
from pulumi.runtime import mocks, rpc

from pulumi_skypilot import providers
from pulumi_skypilot.lifecycle import server_query

Props = dict[str, typing.Any]

PROVIDERS: dict[str, type[dynamic.ResourceProvider]] = {
    "Scope": providers.ScopeProvider,
    "Service": providers.ServiceProvider,
    "Cluster": providers.ClusterProvider,
}
MADE: dict[str, Props] = {
    "Scope": {"mark": "mark0001", "seed": "seed", "user": "user0001"},
    "Service": {"digest": "d", "hash": "h", "version": 1, "task": "t", "endpoint": "http://a:1"},
    "Cluster": {"digest": "d", "hash": "h", "task": "t", "endpoint": "http://a:1"},
}


class Engine(mocks.Mocks):
    """An engine that takes each resource of a program through check and keeps the results."""

    def __init__(self, *, preview: bool) -> None:
        self.preview = preview
        self.inputs: dict[str, Props] = {}
        """By the kind of a resource: the inputs that the engine would keep."""
        self.failures: list[str] = []
        """The lines that the engine would show."""

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, Props]:
        kind = args.typ.rpartition(":")[2]
        news = {k: v for k, v in unwrapped(args.inputs).items() if v is not None}
        # After a refusal the real engine ends the program: nothing more is registered.
        if kind in (*PROVIDERS, "Readiness") and not self.failures:
            result = self._provider(kind, news).check({}, news)
            self.failures += [f"{failure.property} {failure.reason}" for failure in result.failures]
            if not result.failures:
                news = self.inputs[kind] = result.inputs
        made: Props = {} if self.preview else MADE.get(kind, {})
        return args.name, {**news, **made}

    def call(self, args: mocks.MockCallArgs) -> tuple[Props, None]:
        raise AssertionError(f"nothing is called in a program: {args.token}")

    @staticmethod
    def _provider(kind: str, news: Props) -> dynamic.ResourceProvider:
        if kind != "Readiness":
            return PROVIDERS[kind]()
        if "cluster" in news:
            return providers.ClusterReadinessProvider()
        return providers.ReadinessProvider()


def run(program: Callable[[], object], *, preview: bool = True) -> Engine:
    """Run a program to its end, or to the first check that refuses something. No network.

    Raises RunError as the program does.
    """
    engine = Engine(preview=preview)
    mocks.set_mocks(engine, project="llm", stack="test", preview=preview)

    with mock.patch.dict(os.environ, {server_query.OFFLINE_VARIABLE: "1"}):
        pulumi.runtime.test(program)()
    return engine


def unknown() -> pulumi.Output[typing.Any]:
    """Return an output of a resource that is not made yet."""
    return pulumi.Output.from_input(pulumi.output.Unknown())


def unwrapped(value: typing.Any) -> typing.Any:
    """Return a value without its marks of secrets, as the engine hands it to a provider."""
    value = rpc.unwrap_rpc_secret(value)
    if isinstance(value, dict):
        return {key: unwrapped(item) for key, item in value.items()}
    return [unwrapped(item) for item in value] if isinstance(value, list) else value
