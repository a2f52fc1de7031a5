"""A preview's questions to the API server: one process, one round of calls, and never a failure.

check and diff may not use the network. The program must not import sky, which takes seconds and
keeps its server for the life of a process. So the program starts
`python -m pulumi_skypilot.lifecycle.server_query`, gives it a table of questions, and gets back a
table of answers, or the reason why there are none.
"""

import contextlib
import dataclasses
import http.client
import json
import os
import subprocess
import sys
import threading
import typing
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus

from .. import errors, skypilot
from . import adoption

Questions = Mapping[str, Mapping[str, typing.Any]]
Answers = dict[str, dict[str, typing.Any]]
T = typing.TypeVar("T")


@dataclasses.dataclass(frozen=True)
class Patience:
    """The seconds to wait for an API server."""

    connect_seconds: float
    """Until it accepts a connection: an address that swallows packets is missing, not busy."""
    health_seconds: float
    """Until it reports its health, once it has accepted the connection."""
    answer_seconds: float = 60.0
    """Until the questions are answered. Later answers get a tenth of this more."""
    tell_seconds: float = 5.0
    """Until the user sees a message about the wait."""


QUICK = Patience(connect_seconds=5, health_seconds=30)
"""For answers that are only shown. A busy API server on two cores took 22 s for its first answer,
later 7 s."""
THOROUGH = Patience(connect_seconds=60, health_seconds=60)
"""For answers that a budget depends on: nearly three times what that server took."""

OFFLINE_VARIABLE = "PULUMI_SKYPILOT_OFFLINE"
_ANSWERS: Mapping[
    str, Callable[[skypilot.Sdk, Mapping[str, typing.Any], float], dict[str, typing.Any]]
] = {
    "prices": lambda sdk, question, seconds: sdk.prices(question, seconds=seconds),
    "nodes": lambda sdk, question, seconds: sdk.nodes(question, seconds=seconds),
    "remote": lambda sdk, question, _seconds: adoption.answer(sdk, question),
}
"""Question → the function that answers it within so many seconds."""


def ask(
    connection: skypilot.Connection,
    questions: Questions,
    *,
    offline: bool = False,
    patience: Patience = QUICK,
    tell: Callable[[str], None] | None = None,
) -> Answers:
    """Return an answer to each question; `{"away": reason}` where there is none.

    `tell` shows a message during a long wait.
    """
    if offline:
        return unanswered(questions, "offline: no server was asked")
    url, tell_seconds = connection.url, patience.tell_seconds

    def watched(work: Callable[[], T], late: T, seconds: float, state: str) -> T:
        """Return the result of `work`, or `late` after its time; show the state of a long wait."""
        results: list[T] = []
        thread = threading.Thread(target=lambda: results.append(work()), daemon=True)
        thread.start()
        thread.join(min(tell_seconds, seconds))
        if thread.is_alive() and tell is not None:
            tell(f"apiServer {url}: {state}; waiting for {seconds:g} s at most")
        thread.join(seconds * 1.3)  # the work obeys its own time limit
        return results[0] if results else late

    health, answer = patience.health_seconds, patience.answer_seconds
    silent: str | None = _silent(health)
    away = watched(lambda: _no_use(url, patience), silent, health, "no answer yet")
    if away is not None:
        return unanswered(questions, f"apiServer {url}: {away}")
    nothing: tuple[Answers, str] = {}, _silent(answer)
    answers, why = watched(
        lambda: _asked(connection, questions, answer), nothing, answer, "asked, no answer yet"
    )
    return {name: answers.get(name, {"away": f"apiServer {url}: {why}"}) for name in questions}


def offline() -> bool:
    """Return whether the environment says that no server is to be asked."""
    return os.environ.get(OFFLINE_VARIABLE, "").lower() in ("1", "true")


def main() -> int:
    """Read questions from standard input, write each answer as a line to standard output."""
    order = json.loads(sys.stdin.read())
    seconds = order["seconds"]
    connection = skypilot.Connection(order["url"], order["workspace"], order["token"])
    sdk = skypilot.Sdk(connection, patience_seconds=seconds)
    out = sys.stdout  # the SDK's calls replace it, and may leave half a line there
    for name, question in order["questions"].items():
        try:
            answer = _ANSWERS[name](sdk, question, seconds)
        except errors.SkyPilotError as error:
            answer = {"away": " ".join(str(error).split())}
        out.write(f"\n{json.dumps({name: answer})}\n")
        out.flush()
    os._exit(0)  # a call that timed out still has its thread


def _asked(
    connection: skypilot.Connection, questions: Questions, seconds: float
) -> tuple[Answers, str]:
    """Return the answers of a separate process within that time, and why others are missing."""
    order = {
        "url": connection.url,
        "workspace": connection.workspace,
        "token": connection.token,
        "seconds": seconds,
        "questions": questions,
    }
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pulumi_skypilot.lifecycle.server_query"],
            input=json.dumps(order).encode(),
            env=_environment(),
            capture_output=True,
            timeout=seconds * 1.2,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        return dict(_lines(error.stdout or b"")), _silent(seconds)
    except (OSError, ValueError):
        return {}, "the process that asks it could not be started"
    last = done.stderr.decode(errors="replace").split("\n")[-2:-1]
    died = f"the process that asks it has failed ({' '.join(last)[:200]})"
    return dict(_lines(done.stdout)), died


def _lines(output: bytes) -> Iterator[tuple[str, dict[str, typing.Any]]]:
    """Yield the answers in the output of the process; skip everything else in it."""
    for line in output.decode(errors="replace").splitlines():
        try:
            answer = json.loads(line)
        except ValueError:
            continue
        if isinstance(answer, dict):
            yield from answer.items()


def _environment() -> dict[str, str]:
    """Return the environment without the variables that hold the stack's secrets or a token."""
    return {
        name: value
        for name, value in os.environ.items()
        if not (name.startswith("PULUMI_") and ("CONFIG" in name or "TOKEN" in name))
    }


def unanswered(questions: Questions, why: str) -> Answers:
    """Return the answers of a server that cannot be asked for that reason."""
    return {name: {"away": why} for name in questions}


def _no_use(url: str, patience: Patience) -> str | None:
    """Return why the server cannot be asked, without importing sky; None if it may answer."""
    with contextlib.suppress(TimeoutError):
        # A time-out of urllib's is a URLError during the connect, and a TimeoutError after it.
        return _health(url, patience.connect_seconds)
    if patience.connect_seconds < patience.health_seconds:
        with contextlib.suppress(TimeoutError):
            return _health(url, patience.health_seconds)
    return _silent(patience.health_seconds)


def _silent(seconds: float) -> str:
    return f"did not answer within {seconds:g} s"


def _health(url: str, seconds: float) -> str | None:
    """Return why that server cannot be asked; None if it may answer.

    Raises TimeoutError when it accepted the connection and then did not answer. A redirect to a
    login page is left to the SDK.
    """
    try:
        address = urllib.parse.urljoin(f"{url.rstrip('/')}/", "api/health")
        with urllib.request.urlopen(address, timeout=seconds) as answer:  # noqa: S310
            body, final = answer.read(65536), answer.url
        plausible = final != address or isinstance(json.loads(body), dict)
    except urllib.error.HTTPError as error:
        with error:
            asks = error.code in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
        return None if asks else f"{_NOBODY} (HTTP {error.code})"  # the SDK sends the token
    except urllib.error.URLError as error:
        late = isinstance(error.reason, TimeoutError)
        return f"no connection within {seconds:g} s" if late else f"{_NOBODY} ({_words(error)})"
    except (ValueError, http.client.HTTPException):
        return _OTHER
    except OSError as error:
        if isinstance(error, TimeoutError):
            raise
        return f"{_NOBODY} ({_words(error)})"
    return None if plausible else _OTHER


_NOBODY = "no SkyPilot API server answers there"
_OTHER = "what answers there is no SkyPilot API server"


def _words(error: OSError) -> str:
    """Return the text of a network error, without its number."""
    reason = getattr(error, "reason", error)
    return str(getattr(reason, "strerror", None) or reason).lower()


if __name__ == "__main__":
    sys.exit(main())
