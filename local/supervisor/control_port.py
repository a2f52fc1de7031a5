"""The server of a cloud's control port: JSON over HTTP; `control.Cloud` is its client.

It knows nothing of the cloud: it is given what can be read and what can be done, by path.
"""

import functools
import http.server
import json
import logging
import urllib.parse
from collections.abc import Callable, Mapping
from typing import Any

from .. import locations

_log = logging.getLogger("control")


def server(
    address: str,
    reads: Mapping[str, Callable[[], Any]],
    actions: Mapping[str, Callable[[Any], None]],
) -> http.server.ThreadingHTTPServer:
    """Return a server that answers GET by `reads`, and POST by `actions` with the request's body.

    It answers 200 with the result, 404 for another path, 500 with the message of an exception.
    """

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(reads.get(self._path()))

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            action = actions.get(self._path())
            _log.info("%s %s", self._path(), body)
            self._answer(functools.partial(action, body) if action else None)

        def _path(self) -> str:
            return urllib.parse.urlsplit(self.path).path

        def _answer(self, work: Callable[[], Any] | None) -> None:
            status, answer = 200, None
            if work is None:
                status, answer = 404, {"error": f"no {self.path} here"}
            else:
                try:
                    answer = work()
                except Exception as error:  # noqa: BLE001 (the caller gets it)
                    _log.exception("%s", self.path)
                    status, answer = 500, {"error": str(error)}
            data = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:
            """Log nothing: actions are logged above, reads are many."""

    return http.server.ThreadingHTTPServer((address, locations.CONTROL_PORT), Handler)
