"""Questions to servers through the SDK, each from its own process; run by test_answers.py.

SkyPilot is imported once, before our part of it knows of any server, as another program might do.
The import takes seconds.
"""

import json
import multiprocessing
import sys
import time
import typing

from pulumi_skypilot import errors, skypilot

SECONDS = 10.0
"""The time that a call has to come back, in place of minutes."""


class Sdk(skypilot.Sdk):
    """The SDK with less patience."""

    def _ask(self, call: typing.Any, *, seconds: float, look: bool = False) -> typing.Any:
        return super()._ask(call, seconds=min(seconds, SECONDS), look=look)


def ask(url: str, token: str | None, call: str, arguments: list[str]) -> tuple[str, str, float]:
    """Return the result of a call: the error's name, its text, and the seconds that it took."""
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
    # One process for each server, since a process talks to one server.
    with multiprocessing.get_context("fork").Pool(len(cases), maxtasksperchild=1) as pool:
        answers = {name: pool.apply_async(ask, case) for name, case in cases.items()}
        json.dump({name: answer.get() for name, answer in answers.items()}, sys.stdout)
