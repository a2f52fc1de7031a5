"""`python -m local.supervisor`: splits into the process that reaps and the one that works."""

import argparse
import logging
import os
import pathlib
import signal
import sys
from typing import NoReturn

from .. import locations


def main() -> None:
    """Fork: the parent reaps, the child brings the cloud up and watches it."""
    options = _options()
    location = locations.Location(options.name, options.net, options.cache)
    worker = os.fork()
    if worker:
        _reap_until_gone(worker)
    logging.basicConfig(format="%(asctime)s %(name)s: %(message)s", level=logging.INFO)
    try:
        # Late: the process that reaps, this one's parent, stays small.
        from . import tree  # noqa: PLC0415

        supervisor = tree.Supervisor(
            *(location, options.cloud, options.engine, options.layer, options.controller)
        )
        supervisor.start()
    except Exception as error:
        logging.getLogger("supervisor").exception("start")
        location.failure.write_text(f"{error}\n")  # `start` says it
        sys.exit(1)
    supervisor.watch()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--name", required=True)
    parser.add_argument("--net", required=True)
    parser.add_argument("--cache", required=True, type=pathlib.Path)
    parser.add_argument("--cloud", required=True)
    parser.add_argument("--engine", required=True)
    parser.add_argument("--controller", required=True)
    parser.add_argument("--layer", required=True, type=pathlib.Path, action="append")
    return parser.parse_args()


def _reap_until_gone(worker: int) -> NoReturn:
    """Do PID 1's duties: bury orphans (SkyPilot leaves some), heed SIGTERM."""
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    while True:
        pid, status = os.wait()
        if pid == worker:
            os._exit(os.waitstatus_to_exitcode(status) & 0xFF)


if __name__ == "__main__":
    main()
