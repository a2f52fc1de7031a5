"""Asks servers through the SDK, each from a process of its own; run by test_answers.py.

SkyPilot is imported before our part of it knows of any server, as another program might do, and
once for all: that takes seconds.
"""

import json
import multiprocessing
import sys
import time
import typing

from pulumi_skypilot import errors, skypilot

SECONDS = 10.0
"""In place of the minutes that a call has to come back."""


class Sdk(skypilot.Sdk):
    """With less patience."""

    def _ask(self, call: typing.Any, *, seconds: float, look: bool = False) -> typing.Any:
        return super()._ask(call, seconds=min(seconds, SECONDS), look=look)


def ask(url: str, token: str | None, call: str, arguments: list[str]) -> tuple[str, str, float]:
    """What comes of a call: the name of the error, its text, the seconds that it took."""
    sdk = Sdk(skypilot.Connection(url, None, token))
    began = time.monotonic()
    try:
        result = getattr(sdk, call)(*arguments)
    except errors.SkyPilotError as error:
        return type(error).__name__, str(error), time.monotonic() - began
    return "none", repr(result), time.monotonic() - began


if __name__ == "__main__":
    import sky.client.sdk

    sky.server.common.get_server_url()
    cases = json.load(sys.stdin)
    # A process each: one talks to one server.
    with multiprocessing.get_context("fork").Pool(len(cases), maxtasksperchild=1) as pool:
        answers = {name: pool.apply_async(ask, case) for name, case in cases.items()}
        json.dump({name: one.get() for name, one in answers.items()}, sys.stdout)
