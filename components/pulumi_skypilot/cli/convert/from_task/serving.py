"""The `service:` section of a task, and the keys of a deployment that say it."""

import typing
from collections.abc import Iterator, Mapping

from .... import spec
from . import remarks

Found = tuple[str, object] | remarks.Remark

PROBE = spec.mapping.below("service.readiness_probe", "readinessProbe")
POLICY = spec.mapping.below("service.replica_policy", "replicas")
"""SkyPilot's keys, and a deployment's."""

ASKED = ("path", "post_data", "headers")
"""Keys of the probe that say what is asked: a deployment may have another answer."""

SPOT_POLICY = tuple(spec.mapping.below("service.replica_policy", "spot"))
SECTION = ("readiness_probe", "replicas", "replica_policy", "load_balancer", "tls", "ports")
"""Keys that are read one by one."""

OPEN_PATHS = ("/health", "/ping", "/version", "/metrics", "/load")
"""What vLLM answers without a key (vllm/entrypoints/serve)."""


def probe(service: Mapping[str, typing.Any]) -> Mapping[str, typing.Any]:
    """The readiness probe as a table; SkyServe asks / where there is none."""
    found = service.get("readiness_probe") or "/"
    return {"path": found} if isinstance(found, str) else dict(found)


def policy(service: Mapping[str, typing.Any]) -> Mapping[str, typing.Any]:
    """The replica policy as a table, whichever way it is written."""
    if service.get("replica_policy"):
        return dict(service["replica_policy"])
    return {"min_replicas": service.get("replicas", 1)}


def targets(found: Mapping[str, typing.Any]) -> dict[str, typing.Any]:
    """The targets by GPU; SkyServe heeds the name alone.

    See sky/serve/autoscalers.py, InstanceAwareRequestRateAutoscaler._get_target_qps_for_gpu_type.
    """
    table: dict[str, typing.Any] = {}
    for gpu, target in found.items():
        table.setdefault(str(gpu).partition(":")[0], target)
    return table


def keys(service: Mapping[str, typing.Any]) -> Iterator[Found]:
    """What a deployment says of the section, and what it cannot say."""
    for key in sorted(service.keys() - {*SECTION, "load_balancing_policy"}):
        yield remarks.lost(f"service.{key}", "a deployment has no such key")
    yield from _replicas(policy(service))
    yield from _load_balancing(service)
    yield from _probe(probe(service))
    if service.get("tls"):
        yield "tls", {"certificate": "tlsCertificate", "key": "tlsKey"}
        for name, file in (("tlsCertificate", "certfile"), ("tlsKey", "keyfile")):
            yield remarks.to_do(
                f"service.tls.{file}",
                f"pulumi config set --secret {name} < the PEM file that it names",
            )


def _replicas(found: Mapping[str, typing.Any]) -> Iterator[Found]:
    for key in sorted(found.keys() - {*POLICY, *SPOT_POLICY}):
        yield remarks.lost(f"service.replica_policy.{key}", "a deployment has no such key")
    table = {POLICY[key]: value for key, value in found.items() if key in POLICY}
    table = {key: value for key, value in table.items() if value is not None}
    table.setdefault("max", table["min"])
    if isinstance(table.get("targetQps"), Mapping):
        table["targetQps"] = targets(table["targetQps"])
    scaled = table.get("targetQps") is not None
    if not scaled:
        for key in ("upscaleDelay", "downscaleDelay"):
            table.pop(key, None)  # nothing is scaled, in SkyServe neither
    fixed = table.keys() == {"min", "max"} and table["min"] == table["max"]
    yield "replicas", table["min"] if fixed else table


def _load_balancing(service: Mapping[str, typing.Any]) -> Iterator[Found]:
    table = {
        "policy": service.get("load_balancing_policy"),
        "streamTimeout": (service.get("load_balancer") or {}).get("stream_timeout_seconds"),
    }
    if isinstance(policy(service).get("target_qps_per_replica"), Mapping):
        table.pop("policy")  # the table of targets chooses it
    table = {key: value for key, value in table.items() if value is not None}
    if table:
        yield "loadBalancing", table


def _probe(found: Mapping[str, typing.Any]) -> Iterator[Found]:
    for key in sorted(found.keys() - PROBE.keys()):
        yield remarks.lost(f"service.readiness_probe.{key}", "a deployment has no such key")
    table = {PROBE[key]: value for key, value in found.items() if key in PROBE and key not in ASKED}
    if found["path"] in OPEN_PATHS:
        if found["path"] != "/health":
            table["path"] = found["path"]
        for key in ("post_data", "headers"):
            if found.get(key):
                table[PROBE[key]] = found[key]
    else:
        beside = [key for key in ("post_data", "headers") if found.get(key)]
        yield remarks.differs(
            "service.readiness_probe",
            f"/health is asked instead of {found['path']}"
            + (f" with {' and '.join(beside)}" if beside else "")
            + ": clients need a key, and SkyServe's probe has none",
        )
    table = {key: value for key, value in table.items() if value is not None}
    if table:
        yield "readinessProbe", table
