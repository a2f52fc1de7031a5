"""Single values: numbers and their units."""

import pytest

from pulumi_skypilot import spec
from tests.spec.parsing import parsed, refused


@pytest.mark.parametrize(
    ("key", "value", "size"),
    [
        ("memory", "64GB", 64), ("memory", "1Ti", 1024), ("memory", "1.5 TiB", 1536),
        ("memory", "64gi+", "64+"), ("memory", "512MB", 0.5), ("memory", 64, 64),
        ("disk", "512GB", 512), ("disk", "1Ti", 1024), ("disk", "2048Mi", 2), ("disk", "100", 100),
    ],
)  # fmt: skip
def test_a_size_may_have_its_unit(key: str, value: object, size: object) -> None:
    assert spec.to_inputs(parsed(**{key: value}))[key] == size


@pytest.mark.parametrize(
    ("key", "value", "line"),
    [
        ("memory", "64XB", '64XB is not GiB of memory; write a number, or "8+" for 8 or more'),
        ("disk", "1.5GB", "disk: 1.5GB is not a whole number; give GiB"),
        ("memory", "64 apples", 'write a number, or "8+" for 8 or more'),
        ("disk", "1MB", "disk: 1MB is not a whole number; give GiB"),
        ("context", "128k", "context: 128k is not a whole number; give tokens: 131072"),
        (
            "timeouts",
            {"ready": "1h"},
            "timeouts.ready: 1h is not a whole number; give seconds: 3600",
        ),
    ],
)
def test_a_number_with_a_unit_gets_the_number_to_write(key: str, value: object, line: str) -> None:
    assert refused(**{key: value}).endswith(line)
