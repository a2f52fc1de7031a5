"""SkyPilot's API server as a child of the supervisor: its home, environment, life and health."""

import contextlib
import http.client
import json
import os
import pathlib
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import Any

from . import catalog, equipment, place

_START_SECONDS = 120
_CHECK_SECONDS = 180
_BOOT_CHECK = "skypilot-server-on-boot-check"
"""ON_BOOT_CHECK_REQUEST_ID in sky/server/constants.py."""

_CONFIG = {
    # SkyServe's controllers run in the API server: no controller machine.
    "server": "allowed_clouds: [aws]\nserve:\n  controller:\n    consolidation_mode: true\n",
    "machine": "allowed_clouds: [aws]\n",  # SkyPilot's default
}
_WORKSPACES = "workspaces: {default: {}, team: {}}\n"
_PLUGINS = pathlib.Path(__file__).parent / "plugins"

_ACCOUNTS = {
    "ENABLE_BASIC_AUTH": "true",
    "ENABLE_SERVICE_ACCOUNTS": "true",
    # As htpasswd writes it. The password is "admin": it guards nothing but a rehearsal.
    "SKYPILOT_INITIAL_BASIC_AUTH": "admin:"
    "$5$rounds=1000$Q.jbjj.Np1925FOB$O85g8le5skjvV7QueyUdkLVAWXWFwGZ36Hc6vS.q6h7",
}
"""Makes the server ask everybody but itself for a password or a service account's token."""


class ApiServer:
    """The process group of the API server; only the supervisor has one."""

    def __init__(self, where: place.Place, certificate: pathlib.Path) -> None:
        self._place = where
        self._certificate = certificate
        self._process: subprocess.Popen[bytes] | None = None
        self._log = where.logs / "api.log"

    def start(self, controller: str, *, accounts: bool = False) -> None:
        """Start it and wait until it answers; with accounts, it asks who calls.

        `controller` is where SkyServe's controllers run: in the server or on a machine.
        """
        write_home(self._place, controller, accounts=accounts)
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                # What `sky api start --foreground` ends in (sky/server/common.py), which costs
                # the import of sky once more and asks for a local URL.
                [
                    *(sys.executable, "-u", "-m", "sky.server.server"),
                    *("--host", "0.0.0.0"),  # noqa: S104 (of a network of its own)
                    *("--port", str(place.API_PORT)),
                ],
                cwd=self._place.home,
                env=environment(self._place, self._certificate) | (_ACCOUNTS if accounts else {}),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline = time.monotonic() + _START_SECONDS
        while not self.is_healthy:
            if not self.is_alive:
                raise place.CloudError(f"SkyPilot's API server ended: {self._last_words()}")
            if time.monotonic() > deadline:
                raise place.CloudError(
                    f"SkyPilot's API server did not answer in {_START_SECONDS} s: see {self._log}"
                )
            time.sleep(0.2)

    def kill(self) -> None:
        """End it with all its executors; controllers of services live on, as they do anywhere."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    @property
    def is_alive(self) -> bool:
        """Whether its main process lives."""
        return self._process is not None and self._process.poll() is None

    @property
    def is_healthy(self) -> bool:
        """Whether it answers."""
        try:
            status, body = self._request("GET", "/api/health", timeout_seconds=5)
        except (OSError, http.client.HTTPException):
            return False
        return status == 200 and json.loads(body).get("status") == "healthy"

    def wait_for_aws(self) -> None:
        """Wait for what the server does by itself when it starts: `sky check`, for all clouds."""
        status, answer = self._request(
            "GET", f"/api/get?request_id={_BOOT_CHECK}", timeout_seconds=_CHECK_SECONDS
        )
        # {"return_value": "{\"default\": {\"AWS\": [\"compute\", \"storage\"]}}", …}
        if status != 200 or "AWS" not in answer:
            raise place.CloudError(f"sky check did not enable aws: {status} {answer[:300]}")

    def _request(self, method: str, path: str, *, timeout_seconds: float) -> tuple[int, str]:
        connection = http.client.HTTPConnection(
            "127.0.0.1", place.API_PORT, timeout=timeout_seconds
        )
        with contextlib.closing(connection):
            connection.request(method, path)
            response = connection.getresponse()
            return response.status, response.read().decode(errors="replace")

    def _last_words(self) -> str:
        lines = self._log.read_text(errors="replace").strip().splitlines()
        return f"{lines[-1] if lines else 'without a word'} (all of it: {self._log})"


def write_home(where: place.Place, controller: str, *, accounts: bool) -> None:
    """Everything that the API server reads from its home: config, credentials, catalogue."""
    files: Mapping[str, str] = {
        ".sky/config.yaml": _CONFIG[controller] + (_WORKSPACES if accounts else ""),
        ".sky/plugins.yaml": "plugins: [{class: quick_status.Plugin}]\n",  # found by PYTHONPATH
        # In a file and not in the environment: every process it starts then finds the emulator.
        ".aws/config": equipment.aws_config(where.aws),
        ".aws/credentials": "[default]\naws_access_key_id = test\naws_secret_access_key = test\n",
    }
    for name, text in files.items():
        path = where.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    catalog.write(where.home)


def environment(where: place.Place, certificate: pathlib.Path) -> dict[str, str]:
    """From scratch: nothing of the user's AWS_*, KUBECONFIG or SKYPILOT_* gets in."""
    return {
        "HOME": str(where.home),
        "USER": "root",
        "PATH": f"{pathlib.Path(sys.prefix) / 'bin'}:"
        "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(_PLUGINS),
        "PYTHONDONTWRITEBYTECODE": "1",  # root's files have no place in the user's environment
        "IS_SKYPILOT_SERVER": "true",
        # It asks a host by gRPC. By its default each question starts a Python there that imports
        # sky, several seconds of a core; tests/test_contract.py passes both ways.
        "SKYPILOT_ENABLE_GRPC": "1",
        "AWS_EC2_METADATA_DISABLED": "true",
        **equipment.environment(str(certificate)),
    }


def status(server: ApiServer) -> dict[str, Any]:
    """What is to be said about it."""
    if not server.is_alive:
        return {"state": "dead"}
    return {"state": "healthy" if server.is_healthy else "no answer"}
