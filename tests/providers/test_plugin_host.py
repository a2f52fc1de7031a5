"""The plugin process: short errors, room for many calls, and nothing that fails without it."""

import sys
import threading
import traceback
import types
import typing
from concurrent import futures

import pytest

from pulumi_skypilot import errors
from pulumi_skypilot.providers import plugin_host


def test_an_error_shows_as_one_line_of_skypilots():
    @plugin_host.one_line
    def call():
        raise errors.Invalid("name: taken;\n  choose another")

    with pytest.raises(plugin_host.Error) as caught:
        call()
    assert str(caught.value) == "name: taken; choose another"
    assert f"{type(caught.value).__module__}.{type(caught.value).__qualname__}" == (
        "builtins.SkyPilot"
    )


def test_more_than_four_calls_run_at_a_time() -> None:
    everyone = threading.Barrier(9, timeout=10)
    with futures.ThreadPoolExecutor(max_workers=4) as pool:
        pool.submit(plugin_host.prepare).result()
        waiting = [pool.submit(everyone.wait) for _ in range(8)]
        ours = everyone.wait()  # broken, and so an error, when fewer than eight wait with us
        places = {ours, *(future.result() for future in waiting)}
    assert places == set(range(9))


def shown(error: Exception) -> str:
    """Return what the host tells the engine of an error (pulumi/dynamic/__main__.py)."""

    def call() -> None:
        raise error

    try:
        call()
    except Exception:  # noqa: BLE001 - as the host has it
        return traceback.format_exc()
    return ""


def test_only_our_errors_lose_their_traceback() -> None:
    plugin_host.prepare()  # this thread is no worker of a pool: nothing fails over that
    assert not hasattr(sys, "tracebacklimit")
    assert shown(plugin_host.Error("name: taken")) == "SkyPilot: name: taken\n"
    whole = shown(ValueError("somebody else's"))
    assert whole.startswith("Traceback (most recent call last):\n  File ")


def test_nothing_is_shown_where_there_is_no_engine(capfd):
    plugin_host.progress("working")
    plugin_host.message("done")
    assert capfd.readouterr() == ("", "")


def test_a_line_names_the_resource_that_the_door_has_named(monkeypatch):
    requests: list[typing.Any] = []
    monkeypatch.setattr(plugin_host, "_engine", lambda: types.SimpleNamespace(Log=requests.append))
    plugin_host.message("before")
    token = plugin_host.urn.set("urn:pulumi:dev::llm::x::chat")
    plugin_host.warning("about chat")
    plugin_host.urn.reset(token)
    assert [(request.urn, request.message) for request in requests] == [
        ("", "before"),
        ("urn:pulumi:dev::llm::x::chat", "about chat"),
    ]
