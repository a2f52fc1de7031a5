"""How long a wait for a model may take, in seconds. Pure: previews quote what the waits keep to."""

from .. import spec

PROVISION_SECONDS = 900.0
"""Time for machines and images, on top of the probe's own initial delay: SkyPilot needs 1 to 5
minutes for a cloud machine and as much again to pull vLLM's image (8 GB)."""
START_SECONDS = 1200.0
"""Time for a model to be fetched and loaded on a cluster, as SkyServe's probe gives a replica."""


def timeout_seconds(wanted: spec.Spec) -> float:
    """Return how long to wait for a deployment: `timeouts.ready`, else time to get and load it."""
    if wanted.timeouts.ready:
        return float(wanted.timeouts.ready)
    if wanted.kind == "cluster":
        return PROVISION_SECONDS + START_SECONDS
    return wanted.readiness_probe.initial_delay + PROVISION_SECONDS


def restart_seconds(wanted: spec.Spec) -> float:
    """Return how long an update waits for the new server at the most, within `timeouts.update`."""
    seconds, bound = timeout_seconds(wanted), wanted.timeouts.update
    return seconds if bound is None else min(seconds, bound)
