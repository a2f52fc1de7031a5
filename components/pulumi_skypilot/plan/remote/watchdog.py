"""Runs a server and ends it after a time without a request, so that its machine can be given up.

SkyPilot stops no machine that has a running job (sky/skylet/events.py, StopEvent), and a server is
a job that runs for ever. This ends it when vLLM's own metrics show that nobody asks; the job has
then succeeded, and SkyPilot's autostop does the rest. It is copied to the machines and run there by
their python3, so it uses nothing but the standard library.

    python3 watchdog.py vllm serve MODEL ...

The minutes stand in AUTOSTOP_IDLE_MINUTES, and from then on in ~/.autostop-idle-minutes, so that
they can be changed while the server runs. Of several nodes only the first serves: the others end
with it.
"""

import http.client
import os
import pathlib
import re
import secrets
import signal
import subprocess
import sys
import time
import urllib.request

PORT = 8000
POLL_SECONDS = 5.0
LOST_SECONDS = 30.0
"""How long the first node may be silent before another one takes it for ended."""
STOP_SECONDS = 60.0
TOKEN_VARIABLE = "LLM_GUARD_METRICS"  # noqa: S105 - a name
"""The variable by which the guard (vllm_guard.py) is told what opens /metrics to this."""
MINUTES = pathlib.Path.home() / ".autostop-idle-minutes"

_COUNTED = re.compile(
    r"^vllm:(num_requests_running|num_requests_waiting|request_success_total|prompt_tokens_total"
    r"|generation_tokens_total)(?:\{.*\})? (\d+(?:\.\d+)?(?:e[+-]?\d+)?)$",
    re.MULTILINE,
)


class Idle:
    """How long nobody has asked. What it has not seen it does not take for idleness."""

    def __init__(self) -> None:
        self._counters: dict[str, float] = {}
        self._since: float | None = None

    def seconds(self, metrics: str | None, now: float) -> float:
        """The seconds until now without a request, after a look at the metrics (None: no answer).

        Counters tell of requests that came and went between two looks.
        """
        totals: dict[str, float] = {}
        for name, value in _COUNTED.findall(metrics or ""):
            totals[name] = totals.get(name, 0.0) + float(value)
        if not totals:
            return 0.0
        busy = totals.pop("num_requests_running", 1.0) + totals.pop("num_requests_waiting", 0.0)
        if busy or totals != self._counters or self._since is None:
            self._since = now
        self._counters = totals
        return now - self._since


def main(command: list[str]) -> int:
    """Run the command; 0 when it was ended for idleness, else its own code."""
    rank, first = int(os.environ.get("SKYPILOT_NODE_RANK", "0")), _first_node()
    minutes = float(os.environ["AUTOSTOP_IDLE_MINUTES"])
    MINUTES.write_text(os.environ["AUTOSTOP_IDLE_MINUTES"])
    os.environ[TOKEN_VARIABLE] = secrets.token_hex()
    server = subprocess.Popen(command)
    signal.signal(signal.SIGTERM, lambda *_: server.terminate())
    idle, answered = Idle(), None
    while server.poll() is None:
        time.sleep(POLL_SECONDS)
        now = time.monotonic()
        if rank > 0:
            answered = now if ask(f"http://{first}:{PORT}/health") is not None else answered
            if answered is None or now - answered < LOST_SECONDS:
                continue
            reason = "the first node has ended"
        else:
            minutes = _minutes(minutes)
            metrics = ask(f"http://{first}:{PORT}/metrics", os.environ[TOKEN_VARIABLE])
            if idle.seconds(metrics, now) < minutes * 60:
                continue
            reason = f"no request for {minutes:g} minutes"
        print(f"watchdog: {reason}; ending the server", flush=True)  # noqa: T201 (the log)
        server.terminate()
        try:
            server.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            server.kill()
        return 0
    if rank > 0 and answered is not None and ask(f"http://{first}:{PORT}/health") is None:
        return 0  # the first node's own code says how it ended
    return server.returncode if server.returncode >= 0 else 128 - server.returncode


def ask(url: str, token: str = "") -> str | None:
    """Return the body of an answer; None without one."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 (http)
    try:
        with urllib.request.urlopen(request, timeout=POLL_SECONDS) as answer:  # noqa: S310
            return str(answer.read().decode())
    except (OSError, http.client.HTTPException, ValueError):  # ValueError: it is no text
        return None


def _minutes(last: float) -> float:
    """Return the minutes of the file; the last ones while it is being written, and so is empty."""
    try:
        return float(MINUTES.read_text())
    except (OSError, ValueError):
        return last


def _first_node() -> str:
    nodes = os.environ.get("SKYPILOT_NODE_IPS", "").split()
    return "127.0.0.1" if os.environ.get("SKYPILOT_NODE_RANK", "0") == "0" else nodes[0]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
