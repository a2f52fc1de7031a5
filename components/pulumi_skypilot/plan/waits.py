"""The seconds that a wait for a model may take. Pure: previews quote them."""

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
    if wanted.kind == "cluster":
        return PROVISION_SECONDS + START_SECONDS
    return wanted.readiness_probe.initial_delay + PROVISION_SECONDS


def restart_seconds(wanted: spec.Spec) -> float:
    """Return the most seconds that an update waits for the new server (`timeouts.update`)."""
    seconds, bound = timeout_seconds(wanted), wanted.timeouts.update
    return seconds if bound is None else min(seconds, bound)
