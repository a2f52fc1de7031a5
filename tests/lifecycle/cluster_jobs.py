"""The jobs and launches of the cluster that the tests make."""

from pulumi_skypilot import testing
from pulumi_skypilot.lifecycle import marker
from tests.wanted import CLUSTER as NAME


def jobs(sky: testing.SkyPilot) -> list[tuple[str | None, str]]:
    """Return the digests and states of the cluster's jobs, the newest first."""
    return [(marker.read_job(job.name)[1], job.status) for job in sky.jobs(NAME)]


def launches(sky: testing.SkyPilot) -> int:
    return sky.calls.count(f"launch {NAME}")
