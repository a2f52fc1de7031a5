"""What goes wrong on the real thing: one line that names the way out, and nothing left."""

import http.server
import json
import os
import threading
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence

import pytest

from local import control
from tests.conftest import chat
from tests.e2e import stack as stacks

pytestmark = [pytest.mark.cloud, pytest.mark.timeout(3000)]


class Answer(typing.NamedTuple):
    """What a server says to everything."""

    status: int
    body: Mapping[str, str]
    headers: Mapping[str, str]


REFUSED = Answer(401, {}, {})
OLDER = Answer(
    200,
    {"status": "healthy", "version": "0.9.0", "api_version": "9", "commit": "0"},
    {"X-SkyPilot-API-Version": "9", "X-SkyPilot-Version": "0.9.0"},
)
# As SkyPilot's own middleware says it to a client that is too old (sky/server/server.py).
NEWER = Answer(400, {"error": "version_mismatch", "message": "client is too old\nUpgrade it"}, {})


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Iterator[str]:
    """A server that gives everybody the same answer."""
    answer: Answer = request.param

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(json.dumps(answer.body).encode())

        do_POST = do_GET  # noqa: N815 - the name that http.server calls

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


ALONE = (
    *("unshare", "--net", *(() if os.geteuid() == 0 else ("--map-root-user",))),
    *("sh", "-c", 'ip link set lo up && exec "$@"', "sh"),
)
"""A network in which there is nobody but oneself."""


def failed(stack: stacks.Stack, within: Sequence[str] = ()) -> str:
    """The one line that the user reads."""
    result = stack.run("up", "--yes", "--skip-preview", check=False, within=within)
    assert result.code != 0
    assert "Traceback" not in result.output
    lines = result.errors()
    assert len(lines) == 1, result.output
    return lines[0]


def test_an_unreachable_server_is_one_line(make_stack: Callable[..., stacks.Stack]) -> None:
    stack = make_stack(api_server="http://127.0.0.1:9", chat=chat())
    line = failed(stack)
    assert "apiServer http://127.0.0.1:9" in line
    assert "sky api start" in line


def test_a_missing_local_server_is_not_started_on_the_quiet(
    new_stack: Callable[..., stacks.Stack],
) -> None:
    url = "http://127.0.0.1:46580"  # only at its own address would SkyPilot start one
    stack = new_stack(api_server=url, chat=chat())
    # In a network of its own: this machine may have a server there.
    line = failed(stack, within=ALONE)
    assert f"apiServer {url}" in line
    assert "sky.server" not in stack.left_running()


@pytest.mark.parametrize(
    ("server", "says"), [(OLDER, "0.9.0"), (NEWER, "too old")], indirect=["server"]
)
def test_a_server_of_another_version_is_one_line(
    server: str, says: str, new_stack: Callable[..., stacks.Stack]
) -> None:
    stack = new_stack(api_server=server, chat=chat())
    line = failed(stack)
    assert server in line
    assert says in line


@pytest.mark.parametrize("server", [REFUSED], indirect=True)
def test_a_wrong_token_is_one_line(server: str, new_stack: Callable[..., stacks.Stack]) -> None:
    stack = new_stack(api_server=server, chat=chat())
    stack.secret("skypilot:token", "sky_canary_token")
    line = failed(stack)
    assert "PULUMI_SKYPILOT_TOKEN" in line
    assert "sky_canary_token" not in line


def test_a_place_without_credentials_is_one_line(
    cloud: control.Cloud, make_stack: Callable[..., stacks.Stack]
) -> None:
    stack = make_stack(chat=chat(infra="gcp"))
    line = failed(stack)
    assert "infra" in line
    assert "gcp" in line
    assert "sky check" in line
    stack.run("destroy", "--yes", "--skip-preview")
    assert cloud.instances() == []


@pytest.mark.long
def test_no_capacity_anywhere_is_one_line(
    cloud: control.Cloud, make_stack: Callable[..., stacks.Stack]
) -> None:
    stack = make_stack(chat=chat())
    cloud.refuse("*")
    try:
        line = failed(stack)
        assert "infra and accelerators" in line
        stack.run("destroy", "--yes", "--skip-preview")
    finally:
        cloud.allow("*")
    assert cloud.instances() == []


@pytest.mark.long
def test_a_model_that_does_not_load_is_said_with_its_log(
    cloud: control.Cloud, make_stack: Callable[..., stacks.Stack]
) -> None:
    stack = make_stack(chat=chat(model="acme/does-not-load"))
    line = failed(stack)
    assert "out of memory" in line
    stack.run("destroy", "--yes", "--skip-preview")
    assert cloud.instances() == []
