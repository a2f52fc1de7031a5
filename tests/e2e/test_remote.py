"""An API server that asks who calls: accounts, a workspace, and tokens that are no good."""

import base64
import contextlib
import json
import os
import pathlib
import sqlite3
import urllib.request
from collections.abc import Callable, Iterator

import pytest

from local import control
from pulumi_skypilot import providers
from pulumi_skypilot.lifecycle import marker
from tests.conftest import chat
from tests.e2e import stack as stacks

pytestmark = [pytest.mark.cloud, pytest.mark.long, pytest.mark.timeout(3000)]
TOKENS = "/users/service-account-tokens"


class Admin:
    """Who may make and revoke tokens, as the dashboard does it."""

    def __init__(self, url: str) -> None:
        self._url = url

    def make(self, name: str) -> dict[str, str]:
        """A service account: its token, the token's id and its user."""
        return self._post(TOKENS, {"token_name": name})

    def revoke(self, token: dict[str, str]) -> None:
        """End a token with its account, which must own nothing."""
        self._post(f"{TOKENS}/delete", {"token_id": token["token_id"]})

    def renew(self, token: dict[str, str]) -> dict[str, str]:
        """Another token of the same account; the earlier one ends."""
        return self._post(f"{TOKENS}/rotate", {"token_id": token["token_id"]})

    def _post(self, path: str, body: dict[str, str]) -> dict[str, str]:
        login = base64.b64encode(b"admin:admin").decode()
        headers = {"Authorization": f"Basic {login}", "Content-Type": "application/json"}
        request = urllib.request.Request(self._url + path, json.dumps(body).encode(), headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return dict(json.load(answer) or {})


@pytest.fixture
def admin(cloud: control.Cloud) -> Iterator[Admin]:
    """The same server, started so that it asks; as it was, afterwards."""
    cloud.restart_api(accounts=True)
    yield Admin(cloud.api_server)
    cloud.restart_api()


def refused(
    stack: stacks.Stack, command: str, token: str | None, *, secret: str | None = None
) -> str:
    """What the user reads when the server does not take the token, or the one in state."""
    env = {providers.TOKEN_VARIABLE: token} if token else None
    result = stack.run(command, "--yes", "--skip-preview", check=False, env=env)
    assert result.code != 0
    assert not [one for one in (token, secret) if one and one in result.output]
    lines = result.errors()
    # A refresh asks for each resource by itself: one line for each.
    assert lines, result.output
    assert all("PULUMI_SKYPILOT_TOKEN" in line for line in lines), lines
    return lines[0]


def expire(cloud: control.Cloud, token: dict[str, str]) -> None:
    """Let a token's time be over: a day is the least that SkyPilot gives one."""
    file = cloud.location.home / ".sky" / "state.db"
    with contextlib.closing(sqlite3.connect(file)) as database, database:
        database.execute(
            "UPDATE service_account_tokens SET expires_at = 1 WHERE token_id = ?",
            (token["token_id"],),
        )


def files_with(folder: pathlib.Path, text: str) -> list[str]:
    """Files of the API server that hold a text: databases, logs, task files."""
    found = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    return [str(path) for path in found if text.encode() in path.read_bytes()]


def test_a_stack_lives_on_a_remote_server_by_a_service_account(
    cloud: control.Cloud, admin: Admin, make_stack: Callable[..., stacks.Stack]
) -> None:
    stack = make_stack(chat=chat())
    stack.run("config", "set", "skypilot:workspace", "team")
    account, other = admin.make("ci"), admin.make("left")
    admin.revoke(other)

    assert "it asks for" in refused(stack, "up", None)
    assert "refused" in refused(stack, "up", "sky_canary_wrong")

    # With the token in the environment: the service is the account's, in the workspace.
    environment = {providers.TOKEN_VARIABLE: account["token"]}
    stack.up(env=environment)
    (host,) = cloud.hosts()
    assert f"-{account['service_account_user_id']}-" in host["tags"]["Name"]
    assert stack.service()["outputs"]["scope"]["user"] == account["service_account_user_id"]
    assert marker.since(stack.service()["outputs"]["scope"]["mark"])
    stack.unchanged()

    # A token that is refused is not taken for a service that is gone.
    for token in (other["token"], None):
        refused(stack, "refresh", token)
    assert stack.service()

    # As a secret of the stack: refresh and destroy take it from state.
    stack.secret("skypilot:token", account["token"])
    stack.up()
    stack.refresh()
    stack.unchanged()
    shown = stack.run("stack", "export").output
    assert account["token"] not in shown

    # It expires, is renewed, and the one in state is of no use any more: nothing is lost by it.
    if os.geteuid() == 0:  # the server's files are root's
        expire(cloud, account)
        assert "expired" in refused(stack, "destroy", None, secret=account["token"])
    renewed = admin.renew(account)
    assert "revoked" in refused(stack, "destroy", None, secret=account["token"])
    assert len(cloud.hosts()) == 1
    stack.run(
        *("destroy", "--yes", "--skip-preview"),
        env={providers.TOKEN_VARIABLE: renewed["token"]},
    )
    assert cloud.instances() == []
    if os.geteuid() == 0:
        assert files_with(cloud.location.home, account["service_account_user_id"])
        for token in (account["token"], renewed["token"]):
            assert files_with(cloud.location.home, token) == []
