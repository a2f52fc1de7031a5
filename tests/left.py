"""The resources of tests/states, which earlier releases left, and their SkyPilot.

Pulumi is not needed.
"""

import copy
import dataclasses
import functools
import json
import typing

from pulumi_skypilot import providers, testing
from pulumi_skypilot.providers import dynamic_door
from tests import certificates
from tests.e2e import fake, recorded

Props = dict[str, typing.Any]
RELEASES = sorted(folder.name for folder in recorded.FOLDER.iterdir())
PEM = certificates.table()
_SECRET = "4dabf18193072939515e22adb298388d"
"""Pulumi's signature of an encrypted value, for which the passphrase is not needed."""


@dataclasses.dataclass(frozen=True)
class Left:
    """A service or a cluster in a state."""

    release: str
    kind: str
    id: str
    urn: str
    inputs: Props
    outs: Props

    def __str__(self) -> str:
        return f"{self.release}-{self.id}"

    def provider(self) -> dynamic_door.Provider:
        return {"Service": providers.ServiceProvider, "Cluster": providers.ClusterProvider}[
            self.kind
        ]()

    def sky(self) -> testing.SkyPilot:
        """Return the fake with what belongs to this resource, and nothing else."""
        sky = testing.SkyPilot()
        sky.enabled = frozenset({"aws", "gcp", "kubernetes"})
        fake.replay(sky, [line for line in _asked(self.release) if line["args"][0] == self.id])
        return sky

    def checked(self) -> Props:
        """Return what this release makes of the same inputs, as the next preview does."""
        result = self.provider().check(copy.deepcopy(self.inputs), copy.deepcopy(self.inputs))
        assert not result.failures, result.failures[0].reason
        return result.inputs


@functools.cache
def everything() -> tuple[Left, ...]:
    """Return all services and clusters in all recorded states."""
    return tuple(
        Left(
            release,
            resource["type"].rpartition(":")[2],
            resource["id"],
            resource["urn"],
            _plain(resource["inputs"], "inputs"),
            _plain(resource["outputs"], "outputs"),
        )
        for release in RELEASES
        for resource in json.loads((recorded.FOLDER / release / "state.json").read_text())[
            "deployment"
        ]["resources"]
        if resource["type"].endswith((":Service", ":Cluster"))
    )


@functools.cache
def _asked(release: str) -> tuple[Props, ...]:
    lines = (recorded.FOLDER / release / "asked.jsonl").read_text().splitlines()
    return tuple(json.loads(line) for line in lines)


def _plain(value: typing.Any, key: str) -> typing.Any:
    """Return a value of a state with a placeholder for each secret."""
    if not isinstance(value, dict):
        return value
    if _SECRET in value:
        return {
            "tls": PEM,
            "secrets": {"HF_TOKEN": "token"},
            "imageCredentials": {"server": "a.b", "username": "u", "password": "p"},
            "env": {"VLLM_LOGGING_LEVEL": "WARNING", "GREETING": "a"},
        }.get(key, f"sk-stand-in-{key}")
    return {name: _plain(item, name) for name, item in value.items()}
