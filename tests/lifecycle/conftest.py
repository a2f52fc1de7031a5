"""The life cycle of clusters, for each test that asks for it."""

import pytest

from pulumi_skypilot import testing
from pulumi_skypilot.lifecycle import clusters


@pytest.fixture
def made(sky: testing.SkyPilot) -> clusters.Clusters:
    """Return the life cycle over the SkyPilot in memory, in its own time."""
    return clusters.Clusters(sky, sky.clock)
