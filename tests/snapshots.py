"""The answers of SkyPilot at a moment of a scenario, as a table that two runs share.

The real SkyPilot wrote the record of each cloud, `tests/contract.json` (RECORD=1). Both the real
one and the fake are compared with it, field by field. What must differ from run to run is replaced:
names by NAME, addresses by ADDRESS, ids by HASH, and a time by whether it was within the last hour.
Of a task's text only the last line counts, which is the mark.
"""

import dataclasses
import json
import os
import pathlib
import re
import typing

from pulumi_skypilot.skypilot import interface

FILE = pathlib.Path(__file__).parent / "contract.json"
_OWN_PARTS = (
    (re.compile(r"\d+\.\d+\.\d+\.\d+:\d+"), "ADDRESS"),
    (re.compile(r"\b[0-9a-f]{24}\b"), "DIGEST"),
    (re.compile(r"\(us-east-1.?\)"), "(ZONE)"),
)
_TIMES = ("launched_at", "ended_at")
_OWN = {"hash": "HASH", "since": "HASH", "user": "USER", "url": "ADDRESS", "resources": "TEXT"}
"""Fields whose values differ from run to run: only their presence counts."""

Table = dict[str, typing.Any]


def of_service(sky: interface.SkyPilot, name: str, now: float) -> Table:
    """Return all that the port says of a service."""
    return _table(sky, name, now, service=sky.service(name))


def of_cluster(sky: interface.SkyPilot, name: str, now: float) -> Table:
    """Return all that the port says of a cluster that was just refreshed, and of its jobs."""
    cluster = sky.cluster(name, fresh=False)
    jobs = sky.jobs(name) if cluster and cluster.status == "UP" else ()
    return _table(sky, name, now, cluster=cluster, jobs=jobs)


def _table(sky: interface.SkyPilot, name: str, now: float, **own: object) -> Table:
    machines = [machine for machine in sky.machines() if machine.name.startswith(name)]
    table = {
        "server": sky.server(),
        "machines": sorted(machines, key=lambda machine: machine.name),
        **own,
    }
    return typing.cast(Table, _plain(table, "", name, now))


def recorded(where: tuple[str, str], moment: str) -> Table:
    """Return the record of a cloud's scenario at a moment."""
    cloud, scenario = where
    return typing.cast(Table, json.loads(FILE.read_text())[cloud][scenario][moment])


def record(where: tuple[str, str], moment: str, table: Table) -> None:
    """Keep the answers of the real SkyPilot, when RECORD=1 asks for it."""
    cloud, scenario = where
    kept = json.loads(FILE.read_text()) if FILE.exists() else {}
    kept.setdefault(cloud, {}).setdefault(scenario, {})[moment] = table
    FILE.write_text(f"{json.dumps(kept, indent=1, sort_keys=True)}\n")


def scenarios(cloud: str) -> dict[str, list[str]]:
    """Return the recorded scenarios of a cloud, each with its moments."""
    kept = json.loads(FILE.read_text())[cloud]
    return {scenario: sorted(moments) for scenario, moments in kept.items()}


def differences(
    first: typing.Any, second: typing.Any, path: str = ""
) -> typing.Iterator[tuple[str, typing.Any, typing.Any]]:
    """Yield where two tables differ: the path, and what each has there."""
    match first, second:
        case (dict(), dict()) if first.keys() == second.keys():
            for key in first:
                yield from differences(first[key], second[key], f"{path}.{key}".lstrip("."))
        case (list(), list()) if len(first) == len(second):
            for number, pair in enumerate(zip(first, second, strict=True)):
                yield from differences(*pair, f"{path}.{number}")
        case _ if first != second:
            yield path, first, second


def recording() -> bool:
    return os.environ.get("RECORD") == "1"


def _plain(value: object, field: str, name: str, now: float) -> object:
    if dataclasses.is_dataclass(value):
        value = {part.name: getattr(value, part.name) for part in dataclasses.fields(value)}
        return {key: _plain(item, key, name, now) for key, item in value.items()}
    match value:
        case dict():
            return {str(key): _plain(item, "", name, now) for key, item in value.items()}
        case list() | tuple():
            return [_plain(item, "", name, now) for item in value]
        case str() if value:
            return _OWN.get(field) or _shared(field, value.replace(name, "NAME"))
        case float() | int():
            return _number(field, value, now)
    return value


def _number(field: str, value: float, now: float) -> object:
    if field == "hourly":
        return "PRICE"
    return "within the hour" if field in _TIMES and abs(now - value) < 3600 else value


def _shared(field: str, text: str) -> str:
    """Return the last line, without what differs from run to run.

    SkyPilot writes a cluster's text itself, so that it counts as TEXT.
    """
    line = text.splitlines()[-1]
    if field == "text" and not line.startswith("# pulumi-skypilot"):
        return "TEXT"
    for pattern, word in _OWN_PARTS:
        line = pattern.sub(word, line)
    return re.sub(r" text=\S+$", " text=HASH", line)
