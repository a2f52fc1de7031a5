"""What a preview asks the API server: one process, one round of calls, and never a failure.

check and diff may ask nobody, and the program must not import sky, which takes seconds and keeps
its server for the life of a process. So the program starts `python -m pulumi_skypilot.ask`, hands
it a table of questions, and has a table of answers back, or the reason why there are none.
"""

import json
import os
import subprocess
import sys
import typing
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping

from . import adoption, port, skypilot

Questions = Mapping[str, Mapping[str, typing.Any]]
Answers = dict[str, dict[str, typing.Any]]

TIMEOUT_SECONDS = 60.0
"""A busy API server on two cores took 22 s for its first answer, later 7 s."""
OFFLINE_VARIABLE = "PULUMI_SKYPILOT_OFFLINE"
_TOKEN_VARIABLE = "PULUMI_SKYPILOT_ASK_TOKEN"  # noqa: S105 - a name, not a token
_ANSWERS: Mapping[str, Callable[[skypilot.Sdk, Mapping[str, typing.Any]], dict[str, typing.Any]]]
_ANSWERS = {
    "prices": lambda sdk, question: sdk.prices(question),
    "remote": adoption.answer,
}
"""Question → who answers it."""


def ask(
    connection: skypilot.Connection,
    questions: Questions,
    *,
    offline: bool = False,
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> Answers:
    """An answer to each question; `{"away": reason}` where there is none."""
    why = _no_use(connection, offline=offline)
    if why is not None:
        return _away(questions, why)
    order = {"url": connection.url, "workspace": connection.workspace, "questions": questions}
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pulumi_skypilot.ask"],
            input=json.dumps(order),
            env={**os.environ, _TOKEN_VARIABLE: connection.token or ""},
            capture_output=True,
            text=True,
            timeout=timeout_seconds,
            check=False,
        )
        found = json.loads(done.stdout.splitlines()[-1])
    except subprocess.TimeoutExpired:
        why = f"apiServer {connection.url}: no answer in {timeout_seconds:.0f} s"
        return _away(questions, why)
    except (OSError, ValueError, IndexError):
        why = f"apiServer {connection.url}: nobody could be asked"
        return _away(questions, why)
    return {name: found.get(name, {"away": "it was not answered"}) for name in questions}


def offline() -> bool:
    """Whether the environment says that no server is to be asked."""
    return os.environ.get(OFFLINE_VARIABLE, "").lower() in ("1", "true")


def main() -> int:
    """Read questions from standard input, write answers to standard output."""
    order = json.loads(sys.stdin.read())
    token = os.environ.pop(_TOKEN_VARIABLE, "") or None
    sdk = skypilot.Sdk(skypilot.Connection(order["url"], order["workspace"], token))
    answers: Answers = {}
    for name, question in order["questions"].items():
        try:
            answers[name] = _ANSWERS[name](sdk, question)
        except port.SkyPilotError as error:
            answers[name] = {"away": " ".join(str(error).split())}
    sys.stdout.write(f"{json.dumps(answers)}\n")
    sys.stdout.flush()
    os._exit(0)  # a call that timed out still has its thread


def _away(questions: Questions, why: str) -> Answers:
    return {name: {"away": why} for name in questions}


def _no_use(connection: skypilot.Connection, *, offline: bool) -> str | None:
    """Why there is nobody to ask, found without importing sky: a refused connection is quick."""
    if offline:
        return "offline: no server was asked"
    address = urllib.parse.urljoin(f"{connection.url.rstrip('/')}/", "api/health")
    try:
        with urllib.request.urlopen(address, timeout=5):  # noqa: S310 - the server's own address
            return None
    except urllib.error.HTTPError:
        return None  # it answers, if only that it wants a token
    except (OSError, ValueError):
        return f"apiServer {connection.url}: no SkyPilot API server answers there"


if __name__ == "__main__":
    sys.exit(main())
