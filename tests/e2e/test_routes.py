"""Every route of the real vLLM, with every method, with and without a key."""

import concurrent.futures
import contextlib
import http.client
import json
import os
import pathlib
import re
import time
import typing
import urllib.parse
from collections.abc import Iterator

import pytest

from local import control
from pulumi_skypilot.plan import routes
from pulumi_skypilot.plan.remote import vllm_guard
from pulumi_skypilot.report import prometheus
from tests.conftest import chat
from tests.e2e import route_list, traces
from tests.e2e import stack as stacks

pytestmark = [
    pytest.mark.engine,
    pytest.mark.timeout(3000),
    pytest.mark.xdist_group("engine"),  # two real engines at once are too much for one machine
]

NAME, NET = "routes", "10.87.0"
PAGE = stacks.ROOT / "docs" / "reliability.md"
MARKS = "<!-- routes -->\n", "<!-- end of routes -->\n"
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
BALANCED = ("GET", "POST", "PUT", "DELETE")
"""What SkyServe's load balancer passes on; it answers 405 to the rest."""
BALANCERS_OWN = ("/docs", "/docs/oauth2-redirect", "/openapi.json", "/redoc")
"""Pages that SkyServe's load balancer has of itself: no replica is asked."""
REFUSALS = (b"Unauthorized", b"this endpoint serves inference")

ODD = (
    "//invocations", "/%69nvocations", "/invocations/", "/Invocations", "/v1/../invocations",
    "/health/../invocations", "/metrics/../invocations", "http://x/invocations",
    "/v1/models/../../sleep", "/metrics/sleep",
)  # fmt: skip

Routes = list[tuple[str, str]]
Seen = dict[tuple[str, str, bool], int | None]
"""By path, method and whether the key was right: the guard's status, None where vLLM answered."""


class Endpoint:
    """One address of the service, asked with one key or none."""

    def __init__(self, url: str) -> None:
        parts = urllib.parse.urlsplit(url)
        self._host, self._port = str(parts.hostname), int(parts.port or 80)

    def ask(
        self, method: str, path: str, key: str | None, body: object = None, **more: str
    ) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(self._host, self._port, timeout=120)
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        data = json.dumps({} if body is None else body) if method in ("POST", "PUT") else None
        kind = {"Content-Type": "application/json"} if data else {}
        connection.request(method, path, data, {**headers, **kind, **more})
        with contextlib.closing(connection), connection.getresponse() as answer:
            return answer.status, answer.read()

    def parts(self, path: str, key: str, body: object) -> Iterator[tuple[float, bytes]]:
        """The seconds since the first byte, and the bytes, as they come."""
        connection = http.client.HTTPConnection(self._host, self._port, timeout=120)
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        connection.request("POST", path, json.dumps(body), headers)
        with contextlib.closing(connection), connection.getresponse() as answer:
            assert answer.status == 200
            begun = time.monotonic()
            while part := answer.read1(65536):
                yield time.monotonic() - begun, part


@pytest.fixture(scope="module")
def cloud() -> Iterator[control.Cloud]:
    with control.Cloud(NAME, net=NET, engine="vllm").running() as started:
        yield started


@pytest.fixture(scope="module")
def service(
    cloud: control.Cloud, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Endpoint, Endpoint, str, Routes]]:
    """The replica, the load balancer, the right key, and vLLM's own list of routes."""
    source = pathlib.Path(route_list.__file__).read_text()
    folder = "$HOME/.vllm-middleware"
    deployment = chat(
        cpus="2+",
        memory="8+",
        readinessProbe={"initialDelay": 900},
        reasoningEffort="low",
        setup=f"mkdir -p {folder}\ncat > \"{folder}/route_list.py\" <<'EOF'\n{source}EOF\n",
        vllmArgs={
            "middleware": "route_list.RouteList",
            "enable-scale-out": True,
            "enable-tokenizer-info-endpoint": True,
        },
        # What opens most of what administers an engine: the guard refuses it all the same.
        env={"VLLM_SERVER_DEV_MODE": "1", "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "1"},
    )
    config = {"skypilot:apiServer": cloud.api_server, "llm:deployments": {"chat": deployment}}
    stack = stacks.Stack(tmp_path_factory.mktemp("routes"), "routes", config)
    stack.up()
    outputs = stack.outputs()
    (file,) = cloud.location.hosts.glob(f"*/upper/home/*/{route_list.FILE}")
    listed = [(path, method) for path, method in json.loads(file.read_text())]
    (host,) = cloud.hosts()
    replica, balancer = f"http://{host['ip']}:8000", outputs["endpoints"]["chat"]
    yield Endpoint(replica), Endpoint(balancer), outputs["apiKeys"]["chat"], listed
    stack.run("destroy", "--yes", "--skip-preview")


def test_each_route_is_decided_about(
    service: tuple[Endpoint, Endpoint, str, Routes],
) -> None:
    _, _, _, listed = service
    known = {*vllm_guard.INFERENCE, *routes.REFUSED, *(path for _, path in vllm_guard.WITH_KEY)}
    paths = {_general(path) for path, _ in listed}
    assert len(paths) > 60
    assert paths - known == set(), "decide: served with a key (vllm_guard), or refused (routes)"
    served = {(path, m) for path, methods in vllm_guard.INFERENCE.items() for m in methods}
    assert served <= {(_general(path), method) for path, method in listed}


def test_each_route_answers_as_it_should(
    service: tuple[Endpoint, Endpoint, str, Routes], cloud: control.Cloud
) -> None:
    replica, balancer, key, listed = service
    paths = sorted({path for path, _ in listed})
    asked = [
        (endpoint, method, path, given)
        for endpoint, methods in ((replica, METHODS), (balancer, BALANCED))
        for method in methods
        for path in paths
        for given in (None, "wrong-key", key)
        if endpoint is replica or path not in BALANCERS_OWN
    ]

    def ask(one: tuple[Endpoint, str, str, str | None]) -> tuple[int, bytes]:
        endpoint, method, path, given = one
        return endpoint.ask(method, _example(path), given)

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(ask, asked))
    wrong, seen = [], Seen()
    for (endpoint, method, path, given), (status, body) in zip(asked, answers, strict=True):
        expected = _expected(method, path, given == key)
        refused = any(reason in body for reason in REFUSALS) or method == "HEAD"
        passed = status not in (401, 502, 503) and not refused
        if endpoint is replica and given in (None, key):
            seen[_general(path), method, given == key] = None if passed else status
        if not (passed if expected is None else status == expected):
            where = "replica" if endpoint is replica else "balancer"
            wrong.append(f"{where} {method} {path} key={given == key}: {status}, not {expected}")
    assert wrong == []
    own = json.loads(balancer.ask("GET", "/openapi.json", None)[1])
    assert [*own["paths"]] == ["/{path}"], "the load balancer's pages tell nothing of the engine"
    assert traces.untold(cloud.location, {"key": key}) == {}
    told = _told(listed, seen)
    if os.environ.get("WRITE_DOCS"):
        text = PAGE.read_text()
        before, rest = text.split(MARKS[0])
        PAGE.write_text(before + MARKS[0] + told + MARKS[1] + rest.split(MARKS[1])[1])
    assert told in PAGE.read_text(), f"WRITE_DOCS=1 writes it into {PAGE.name}:\n{told}"


def test_odd_spellings_and_websockets_get_nowhere(
    service: tuple[Endpoint, Endpoint, str, Routes],
) -> None:
    replica, balancer, key, _ = service
    for path in ODD:
        assert replica.ask("POST", path, None)[0] in (401, 404), path
        assert replica.ask("POST", path, key)[0] in (403, 404), path
        # The load balancer spells a path out before it passes it on, or fails over it (500).
        assert balancer.ask("POST", path, None)[0] in (401, 404, 500), path
        assert balancer.ask("POST", path, key)[0] in (403, 404, 500), path
    upgrade = {
        "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }  # fmt: skip
    for path in ("/v1/realtime", "/v1/chat/completions", "/health"):
        assert replica.ask("GET", path, key, **upgrade)[0] == 403


def test_inference_goes_on_behind_the_guard(
    service: tuple[Endpoint, Endpoint, str, Routes],
) -> None:
    """With the default effort, which reads whole bodies, and a layer of the user's own."""
    replica, balancer, key, _ = service
    question = {
        "model": "openai/gpt-oss-20b",
        "messages": [{"role": "user", "content": "What is the capital of France?"}],
        "stream": True,
    }
    for endpoint in (replica, balancer):
        parts = list(endpoint.parts("/v1/chat/completions", key, question))
        assert b"[DONE]" in b"".join(part for _, part in parts)
        assert len(parts) > 3
        # One piece takes less than a millisecond from its first to its last part.
        assert parts[-1][0] > 0.01, "the answer came in one piece"
        assert endpoint.ask("GET", "/health", None)[0] == 200
        status, metrics = endpoint.ask("GET", "/metrics", key)
        assert status == 200
        panels = prometheus.data("panels.toml")["panel"]
        asked = {name for panel in panels for name in re.findall(r"vllm:\w+", str(panel))}
        assert {name for name in asked if name.encode() not in metrics} == set()


def _general(path: str) -> str:
    return re.sub(r"(?<=/v1/responses/)\{\w+\}", "{id}", path)


def _example(path: str) -> str:
    return re.sub(r"\{\w+\}", "a1", path)


def _expected(method: str, path: str, right: bool) -> int | None:
    """The status; None where vLLM itself answers."""
    if (method, path) == ("GET", "/health"):
        return None
    served = method in vllm_guard.INFERENCE.get(_general(path), ())
    if (served or (method, path) in vllm_guard.WITH_KEY) and right:
        return None
    return 403 if right else 401


def _told(listed: Routes, seen: Seen) -> str:
    """The table of the documentation, of what has just been seen."""
    lines = ["| path | what it does | without a key | with the key |\n| --- | --- | --- | --- |\n"]
    methods: dict[str, set[str]] = {}
    for path, method in listed:
        methods.setdefault(_general(path), set()).add(method)
    for path in sorted(methods):
        asked = sorted(methods[path] & {*METHODS}) or ["GET"]  # GET opens a WebSocket too
        said = [seen[path, method, False] for method in asked]
        given = [seen[path, method, True] for method in asked]
        does = routes.REFUSED.get(path) or (
            "is what the probe asks" if path == "/health"
            else "counts requests and tokens" if path == "/metrics" else "inference"
        )  # fmt: skip
        lines.append(f"| `{path}` | {does} | {_said(said)} | {_said(given)} |\n")
    return "".join(lines)


def _said(statuses: typing.Sequence[int | None]) -> str:
    return ", ".join(dict.fromkeys("vLLM answers" if s is None else str(s) for s in statuses))
