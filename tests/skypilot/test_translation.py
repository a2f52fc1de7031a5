"""The meaning of Python's own errors, which SkyPilot's client raises too."""

import pytest

from pulumi_skypilot import errors, skypilot
from pulumi_skypilot.skypilot import translation

URL = "http://sky.test:46580"


@pytest.mark.parametrize(
    ("said", "meaning"),
    [
        ("Failed to fetch services", errors.Unreachable),
        ("Failed to refresh services status due to network error.", errors.Unreachable),
        ("Cannot find service 'x'.", errors.NotFound),
        ("Failed to wait for service initialization. Please", errors.NotStarted),
        ("something else", errors.Failed),
        # The word alone says nothing.
        ("Failed to sync credentials.db: No space left on device", errors.Failed),
    ],
)
def test_an_error_of_pythons_own_is_told_by_its_words(said, meaning):
    error = translation.meaning(RuntimeError(said), URL, None)
    assert type(error) is meaning
    assert "\n" not in str(error)


def test_colours_and_line_breaks_are_cleaned():
    assert skypilot.clean("\x1b[33mCluster\n  gone\x1b[0m") == "Cluster gone"
