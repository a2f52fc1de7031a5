"""A stack as a release recorded it, behind a `pulumi` that tells its state, and its SkyPilot."""

import json
import pathlib
import stat
import time
import typing

from pulumi_skypilot import testing
from tests.e2e import fake

FOLDER = pathlib.Path(__file__).parents[1] / "states" / "0.2.0.dev2"
KEY = "sk-0123456789abcdef"
_SECRET = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270"}

PULUMI = """\
#!/bin/sh
cd {folder}
echo "$@" >> asked
case "$1 $2 $3" in
  "stack export --show-secrets") cat shown.json;;
  "stack export"*) cat sealed.json;;
  "version"*) echo v3.259.0;;
  *) exit 255;;
esac
"""

Table = dict[str, typing.Any]


class Stack:
    """The services chat, inner, open, sealed and turned, and the clusters lab and pair."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        command = folder / "pulumi"
        command.write_text(PULUMI.format(folder=folder))
        command.chmod(stat.S_IRWXU)
        self.export: Table = json.loads((FOLDER / "state.json").read_text())
        self.write()

    def resources(self, key: str) -> list[Table]:
        """Return the resources of a deployment."""
        listed: list[Table] = self.export["deployment"]["resources"]
        return [one for one in listed if one["urn"].endswith(f"::{key}") and one.get("outputs")]

    def serve(self, key: str, endpoint: str, **props: object) -> None:
        """Let a deployment answer at an endpoint, with other properties."""
        for resource in self.resources(key):
            resource["outputs"] |= {"endpoint": endpoint, **props}
        self.write()

    def write(self) -> None:
        """Write the state for the command to tell, without and with its secrets."""
        (self.folder / "sealed.json").write_text(json.dumps(self.export))
        (self.folder / "shown.json").write_text(json.dumps(_shown(self.export, "")))

    def asked(self) -> str:
        """Return the arguments of all calls of the command."""
        file = self.folder / "asked"
        return file.read_text() if file.exists() else ""


def server() -> testing.SkyPilot:
    """Return the SkyPilot that the release left, an hour later."""
    sky = fake.read(FOLDER / "asked.jsonl")
    # People read ages by the machine's clock.
    shift = time.time() - sky.clock.seconds
    sky.clock.seconds += shift
    for service in sky._services.values():
        for replica in service.replicas:
            replica.since += shift
    for cluster in sky._clusters.values():
        cluster.launched_at += shift
    return sky


def _shown(value: object, key: str) -> object:
    """Return a state with stand-ins for the values of its secrets."""
    if isinstance(value, dict):
        if _SECRET.items() <= value.items():
            text: object = KEY if key in ("apiKey", "earlierKey") else None
            return {**_SECRET, "plaintext": json.dumps(text)}
        return {name: _shown(item, name) for name, item in value.items()}
    return [_shown(item, key) for item in value] if isinstance(value, list) else value
