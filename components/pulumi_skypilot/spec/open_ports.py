"""The ports beside vLLM's that SkyPilot opens on each machine."""

import re
from collections.abc import Sequence

from .. import errors
from . import readers

VLLM = 8000
"""The port of vLLM, which is always open."""

LARGEST = 65535

INTERNAL = {
    22: "SSH, which SkyPilot opens itself",
    6380: "Ray on a SkyPilot machine, and runs code for everyone who reaches it",
    8076: "Ray on a SkyPilot machine, and hands out what it holds",
    8266: "Ray's dashboard on a SkyPilot machine, and runs code for everyone who reaches it",
    10022: "SSH into SkyPilot's container",
    29501: "what the machines of one vLLM agree on, and has no key",
    29550: "what the copies of one vLLM agree on, and has no key",
    46590: "SkyPilot's own agent, and has no key",
}
"""Ports that other servers on the machine have: sky/skylet/constants.py (SKY_REMOTE_RAY_PORT,
SKY_REMOTE_RAY_DASHBOARD_PORT, SKYLET_GRPC_PORT, DEFAULT_DOCKER_PORT), sky/provision/
instance_setup.py (object-manager-port), vllm/config/parallel.py (master_port,
data_parallel_rpc_port)."""

_EXAMPLE = "9000, or a list such as [9000, 9100-9110]"
_RANGE = re.compile(r"(\d{1,5})(?: ?- ?(\d{1,5}))?")


def ports(value: object) -> tuple[int | str, ...]:
    """Return the ports as numbers and ranges FIRST-LAST, as SkyPilot takes them."""
    items = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
    ranges = [_range(item) for item in items]
    taken: set[int] = set()
    for first, last in ranges:
        twice = taken & set(range(first, last + 1))
        if twice:
            raise errors.ValueRefused(f"{min(twice)} is named twice; name each port once")
        taken |= set(range(first, last + 1))
    return tuple(first if first == last else f"{first}-{last}" for first, last in ranges)


def _range(value: object) -> tuple[int, int]:
    text = str(readers.plain(value)).strip()
    match = _RANGE.fullmatch(text) if not isinstance(value, bool) else None
    if match is None:
        raise errors.ValueRefused(f"{readers.shown(value)} is no port; write {_EXAMPLE}")
    first, last = int(match[1]), int(match[2] or match[1])
    if not 1 <= first <= last <= LARGEST:
        raise errors.ValueRefused(
            f"{text} is no port; write numbers from 1 to {LARGEST}, the smaller one first"
        )
    if first <= VLLM <= last:
        raise errors.ValueRefused(f"{VLLM} is vLLM's own port, which is open already; leave it out")
    for port, what in INTERNAL.items():
        if first <= port <= last:
            raise errors.ValueRefused(f"{port} belongs to {what}; leave it out")
    return first, last
