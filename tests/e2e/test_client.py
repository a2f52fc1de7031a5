"""A second program that reads endpoint and key through a StackReference: examples/client."""

import pathlib
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.e2e import recorded
from tests.e2e import stack as stacks

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def serving(tmp_path: pathlib.Path) -> stacks.Stack:
    """A stack that serves models, as a release recorded it."""
    return recorded.restore(recorded.FOLDER / "0.1.0", tmp_path / "stack")


@pytest.fixture
def client(serving: stacks.Stack, tmp_path: pathlib.Path) -> stacks.Stack:
    """The example, on the same backend."""
    return stacks.Stack(
        tmp_path / "client",
        "app",
        {"client:models": f"organization/llm/{serving.name}"},
        program=stacks.ROOT / "examples" / "client",
        backend=serving.folder / "state",
    )


def test_a_client_gets_what_the_openai_sdk_needs_and_keeps_the_key_secret(
    serving: stacks.Stack, client: stacks.Stack
) -> None:
    shown = client.up().output
    theirs = serving.outputs()
    assert client.outputs() == {
        "OPENAI_BASE_URL": theirs["endpoints"]["chat"] + "/v1",
        "OPENAI_API_KEY": theirs["apiKeys"]["chat"],
        "MODEL": "openai/gpt-oss-120b",
    }
    assert theirs["apiKeys"]["chat"] not in shown + client.run("stack", "export").output
    client.unchanged()


def test_another_deployment_is_named_in_its_config(client: stacks.Stack) -> None:
    client.run("config", "set", "client:deployment", "small")
    client.up()
    assert client.outputs()["MODEL"] == "openai/gpt-oss-20b"


@pytest.fixture
def server(tmp_path: pathlib.Path) -> Iterator[tuple[str, str]]:
    """The stub engine: its address and its key."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    keys = tmp_path / "keys.yaml"
    keys.write_text("api-key: sk-0123456789\n")
    stub = [
        sys.executable,
        str(stacks.ROOT / "local" / "images" / "stub_vllm.py"),
        "serve",
        "openai/m",
    ]
    options = ["--host", "127.0.0.1", "--port", str(port), "--config", str(keys)]
    with subprocess.Popen([*stub, *options], stdout=subprocess.PIPE) as running:
        assert running.stdout is not None
        running.stdout.readline()  # it listens
        yield f"http://127.0.0.1:{port}", "sk-0123456789"
        running.kill()


def test_the_sdk_asks_with_it(server: tuple[str, str], tmp_path: pathlib.Path) -> None:
    address, key = server
    environment = {"OPENAI_BASE_URL": f"{address}/v1", "OPENAI_API_KEY": key, "MODEL": "openai/m"}
    command = [sys.executable, str(stacks.ROOT / "examples" / "client" / "ask.py"), "Who", "are"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip()
