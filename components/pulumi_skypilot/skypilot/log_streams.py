"""The interface's call for whole logs, line by line as SkyPilot sends them."""

import functools
import io
import re
import typing
from collections.abc import Callable

from . import interface, sdk_calls
from .cluster_api import JOB_FRAME, JOB_PREFIX
from .interface import LogPart

_COLOUR = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
LONGEST_SECONDS = 7 * 86400.0
"""The longest that a log is followed."""
_TARGETS = {
    LogPart.REPLICA: "replica",
    LogPart.CONTROLLER: "controller",
    LogPart.BALANCER: "load_balancer",
}
"""The names of a service's parts (sky/serve/serve_utils.py, ServiceComponent)."""


class LogCalls(sdk_calls.Calls):
    """The call for a log of a service or cluster."""

    def stream_log(
        self,
        log: interface.Log,
        write: Callable[[str], object],
        *,
        lines: int | None,
        follow: bool,
    ) -> None:
        """Call `write` with each line of a log, from a thread of its own."""
        out = _Lines(functools.partial(_pass_on, log.part, write))

        def ask(sky: typing.Any) -> None:
            match log.part:
                case LogPart.JOB:
                    sky.tail_logs(
                        log.name, log.number, follow=follow, tail=lines or 0, output_stream=out
                    )
                case LogPart.PROVISION:
                    sky.client.sdk.tail_provision_logs(
                        log.name, follow=follow, tail=lines or 0, output_stream=out
                    )
                case part:
                    # With `tail` SkyServe does not follow (sky/serve/serve_utils.py,
                    # stream_serve_process_logs).
                    sky.serve.tail_logs(
                        log.name,
                        target=_TARGETS[part],
                        replica_id=log.number,
                        follow=follow,
                        output_stream=out,
                        tail=None if follow else lines,
                    )

        self._look(ask, seconds=LONGEST_SECONDS if follow else 120)


class _Lines(io.TextIOBase):
    """A file that hands on each line that is written to it. The SDK writes whole lines only."""

    def __init__(self, write: Callable[[str], object]) -> None:
        self._write = write
        self._rest = ""

    def write(self, text: str) -> int:
        """Hand on the lines that are whole, and keep the rest."""
        *lines, self._rest = f"{self._rest}{text}".split("\n")
        for line in lines:
            self._write(line)
        return len(text)


def _pass_on(part: LogPart, write: Callable[[str], object], line: str) -> None:
    """Write a line without colours, and without what SkyPilot writes around those of a job."""
    text = _COLOUR.sub("", line).rstrip()
    if part is LogPart.JOB:
        text = JOB_PREFIX.sub("", text)
        if JOB_FRAME.match(text):
            return
    if text:
        write(text)
