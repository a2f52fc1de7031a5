"""Every property of a deployment, and a change of it for a service and for a cluster."""

import dataclasses
import typing
from collections.abc import Mapping

from pulumi_skypilot.plan.changes import Effect
from tests import certificates
from tests.setting_cases import CASES, PODS

Table = dict[str, typing.Any]

BASE: Table = {"model": "openai/gpt-oss-20b", "accelerators": "H100:1", "infra": "aws"}
PEM: Table = certificates.table()
PARALLEL: Table = {"accelerators": "L4:4", "pipelineParallel": 1, "tensorParallel": 4}
OTHERS: tuple[tuple[str, Table], ...] = (
    ("infra", {"infra": "gcp"}),
    ("tensorParallel", PARALLEL),
    ("pipelineParallel", {**PARALLEL, "pipelineParallel": 4, "tensorParallel": 1}),
    ("tls", {"tls": PEM}),
)
"""Properties whose value in the test of the settings is no change, or no real value."""
LEFT_OUT: Mapping[str, str] = {
    "kind": "a service and a cluster are two resources",
    "timeouts": "they bound calls and reach no task",
    "host": "it changes the endpoint of clients only",
    "updateMode": "it chooses the way of an update and is no part of the result",
}
"""Properties whose change changes no task, and why."""

IN_PLACE, ROLLING = Effect.IN_PLACE, Effect.ROLLING
RESTART, REPLACE, NONE = Effect.RESTART, Effect.REPLACE, None
EFFECTS: Mapping[str, tuple[Effect | None, Effect | None]] = {
    # the property: what a change does to a service, to a cluster (NONE: that kind lacks it)
    "model": (ROLLING, RESTART),
    "revision": (ROLLING, RESTART),
    "servedName": (ROLLING, RESTART),
    "accelerators": (ROLLING, REPLACE),
    "nodes": (ROLLING, REPLACE),
    "cpus": (ROLLING, REPLACE),
    "memory": (ROLLING, REPLACE),
    "instanceType": (ROLLING, REPLACE),
    "infra": (ROLLING, REPLACE),
    "maxHourlyCost": (ROLLING, REPLACE),
    "ports": (ROLLING, REPLACE),
    "spot": (ROLLING, REPLACE),
    "spot.fallback": (ROLLING, NONE),
    "spot.onDemand": (ROLLING, NONE),
    "spot.placer": (REPLACE, NONE),
    "context": (ROLLING, RESTART),
    "tensorParallel": (ROLLING, RESTART),
    "pipelineParallel": (ROLLING, RESTART),
    "trustRemoteCode": (ROLLING, RESTART),
    "dtype": (ROLLING, RESTART),
    "quantization": (ROLLING, RESTART),
    "kvCacheDtype": (ROLLING, RESTART),
    "maxSequences": (ROLLING, RESTART),
    "maxBatchedTokens": (ROLLING, RESTART),
    "modelTask": (ROLLING, RESTART),
    "lora.adapters": (ROLLING, RESTART),
    "lora.maxRank": (ROLLING, RESTART),
    "lora.maxLoaded": (ROLLING, RESTART),
    "speculation.method": (ROLLING, RESTART),
    "speculation.model": (ROLLING, RESTART),
    "speculation.tokens": (ROLLING, RESTART),
    "perPrompt": (ROLLING, RESTART),
    "optimize": (ROLLING, RESTART),
    "tools": (ROLLING, RESTART),
    "toolServer": (ROLLING, RESTART),
    "reasoningParser": (ROLLING, RESTART),
    "reasoningEffort": (ROLLING, RESTART),
    "vllmArgs": (ROLLING, RESTART),
    "env": (ROLLING, RESTART),
    "secrets": (ROLLING, RESTART),
    "auth": (ROLLING, RESTART),
    "image": (ROLLING, REPLACE),
    "imageCredentials.server": (ROLLING, RESTART),
    "imageCredentials.username": (ROLLING, RESTART),
    "imageCredentials.password": (ROLLING, RESTART),
    "setup": (ROLLING, RESTART),
    "workdir.path": (ROLLING, RESTART),
    "workdir.digest": (ROLLING, RESTART),
    "workdir.url": (ROLLING, RESTART),
    "workdir.ref": (ROLLING, RESTART),
    "disk": (ROLLING, REPLACE),
    "diskTier": (ROLLING, REPLACE),
    "networkTier": (ROLLING, REPLACE),
    "volumes": (ROLLING, REPLACE),
    "mounts.source": (ROLLING, RESTART),
    "mounts.mode": (ROLLING, RESTART),
    "modelCache": (ROLLING, RESTART),
    "labels": (ROLLING, REPLACE),
    "config": (ROLLING, REPLACE),
    **{f"pod.{key}": (ROLLING, REPLACE) for key, *_ in PODS},
    "replicas.min": (IN_PLACE, NONE),
    "replicas.max": (IN_PLACE, NONE),
    "replicas.targetQps": (IN_PLACE, NONE),
    "replicas.upscaleDelay": (IN_PLACE, NONE),
    "replicas.downscaleDelay": (IN_PLACE, NONE),
    "replicas.overprovision": (REPLACE, NONE),
    "loadBalancing.policy": (REPLACE, NONE),
    "loadBalancing.streamTimeout": (REPLACE, NONE),
    "readinessProbe.path": (ROLLING, NONE),
    "readinessProbe.initialDelay": (IN_PLACE, NONE),
    "readinessProbe.timeout": (IN_PLACE, NONE),
    "readinessProbe.interval": (IN_PLACE, NONE),
    "readinessProbe.failureTimeout": (IN_PLACE, NONE),
    "readinessProbe.postData": (ROLLING, NONE),
    "readinessProbe.headers": (IN_PLACE, NONE),
    "autostop.idle": (NONE, RESTART),
    "autostop.then": (NONE, RESTART),
    "tls": (REPLACE, NONE),
}
"""The effects are written down, not computed by the code under test."""


@dataclasses.dataclass(frozen=True)
class Change:
    """A deployment before and after one of its properties has changed."""

    name: str
    kind: str
    before: Table
    after: Table
    effect: Effect

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"

    @property
    def does(self) -> tuple[str, ...]:
        """Return Pulumi's operations on the resource."""
        return ("delete", "create") if self.effect is Effect.REPLACE else ("update",)


TABLES: Mapping[str, Table] = {
    # The first case of a property is the one that is tried.
    **dict(reversed([(name, table) for name, table, _, _ in CASES])),
    **dict(OTHERS),
}


def sides(name: str, kind: str) -> tuple[Table, Table]:
    """Return a deployment before and after a change of that property."""
    table = {key: value for key, value in TABLES[name].items() if key != "kind"}
    # Other properties that this one needs are there before, too.
    needed = {key: value for key, value in table.items() if key != name.partition(".")[0]}
    before = {**BASE, "kind": kind, **needed}
    after = {**BASE, "kind": kind, **table}
    if name in ("tensorParallel", "pipelineParallel"):
        before |= {
            "tensorParallel": after["pipelineParallel"],
            "pipelineParallel": after["tensorParallel"],
        }
    return before, after


CHANGES = tuple(
    Change(name, kind, *sides(name, kind), effect)
    for number, kind in enumerate(("service", "cluster"))
    for name, effects in EFFECTS.items()
    if (effect := effects[number]) is not None
)
