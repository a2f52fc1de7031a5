"""What SkyPilot says through the port at a moment of a scenario, as a table that two runs share.

The record, `tests/contract.json`, was written by the real one (RECORD=1); both are held to it,
field by field. What must differ from run to run is replaced: names by NAME, addresses by ADDRESS,
ids by HASH, and a time by whether it was within the last hour. Of a task's text the last line
counts, which is the mark.
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
"""Fields whose values are each run's own; what counts is that there is one."""

Table = dict[str, typing.Any]


def of_service(sky: interface.SkyPilot, name: str, now: float) -> Table:
    """All that the port says of a service."""
    return _table(sky, name, now, service=sky.service(name))


def of_cluster(sky: interface.SkyPilot, name: str, now: float) -> Table:
    """All that the port says of a cluster, which has just been looked at, and of its jobs."""
    cluster = sky.cluster(name, fresh=False)
    jobs = sky.jobs(name) if cluster and cluster.status == "UP" else ()
    return _table(sky, name, now, cluster=cluster, jobs=jobs)


def _table(sky: interface.SkyPilot, name: str, now: float, **own: object) -> Table:
    machines = [one for one in sky.machines() if one.name.startswith(name)]
    found = {
        "server": sky.server(),
        "machines": sorted(machines, key=lambda one: one.name),
        **own,
    }
    return typing.cast(Table, _plain(found, "", name, now))


def recorded(scenario: str, moment: str) -> Table:
    return typing.cast(Table, json.loads(FILE.read_text())[scenario][moment])


def record(scenario: str, moment: str, table: Table) -> None:
    """Keep what the real one says; asked for by RECORD=1."""
    kept = json.loads(FILE.read_text()) if FILE.exists() else {}
    kept.setdefault(scenario, {})[moment] = table
    FILE.write_text(f"{json.dumps(kept, indent=1, sort_keys=True)}\n")


def recording() -> bool:
    return os.environ.get("RECORD") == "1"


def _plain(value: object, field: str, name: str, now: float) -> object:
    if dataclasses.is_dataclass(value):
        fields = {one.name: getattr(value, one.name) for one in dataclasses.fields(value)}
        return {key: _plain(one, key, name, now) for key, one in fields.items()}
    match value:
        case dict():
            return {str(key): _plain(one, "", name, now) for key, one in value.items()}
        case list() | tuple():
            return [_plain(one, "", name, now) for one in value]
        case str() if value:
            return _OWN.get(field) or _shared(field, value.replace(name, "NAME"))
        case float() | int() if field in _TIMES and abs(now - value) < 3600:
            return "within the hour"
    return value


def _shared(field: str, text: str) -> str:
    """The last line, without what is each run's own; a cluster's text SkyPilot writes anew."""
    line = text.splitlines()[-1]
    if field == "text" and not line.startswith("# pulumi-skypilot"):
        return "TEXT"
    for pattern, word in _OWN_PARTS:
        line = pattern.sub(word, line)
    return re.sub(r" text=\S+$", " text=HASH", line)
