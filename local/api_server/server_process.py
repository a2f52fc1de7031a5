"""The process of SkyPilot's API server: its start, health and end."""

import contextlib
import http.client
import json
import os
import pathlib
import signal
import subprocess
import sys
import time
from typing import Any

from .. import errors, locations
from . import home

_START_SECONDS = 300
_CHECK_SECONDS = 400
"""It takes 10 s; on two cores with a load of 25, 180 were too few."""
_BOOT_CHECK = "skypilot-server-on-boot-check"
"""sky.server.constants.ON_BOOT_CHECK_REQUEST_ID."""


class ApiServer:
    """The process group of the API server; only the supervisor has one."""

    def __init__(
        self, location: locations.Location, certificate: pathlib.Path, access: home.CloudAccess
    ) -> None:
        self._location = location
        self._certificate = certificate
        self._access = access
        self._process: subprocess.Popen[bytes] | None = None
        self._log = location.logs / "api.log"

    def start(self, controller: str, *, accounts: bool = False) -> None:
        """Start it and wait until it answers; with accounts, it asks who calls.

        `controller` is where SkyServe's controllers run: in the server or on a machine.
        """
        home.write_files(
            self._location.home, home.files(self._access, controller, accounts=accounts)
        )
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                # What `sky api start --foreground` ends in (sky.server.common), which costs
                # the import of sky once more and asks for a local URL.
                [
                    *(sys.executable, "-u", "-m", "sky.server.server"),
                    *("--host", "0.0.0.0"),  # noqa: S104 (of a network of its own)
                    *("--port", str(locations.API_PORT)),
                ],
                cwd=self._location.home,
                env=home.environment(
                    self._location, self._certificate, self._access, accounts=accounts
                ),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline = time.monotonic() + _START_SECONDS
        while not self.is_healthy:
            if not self.is_alive:
                raise errors.CloudError(f"SkyPilot's API server ended: {self._last_line()}")
            if time.monotonic() > deadline:
                raise errors.CloudError(
                    f"SkyPilot's API server did not answer in {_START_SECONDS} s; see {self._log}"
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
        """Tell whether its main process lives."""
        return self._process is not None and self._process.poll() is None

    @property
    def is_healthy(self) -> bool:
        """Tell whether it answers."""
        try:
            status, body = self._request("GET", "/api/health", timeout_seconds=5)
        except (OSError, http.client.HTTPException):
            return False
        return status == 200 and json.loads(body).get("status") == "healthy"

    def status(self) -> dict[str, Any]:
        """Return its state in one word."""
        if not self.is_alive:
            return {"state": "dead"}
        return {"state": "healthy" if self.is_healthy else "no answer"}

    def wait_for_check(self) -> None:
        """Wait for what the server does by itself when it starts: `sky check`, for all clouds."""
        path = f"/api/get?request_id={_BOOT_CHECK}"
        try:
            status, answer = self._request("GET", path, timeout_seconds=_CHECK_SECONDS)
        except TimeoutError as error:
            raise errors.CloudError(
                f"sky check did not end in {_CHECK_SECONDS} s; see {self._log}"
            ) from error
        # {"return_value": "{\"default\": {\"AWS\": [\"compute\", \"storage\"]}}", …}
        cloud = self._access.cloud
        if status != 200 or cloud not in answer.lower():
            raise errors.CloudError(f"sky check did not enable {cloud}: {status} {answer[:300]}")

    def _request(self, method: str, path: str, *, timeout_seconds: float) -> tuple[int, str]:
        connection = http.client.HTTPConnection(
            "127.0.0.1", locations.API_PORT, timeout=timeout_seconds
        )
        with contextlib.closing(connection):
            connection.request(method, path)
            response = connection.getresponse()
            return response.status, response.read().decode(errors="replace")

    def _last_line(self) -> str:
        lines = self._log.read_text(errors="replace").strip().splitlines()
        return f"{lines[-1] if lines else 'its log is empty'}; see {self._log}"
