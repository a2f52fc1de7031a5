"""A server of one page, /metrics, for Prometheus to read what a stack costs and has."""

import http.server
import threading
import typing

from .command import Wrong


class Exporter:
    """Serves the text that it was last given, from a thread of its own."""

    def __init__(self, host: str, port: int) -> None:
        """Listen. Raises Wrong."""
        self.text = ""
        try:
            self._server = http.server.ThreadingHTTPServer((host, port), self._handler())
        except OSError as error:
            raise Wrong(
                f"--listen {host}:{port}: {error.strerror or error}; choose another port"
            ) from None

    @property
    def port(self) -> int:
        """Return the port, also when 0 was given for any."""
        return int(self._server.server_address[1])

    def __enter__(self) -> typing.Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        exporter = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                known = self.path.partition("?")[0] == "/metrics"
                body = exporter.text.encode() if known else b""
                self.send_response(200 if known else 404)
                self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Log nothing."""

        return Handler
