"""The `service:` section of a task, as keys of a deployment."""

import typing
from collections.abc import Iterator, Mapping

from .... import spec
from . import remarks

KeyOrRemark = tuple[str, object] | remarks.Remark

PROBE = spec.mapping.below("service.readiness_probe", "readinessProbe")
POLICY = spec.mapping.below("service.replica_policy", "replicas")
"""SkyPilot's keys, and the keys of a deployment for them."""

ASKED = ("path", "post_data", "headers")
"""Keys of the probe's request, which a deployment may have to replace."""

SPOT_POLICY = tuple(spec.mapping.below("service.replica_policy", "spot"))
SECTION = ("readiness_probe", "replicas", "replica_policy", "load_balancer", "tls", "ports")
"""Keys with code of their own."""

OPEN_PATHS = ("/health", "/ping", "/version", "/metrics", "/load")
"""Paths that vLLM answers without an API key (vllm/entrypoints/serve)."""


def probe(service: Mapping[str, typing.Any]) -> Mapping[str, typing.Any]:
    """Return the readiness probe as a table; SkyServe's default path is /."""
    written = service.get("readiness_probe") or "/"
    return {"path": written} if isinstance(written, str) else dict(written)


def policy(service: Mapping[str, typing.Any]) -> Mapping[str, typing.Any]:
    """Return the replica policy as a table, from either form."""
    if service.get("replica_policy"):
        return dict(service["replica_policy"])
    return {"min_replicas": service.get("replicas", 1)}


def targets(written: Mapping[str, typing.Any]) -> dict[str, typing.Any]:
    """Return the targets by GPU name; SkyServe ignores the number of GPUs.

    See sky/serve/autoscalers.py, InstanceAwareRequestRateAutoscaler._get_target_qps_for_gpu_type.
    """
    table: dict[str, typing.Any] = {}
    for gpu, target in written.items():
        table.setdefault(str(gpu).partition(":")[0], target)
    return table


def keys(service: Mapping[str, typing.Any]) -> Iterator[KeyOrRemark]:
    """Yield the keys of a deployment for the section, and remarks on the rest."""
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


def _replicas(written: Mapping[str, typing.Any]) -> Iterator[KeyOrRemark]:
    for key in sorted(written.keys() - {*POLICY, *SPOT_POLICY}):
        yield remarks.lost(f"service.replica_policy.{key}", "a deployment has no such key")
    table = {POLICY[key]: value for key, value in written.items() if key in POLICY}
    table = {key: value for key, value in table.items() if value is not None}
    table.setdefault("max", table["min"])
    if isinstance(table.get("targetQps"), Mapping):
        table["targetQps"] = targets(table["targetQps"])
    scaled = table.get("targetQps") is not None
    if not scaled:
        for key in ("upscaleDelay", "downscaleDelay"):
            table.pop(key, None)  # without a target SkyServe does not scale either
    fixed = table.keys() == {"min", "max"} and table["min"] == table["max"]
    yield "replicas", table["min"] if fixed else table


def _load_balancing(service: Mapping[str, typing.Any]) -> Iterator[KeyOrRemark]:
    table = {
        "policy": service.get("load_balancing_policy"),
        "streamTimeout": (service.get("load_balancer") or {}).get("stream_timeout_seconds"),
    }
    if isinstance(policy(service).get("target_qps_per_replica"), Mapping):
        table.pop("policy")  # the table of targets determines it
    table = {key: value for key, value in table.items() if value is not None}
    if table:
        yield "loadBalancing", table


def _probe(written: Mapping[str, typing.Any]) -> Iterator[KeyOrRemark]:
    for key in sorted(written.keys() - PROBE.keys()):
        yield remarks.lost(f"service.readiness_probe.{key}", "a deployment has no such key")
    table = {
        PROBE[key]: value for key, value in written.items() if key in PROBE and key not in ASKED
    }
    if written["path"] in OPEN_PATHS:
        if written["path"] != "/health":
            table["path"] = written["path"]
        for key in ("post_data", "headers"):
            if written.get(key):
                table[PROBE[key]] = written[key]
    else:
        beside = [key for key in ("post_data", "headers") if written.get(key)]
        yield remarks.differs(
            "service.readiness_probe",
            f"/health is asked instead of {written['path']}"
            + (f" with {' and '.join(beside)}" if beside else "")
            + ": clients need a key, and SkyServe's probe has none",
        )
    table = {key: value for key, value in table.items() if value is not None}
    if table:
        yield "readinessProbe", table
