"""The stand-in for the vllm command."""

import contextlib
import doctest
import http.client
import http.server
import json
import pathlib
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from local.images import stub_vllm
from pulumi_skypilot.plan.remote import vllm_guard


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("api-key: one\n", ["one"]),
        ("api-key: 'it''s'\n", ["it's"]),
        ('api-key: "one" # why\n', ["one"]),
        ("api-key: [one, 'two']\n", ["one", "two"]),
        ('# keys\napi-key:\n  - "one"\n- two # old\nport: 8000\n', ["one", "two"]),
        ("api_key: one\n", ["one"]),
    ],
)
def test_keys_are_read_from_a_config_file(text: str, keys: list[str]) -> None:
    assert stub_vllm.read_config(text)["api-key"] == keys


def test_a_file_without_keys_has_none() -> None:
    assert "api-key" not in stub_vllm.read_config("max-model-len: 2048\n")


def test_flags_that_only_the_real_one_knows_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VLLM_API_KEY", raising=False)
    options = stub_vllm.parse(
        ["serve", "openai/gpt-oss-20b", "--tool-call-parser", "openai", "--enforce-eager"]
    )
    assert (options.model, options.names, options.keys) == (
        "openai/gpt-oss-20b",
        ["openai/gpt-oss-20b"],
        [],
    )


def test_the_key_of_the_environment_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLLM_API_KEY", "sesame")
    assert stub_vllm.parse(["serve", "m"]).keys == ["sesame"]


def test_a_model_is_downloaded_once_into_a_cache(tmp_path: pathlib.Path) -> None:
    assert stub_vllm.fetch("acme/tiny", tmp_path) == "acme/tiny was downloaded"
    assert stub_vllm.fetch("acme/tiny", tmp_path) == "acme/tiny is in the cache"
    by = (tmp_path / "hub" / "models--acme--tiny" / "fetched-by").read_text()
    assert by == socket.gethostname()


def test_a_model_that_does_not_load_fails_as_vllm_does(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["vllm", "serve", "org/does-not-load"])
    assert stub_vllm.main() == 1
    assert "torch.OutOfMemoryError: CUDA out of memory" in capsys.readouterr().err


def test_the_stub_prints_its_version(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["vllm", "--version"])
    assert stub_vllm.main() == 0
    assert capsys.readouterr().out.strip() == stub_vllm.VERSION


class Served:
    """The stub, listening; `ask` returns status and parsed body."""

    def __init__(self, port: int) -> None:
        self._port = port

    def ask(
        self, method: str, path: str, body: object = None, key: str | None = None
    ) -> tuple[int, object]:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        connection.request(method, path, json.dumps(body) if body else None, headers)
        response = connection.getresponse()
        data = response.read().decode()
        connection.close()
        is_json = response.headers["Content-Type"] == "application/json" and data
        return response.status, json.loads(data) if is_json else data


@pytest.fixture
def served(tmp_path: pathlib.Path) -> Iterator[Served]:
    config = tmp_path / "config.yaml"
    config.write_text("api-key: [one, two]\n")
    stub_vllm._Handler.options = stub_vllm.parse(
        ["serve", "m", "--config", str(config), "--max-model-len", "4096"]
    )
    with listening() as answering:
        yield answering


@contextlib.contextmanager
def listening() -> Iterator[Served]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), stub_vllm._Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield Served(server.server_port)
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_layer_answers_before_the_stub(
    monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    keys = tmp_path / "keys.yaml"
    keys.write_text("api-key:\n- 'sesame-open'\n")
    shutil.copy(vllm_guard.__file__, tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("LLM_GUARD_KEYS", str(keys))
    monkeypatch.setenv("LLM_GUARD_PROBE", "GET /health")
    options = stub_vllm.parse(
        ["serve", "m", "--config", str(keys), "--middleware", "vllm_guard.Guard"]
    )
    monkeypatch.setattr(stub_vllm._Handler, "options", options, raising=False)
    layers = stub_vllm.load_layers(options.middleware)
    monkeypatch.delitem(sys.modules, "vllm_guard")
    monkeypatch.setattr(stub_vllm._Handler, "layers", layers)
    with listening() as server:
        assert server.ask("GET", "/health") == (200, "")
        assert server.ask("GET", "/v1/models") == (401, {"error": "Unauthorized"})
        assert server.ask("GET", "/v1/models", key="sesame-open")[0] == 200
        assert server.ask("POST", "/v1/completions", {"model": "m"}, "sesame-open")[0] == 200
        assert server.ask("GET", "/metrics")[0] == 401
        assert server.ask("GET", "/metrics", key="sesame-open")[0] == 200
        for method in ("GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"):
            assert server.ask(method, "/version", key="sesame-open")[0] == 403
            assert server.ask(method, "/invocations")[0] == 401


def test_a_layer_that_cannot_be_loaded_ends_the_start() -> None:
    command = [sys.executable, stub_vllm.__file__, "serve", "m", "--middleware", "nowhere.Guard"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1
    assert "No module named 'nowhere'" in done.stderr


@pytest.mark.parametrize("path", ["/health", "/version", "/metrics"])
def test_open_doors_need_no_key(served: Served, path: str) -> None:
    assert served.ask("GET", path)[0] == 200


def test_the_metrics_count_what_was_asked(served: Served) -> None:
    def count() -> float:
        lines = str(served.ask("GET", "/metrics")[1]).splitlines()
        return sum(float(line.split()[-1]) for line in lines if "request_success_total" in line)

    before = count()
    served.ask("GET", "/v1/models", key="one")
    served.ask("POST", "/v1/completions", {"model": "m"}, "one")
    assert count() == before + 1


def test_two_nodes_wait_for_each_other_and_end_together(tmp_path: pathlib.Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    shared = [sys.executable, stub_vllm.__file__, "serve", "m", "--nnodes", "2"]
    shared += ["--master-addr", "127.0.0.1", "--master-port", str(port)]
    first = subprocess.Popen([*shared, "--port", "0"], stdout=subprocess.PIPE, text=True)
    second = subprocess.Popen([*shared, "--node-rank", "1", "--headless"], stdout=subprocess.PIPE)
    with first, second:
        assert first.stdout is not None
        assert "Started" in first.stdout.readline()
        second.kill()
        assert first.wait(10) == 1


@pytest.mark.parametrize("key", [None, "three"])
def test_the_api_is_closed_without_a_right_key(served: Served, key: str | None) -> None:
    assert served.ask("GET", "/v1/models", key=key) == (401, {"error": "Unauthorized"})
    assert served.ask("POST", "/v1/chat/completions", {"model": "m"}, key)[0] == 401


@pytest.mark.parametrize("key", ["one", "two"])
def test_each_key_of_the_list_opens(served: Served, key: str) -> None:
    status, answer = served.ask("GET", "/v1/models", key=key)
    assert status == 200
    assert isinstance(answer, dict)
    assert [model["id"] for model in answer["data"]] == ["m"]


def test_adapters_are_listed_beside_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    options = stub_vllm.parse(["serve", "m", "--lora-modules", "sql=acme/sql", "law=/models/law"])
    monkeypatch.setattr(stub_vllm._Handler, "options", options, raising=False)
    with listening() as server:
        _, answer = server.ask("GET", "/v1/models")
        assert isinstance(answer, dict)
        assert [model["id"] for model in answer["data"]] == ["m", "sql", "law"]
        assert server.ask("POST", "/v1/completions", {"model": "sql"})[0] == 200


def test_an_answer_says_which_version_gave_it(served: Served) -> None:
    status, answer = served.ask("POST", "/v1/chat/completions?", {"model": "m"}, "one")
    assert status == 200
    assert isinstance(answer, dict)
    assert answer["system_fingerprint"].endswith("/max-model-len=4096")


def test_another_model_is_not_found(served: Served) -> None:
    assert served.ask("POST", "/v1/completions", {"model": "x"}, "one")[0] == 404


def test_the_examples_of_its_docstrings_hold() -> None:
    results = doctest.testmod(stub_vllm)
    assert results.attempted
    assert not results.failed
