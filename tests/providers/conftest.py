"""The fake in the place of SkyPilot, and the providers over it."""

from collections.abc import Iterator

import pytest

from pulumi_skypilot import providers, testing


@pytest.fixture
def sky() -> Iterator[testing.SkyPilot]:
    with testing.use(testing.SkyPilot()) as fake:
        yield fake


@pytest.fixture
def service() -> providers.ServiceProvider:
    return providers.ServiceProvider()


@pytest.fixture
def cluster() -> providers.ClusterProvider:
    return providers.ClusterProvider()
