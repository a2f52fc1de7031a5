"""The seconds that a wait for a model may take. Pure: previews quote them."""

from collections.abc import Mapping

from .. import spec

PROVISION_SECONDS = 900.0
"""Time for machines and images, on top of the probe's own initial delay: SkyPilot needs 1 to 5
minutes for a cloud machine and as much again to pull vLLM's image (8 GB)."""
START_SECONDS = 1200.0
"""Time for a model to be fetched and loaded on a cluster. It is SkyServe's default for a replica
(sky/serve/constants.py, DEFAULT_INITIAL_DELAY_SECONDS), since a cluster has no probe of its own."""


def timeout_seconds(wanted: spec.Spec) -> float:
    """Return the seconds to wait for a deployment: `timeouts.ready`, else to get and load it."""
    if wanted.timeouts.ready:
        return float(wanted.timeouts.ready)
    machine = PROVISION_SECONDS + _pending_seconds(wanted)
    if wanted.kind == "cluster":
        return machine + START_SECONDS
    return wanted.readiness_probe.initial_delay + machine


def restart_seconds(wanted: spec.Spec) -> float:
    """Return the most seconds that an update waits for the new server (`timeouts.update`)."""
    seconds, bound = timeout_seconds(wanted), wanted.timeouts.update
    return seconds if bound is None else min(seconds, bound)


def _pending_seconds(wanted: spec.Spec) -> float:
    """Return how long a pod may wait for a node that Kubernetes is still adding.

    SkyPilot's own wait is some seconds. A deployment that sets `provision_timeout` has an
    autoscaler that takes as long. Below 0 SkyPilot waits for ever: then `timeouts.ready` says it.
    """
    seconds = [
        section.get("provision_timeout")
        for section in (wanted.config.get(cloud) for cloud in ("kubernetes", "ssh"))
        if isinstance(section, Mapping)
    ]
    return max(
        (float(each) for each in seconds if isinstance(each, int | float) and each > 0), default=0.0
    )
