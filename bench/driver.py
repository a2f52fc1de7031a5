"""The changes that a soak makes: drawn at random, and the same ones for the same seed."""

import dataclasses
import random
import typing
from collections.abc import Iterator, Mapping

NAMES = ("ant", "bee", "cow", "doe")
"""The services."""
CONTEXTS = (2048, 4096)
TARGETS = (10, 20, 30)
"""Queries a second and replica, far above what is asked: the autoscaler keeps to the minimum."""

Settings = Mapping[str, typing.Any]
FIRST: Settings = {"context": CONTEXTS[0], "greeting": "hello", "min": 1, "target": TARGETS[0]}
ROLLS = frozenset({"context", "greeting"})
"""What starts new replicas; the rest changes the scaling alone."""


@dataclasses.dataclass(frozen=True)
class Change:
    """One setting of one service gets another value."""

    service: str
    setting: str
    value: object


def steps(seed: int) -> Iterator[tuple[Change, ...]]:
    """Yield changes without end, of one service at a time or of two at once.

    At most one service has two replicas, so that the whole fits one machine.
    """
    draw = random.Random(seed)  # noqa: S311 - nothing secret
    now = {name: dict(FIRST) for name in NAMES}
    while True:
        step = []
        for name in draw.sample(NAMES, draw.choice((1, 1, 2))):
            change = _change(draw, now, name)
            now[name][change.setting] = change.value
            step.append(change)
        yield tuple(step)


def deployment(settings: Settings) -> dict[str, typing.Any]:
    """Return the service of those settings, as a stack file has it."""
    return {
        "model": "openai/gpt-oss-20b",
        "cpus": 2,
        "memory": 8,
        "infra": "aws",
        "context": settings["context"],
        "env": {"GREETING": settings["greeting"]},
        "apiKey": "soakKey",
        "replicas": {
            "min": settings["min"],
            "max": 2,
            "targetQps": settings["target"],
            "downscaleDelay": 20,
        },
        "readinessProbe": {"initialDelay": 300},
    }


def _change(draw: random.Random, now: Mapping[str, Settings], name: str) -> Change:
    setting = draw.choice(tuple(FIRST))
    mine = now[name]
    if setting == "min" and mine["min"] == 1 and any(wanted["min"] == 2 for wanted in now.values()):
        setting = "target"
    values: dict[str, list[object]] = {
        "context": list(CONTEXTS),
        "greeting": [f"hello {draw.randrange(10**6)}"],
        "min": [1, 2],
        "target": list(TARGETS),
    }
    return Change(name, setting, draw.choice([v for v in values[setting] if v != mine[setting]]))
