"""Pulumi's private side, held to the installed one: its plugin process, run as the engine runs it.

Each message says what broke and what stops working.
"""

import asyncio
import base64
import concurrent.futures
import contextlib
import pathlib
import subprocess
import sys
import time
import traceback
import typing
from collections.abc import Iterator

import grpc
import pulumi
import pytest
from google.protobuf import empty_pb2, struct_pb2  # type: ignore[import-untyped]
from pulumi import dynamic
from pulumi.dynamic import dynamic as private
from pulumi.runtime import rpc, settings
from pulumi.runtime.proto import (
    engine_pb2_grpc,
    provider_pb2,
    provider_pb2_grpc,
)

from pulumi_skypilot import errors, providers
from pulumi_skypilot.providers import base, dynamic_door, plugin_host, pulumi_private, results

ROOT = pathlib.Path(__file__).parents[2]


class Handler(base.Handler):
    """A handler each of whose calls fails, or waits."""

    def create(self, props: results.Props) -> results.Created:
        plugin_host.message("a line of a diff")
        if props.get("wait"):
            time.sleep(1)
            return results.Created("made", {})
        raise errors.Invalid("name: taken")


class Ours(dynamic_door.Provider):
    """One of this package's providers."""

    calls = Handler


class Foreign(dynamic.ResourceProvider):
    """A provider of the user's own, in the same process."""

    serialize_as_secret_always = False

    def create(self, props: typing.Any) -> dynamic.CreateResult:
        return _deep(props)


def _deep(_props: typing.Any) -> dynamic.CreateResult:
    raise RuntimeError("somebody else's mistake")


class Engine(engine_pb2_grpc.EngineServicer):
    """The part of Pulumi's engine that takes lines to show."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def Log(self, request: typing.Any, _context: typing.Any) -> typing.Any:  # noqa: N802
        self.lines.append(request.message)
        return empty_pb2.Empty()


class Host:
    """The plugin process, and what it tells the engine."""

    def __init__(self, stub: typing.Any, engine: Engine) -> None:
        self.stub, self.engine = stub, engine

    def create(self, provider: dynamic.ResourceProvider, **props: object) -> typing.Any:
        given = struct_pb2.Struct()
        given.update({"__provider": private.serialize_provider(provider), **props})
        return self.stub.Create(provider_pb2.CreateRequest(properties=given), timeout=60)

    def failure(self, provider: dynamic.ResourceProvider) -> str:
        with pytest.raises(grpc.RpcError) as caught:
            self.create(provider)
        return str(caught.value.details())


@contextlib.contextmanager
def running() -> Iterator[Host]:
    engine = Engine()
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(max_workers=4))
    engine_pb2_grpc.add_EngineServicer_to_server(engine, server)
    address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    command = [sys.executable, "-u", "-m", "pulumi.dynamic", address]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            port = int(process.stdout.readline())
            with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
                stub = provider_pb2_grpc.ResourceProviderStub(channel)
                stub.Configure(provider_pb2.ConfigureRequest(), timeout=60)
                yield Host(stub, engine)
        finally:
            process.kill()
            server.stop(None)


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    with running() as started:
        yield started


def test_our_errors_are_one_line_and_others_keep_their_traceback(host: Host) -> None:
    assert host.failure(Ours()) == "SkyPilot: name: taken\n", (
        "pulumi/dynamic/__main__.py no longer shows what traceback.format_exc() returns: the "
        "errors of this package show with their whole traceback"
    )
    whole = host.failure(Foreign())
    assert whole.startswith("Traceback (most recent call last):"), (
        "tracebacks of providers of the user's own are hidden"
    )
    assert "in _deep" in whole
    assert whole.endswith("RuntimeError: somebody else's mistake\n")


def test_a_line_reaches_the_engine(host: Host) -> None:
    host.engine.lines.clear()
    host.failure(Ours())
    assert host.engine.lines == ["a line of a diff"], (
        "the engine's address is no longer the plugin process's last argument, or its log has "
        "changed: no line of a diff is shown, and `review` has no effects to show"
    )


def test_more_than_four_calls_are_made_at_a_time(host: Host) -> None:
    host.create(Ours(), wait=1)  # the first call widens the pool
    began = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(max_workers=24) as pool:
        list(pool.map(lambda _: host.create(Ours(), wait=1), range(24)))
    assert time.monotonic() - began < 5, (
        "the plugin process's pool cannot be widened (Thread._args, _max_workers): four calls are "
        "made at a time, and of many deployments most wait for others"
    )


@pytest.mark.parametrize("kind", [providers.ServiceProvider, providers.ClusterProvider])
def test_a_state_names_the_class_of_a_provider_and_holds_no_code(
    kind: type[dynamic.ResourceProvider],
) -> None:
    text = base64.b64decode(private.serialize_provider(kind()))
    assert kind.__module__.encode() in text, (
        "Pulumi no longer stores a provider by the name of its class: what a state of this release "
        "holds cannot be loaded by the next"
    )
    assert len(text) < 300, (
        "Pulumi stores a provider's code in the state: every release of this package shows a change"
    )


def test_the_whole_config_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULUMI_CONFIG", '{"llm:deploymets": "{}", "other:key": "text"}')
    assert pulumi_private.all_settings().items() >= {
        ("llm:deploymets", "{}"),
        ("other:key", "text"),
    }, "Pulumi's config is no longer a table in PULUMI_CONFIG: misspelt keys are not noticed"


def test_a_secret_setting_is_told_from_others() -> None:
    before = pulumi.runtime.config.CONFIG.get(), pulumi.runtime.config._SECRET_KEYS.get()
    pulumi.runtime.set_all_config({"llm:shared": "a", "llm:prefix": "b"}, ["llm:shared"])
    try:
        told = [pulumi_private.is_secret(key) for key in ("llm:shared", "llm:prefix")]
        everything = pulumi_private.all_settings()
    finally:
        pulumi.runtime.set_all_config(before[0], list(before[1]))
    assert told == [True, False], (
        "pulumi.runtime.is_config_secret no longer tells: an env of a secret table shows in "
        "previews"
    )
    assert everything.items() >= {("llm:shared", "a"), ("llm:prefix", "b")}, (
        "pulumi.runtime.config.CONFIG is gone: misspelt keys are not noticed in a program of the "
        "automation API"
    )


def test_an_output_that_is_not_in_state_is_unknown_in_a_preview(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known: dict[str, bool] = {}
    monkeypatch.setattr(settings, "is_dry_run", lambda: True)
    resolvers = {"apiKey": lambda _value, told, *_rest: known.update(apiKey=told)}
    rpc.resolve_properties(resolvers, {}, {}, True)
    assert known == {"apiKey": False}, (
        "Pulumi knows an output that is not in state: pulumi_private.none_in_a_preview can go"
    )


def test_an_output_of_none_is_known() -> None:
    async def known() -> bool:
        return await pulumi_private.none_in_a_preview().is_known()

    with contextlib.closing(asyncio.new_event_loop()) as loop:
        assert loop.run_until_complete(known()), (
            "an output of None is not known: each preview of a deployment without a key shows a "
            "change"
        )


def test_what_broke_is_said_in_a_sentence(monkeypatch: pytest.MonkeyPatch, host: Host) -> None:
    host.engine.lines.clear()
    monkeypatch.setattr(host, "failure", lambda _provider: "Traceback (most recent call last):\n")
    with pytest.raises(AssertionError, match=r"errors of this package show with their whole"):
        test_our_errors_are_one_line_and_others_keep_their_traceback(host)
    with pytest.raises(AssertionError, match="no line of a diff is shown"):
        test_a_line_reaches_the_engine(host)


def test_without_what_is_private_nothing_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["program", "no-address"])
    assert pulumi_private.engine() is None
    assert not pulumi_private.widen_pool(64), "the main thread is no worker"
    whole = traceback.format_exc
    pulumi_private.show_as_one_line(plugin_host.Error)
    once = traceback.format_exc
    pulumi_private.show_as_one_line(plugin_host.Error)
    assert traceback.format_exc is once, "each provider that is configured wraps it again"
    monkeypatch.setattr(traceback, "format_exc", whole)
