"""A real Prometheus with the files of `metrics` reaches every replica, and every panel shows."""

import json
import os
import pathlib
import subprocess
import sys
import threading
import time
import typing
import urllib.request
from collections.abc import Iterator

import pytest

from local.images import stub_vllm
from pulumi_skypilot import cli, testing
from pulumi_skypilot.cli import backend, monitoring
from pulumi_skypilot.plan.remote import vllm_guard
from pulumi_skypilot.report import prometheus
from tests import prometheus as real
from tests.cli import recorded_stack

pytestmark = pytest.mark.timeout(600)
WATCHED = ["inner", "lab", "pair", "sealed", "turned"]
"""The deployments with a key and a machine."""


@pytest.fixture
def stack(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> recorded_stack.Stack:
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.delenv("PULUMI_SKYPILOT_TOKEN", raising=False)
    return recorded_stack.Stack(tmp_path)


@pytest.fixture
def vllm(tmp_path: pathlib.Path) -> Iterator[str]:
    """The stub of vLLM behind the guard, as a replica runs it."""
    port = real.free_port()
    keys = tmp_path / "keys.yaml"
    keys.write_text(f"api-key:\n- '{recorded_stack.KEY}'\n")
    environment = {
        **os.environ,
        "PYTHONPATH": str(pathlib.Path(vllm_guard.__file__).parent),
        vllm_guard.KEYS: str(keys),
        vllm_guard.PROBE: "GET /health",
    }
    command = (
        sys.executable, stub_vllm.__file__, "serve", "org/chat", "--config", keys,
        "--port", str(port), "--host", "127.0.0.1", "--middleware", "vllm_guard.Guard",
    )  # fmt: skip
    process = subprocess.Popen(command, env=environment)
    try:
        url = f"http://127.0.0.1:{port}"
        real.wait(lambda: _answers(f"{url}/health"), 60)
        yield url
    finally:
        process.terminate()
        process.wait(30)


@pytest.fixture
def sky(vllm: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[testing.SkyPilot]:
    monkeypatch.setattr(testing.SkyPilot, "_replica_address", lambda *_: vllm)
    with testing.use(recorded_stack.server()) as fake:
        yield fake


@pytest.fixture
def server(
    stack: recorded_stack.Stack,
    sky: testing.SkyPilot,
    vllm: str,
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[real.Server]:
    """Prometheus with the files that a watch keeps current."""
    stack.serve("lab", vllm)
    stack.serve("pair", vllm)
    folder, ended = tmp_path / "monitoring", threading.Event()

    def pause(_: float) -> None:
        if ended.wait(1):
            raise KeyboardInterrupt

    monkeypatch.setattr(prometheus, "SCRAPE_SECONDS", 5)
    monkeypatch.setattr(monitoring, "time", typing.cast(typing.Any, type("", (), {"sleep": pause})))
    monkeypatch.setattr(backend, "config", lambda *_: '{"hourly": 4}')
    own = f"127.0.0.1:{real.free_port()}"
    arguments = ["metrics", str(folder), "--watch", "--listen", own]
    watch = threading.Thread(target=cli.main, args=(arguments,))
    watch.start()
    try:
        real.wait((folder / "board.json").exists, 60)
        with real.running(folder / "prometheus.yml", tmp_path / "data") as running:
            yield running
    finally:
        ended.set()
        watch.join(60)


def test_prometheus_reaches_every_replica_and_every_panel_shows(
    server: real.Server, sky: testing.SkyPilot, vllm: str, tmp_path: pathlib.Path
) -> None:
    real.wait(lambda: up(server) == [*WATCHED, None], 120)
    _chat(vllm)
    real.wait(lambda: _tokens(server) > 0, 120)
    board = json.loads((tmp_path / "monitoring" / "board.json").read_text())
    unanswered = [
        query["expr"]
        for panel in board["panels"]
        for query in panel["targets"]
        if not server.query(_filled(query["expr"]))
    ]
    assert unanswered == []
    alerts = [rule["name"] for group in server.ask("rules")["groups"] for rule in group["rules"]]
    assert alerts == [alert["name"] for alert in prometheus.data("alerts.toml")["alert"]]
    # Files of targets are read as they change, without a reload.
    sky.kill_behind("recorded-sealed")
    real.wait(lambda: "sealed" not in up(server), 120)


def up(server: real.Server) -> list[str | None]:
    """Return the deployments whose targets answer; None for the watch's own."""
    there = [target for target in server.targets() if target["health"] == "up"]
    names = [target["labels"].get("deployment") for target in there]
    return sorted(names, key=lambda name: name or "~")


def _filled(expression: str) -> str:
    """Return a query as Grafana sends it."""
    return expression.replace("$deployment", ".+").replace("$__rate_interval", "1m")


def _tokens(server: real.Server) -> float:
    series = server.query("sum(rate(vllm:generation_tokens_total[1m]))")
    return float(series[0]["value"][1]) if series else 0.0


def _chat(url: str) -> None:
    body = {"model": "org/chat", "messages": [{"role": "user", "content": "Hello"}]}
    headers = {"Authorization": f"Bearer {recorded_stack.KEY}"}
    request = urllib.request.Request(
        f"{url}/v1/chat/completions", json.dumps(body).encode(), headers
    )
    for _ in range(3):
        urllib.request.urlopen(request, timeout=30).close()
        time.sleep(1)


def _answers(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=5).close()
    except OSError:
        return False
    return True
