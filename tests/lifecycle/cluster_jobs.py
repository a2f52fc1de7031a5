"""The jobs and launches of the cluster that the tests make."""

from pulumi_skypilot import testing
from pulumi_skypilot.lifecycle import marker
from tests.wanted import CLUSTER as NAME


def jobs(sky: testing.SkyPilot) -> list[tuple[str | None, str]]:
    """The digests and states of the cluster's jobs, the newest first."""
    return [(marker.read_job(one.name)[1], one.status) for one in sky.jobs(NAME)]


def launches(sky: testing.SkyPilot) -> int:
    return sky.calls.count(f"launch {NAME}")
