"""The SkyPilot in memory under the real Pulumi CLI, whose every command is a process of its own.

Python reads sitecustomize.py as it starts (faked/). What was asked of the fake goes into a file of
JSON lines, and the next process asks it all again. Such a file is also what a release has left on
SkyPilot, for later releases to find there: tests/states.
"""

import contextlib
import dataclasses
import json
import os
import pathlib
import threading
import typing
from collections.abc import Callable, Iterable

from pulumi_skypilot import errors, testing
from pulumi_skypilot.skypilot import interface

VARIABLE = "FAKE_SKYPILOT"
"""Where the file is."""
HANGS = "FAKE_SKYPILOT_HANGS"
"""The calls, with commas, that never come back: for a test that kills what waits for them."""
CHANGES = ("up", "update", "down", "machine_down", "launch", "exec", "cancel_jobs", "autostop",
           "make_volume", "delete_volume", "grow_claim")  # fmt: skip
LATER = 3600.0
"""Seconds from one command to the next."""

_INSTALLED = contextlib.ExitStack()
_FOLDER = pathlib.Path(__file__).parent / "faked"
_ROOT = _FOLDER.parents[2]


def environment(file: pathlib.Path, *hangs: str) -> dict[str, str]:
    """What lets the CLI talk to the fake that the file holds; calls of these names hang."""
    return {VARIABLE: str(file), HANGS: ",".join(hangs), "PYTHONPATH": f"{_FOLDER}:{_ROOT}"}


def install() -> None:
    """Put it in the place of SkyPilot for the rest of this process's life."""
    kept = typing.cast("testing.SkyPilot", Kept(pathlib.Path(os.environ[VARIABLE])))
    _INSTALLED.enter_context(testing.use(kept))


def asked(file: pathlib.Path) -> list[str]:
    """The calls that have changed something, in order."""
    lines = file.read_text().splitlines() if file.exists() else ()
    return [str(json.loads(line)["call"]) for line in lines]


def read(file: pathlib.Path) -> testing.SkyPilot:
    """The fake after all that was asked of it."""
    fake = testing.SkyPilot()
    fake.enabled = frozenset({"aws", "gcp", "kubernetes"})
    lines = file.read_text().splitlines() if file.exists() else ()
    replay(fake, map(json.loads, lines))
    return fake


def replay(fake: testing.SkyPilot, lines: Iterable[dict[str, typing.Any]]) -> None:
    """Ask it all again, in order, and let time pass."""
    for asked in lines:
        fake.clock.seconds = asked["at"]
        try:
            getattr(fake, asked["call"])(*map(_read, asked["args"]), **asked["options"])
        except errors.SkyPilotError:
            continue  # as it was then
    fake.clock.seconds += LATER


class Kept:
    """The fake, kept in a file."""

    def __init__(self, file: pathlib.Path) -> None:
        self._file, self._fake, self._lock = file, read(file), threading.RLock()
        self._hangs = os.environ.get(HANGS, "").split(",")

    def __getattr__(self, name: str) -> object:
        found = getattr(self._fake, name)
        return self._kept(name, found) if callable(found) else found

    def _kept(self, name: str, call: Callable[..., object]) -> Callable[..., object]:
        def kept(*args: object, **options: object) -> object:
            with self._lock:
                if name in CHANGES:
                    asked = {"at": self._fake.clock.now(), "call": name, "options": options}
                    line = json.dumps({**asked, "args": [*map(_write, args)]})
                    with self._file.open("a") as file:
                        file.write(f"{line}\n")
                found = call(*args, **options)
            if name in self._hangs:
                threading.Event().wait()
            return found

        return kept


def _write(value: object) -> object:
    if not isinstance(value, interface.Order):
        return value
    return {key: item for key, item in dataclasses.asdict(value).items() if key != "task"}


def _read(value: object) -> object:
    if not isinstance(value, dict) or "text" not in value:  # a volume is a plain table
        return value
    tls = value.get("tls")
    return testing.order(**{**value, "tls": interface.Tls(**tls) if tls else None})
