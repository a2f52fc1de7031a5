"""The file of a GPU that a project describes itself."""

import re

import pytest

from pulumi_skypilot import catalog
from pulumi_skypilot.catalog import own_gpus


def read(text: str) -> catalog.GpuFacts:
    return own_gpus.facts("L20", text, catalog.builtin_gpus().values())


@pytest.mark.parametrize(
    ("able", "family"),
    [
        ((8, 9), "ada"),
        ((8, 7), "ampere"),
        ((9, 0), "hopper"),
        ((10, 3), "blackwell"),
        ((12, 1), "blackwell-rtx"),
        ((7, 2), "volta"),
        ((3, 5), "unknown"),
        ((13, 0), "unknown"),
    ],
)
def test_the_family_is_that_of_the_nearest_lower_capability(
    able: tuple[int, int], family: str
) -> None:
    assert own_gpus.family(able, catalog.builtin_gpus().values()) == family


def test_what_is_written_is_read() -> None:
    text = own_gpus.text(
        {"memory_gib": 48, "compute_capability": (8, 9), "usable_gib": 44.42, "source": 'a "b" \\'}
    )
    facts = read(text)
    assert (facts.name, facts.vendor, facts.family) == ("L20", "nvidia", "ada")
    assert (facts.memory_gib, facts.compute_capability) == (48, (8, 9))
    assert facts.usable_bytes == facts.offered_bytes == int(44.42 * 2**30)


def test_without_a_measurement_as_little_is_offered_as_by_any_card() -> None:
    facts = read("memory_gib = 48\ncompute_capability = [8, 9]\n")
    assert facts.usable_bytes is None
    assert facts.offered_bytes == int(48 * 2**30 * 0.91)


def test_amds_have_a_family() -> None:
    facts = read('memory_gib = 192\namd_family = "cdna3"\n')
    assert (facts.vendor, facts.family, facts.compute_capability) == ("amd", "cdna3", None)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "memory_gib: expected whole GiB, such as 48"),
        ("memory_gib = 48.5", "memory_gib: expected whole GiB, such as 48"),
        ("memory_gib = true", "memory_gib: expected whole GiB, such as 48"),
        ("memory_gib = 48\nmemory = 3", "memory: unknown key; memory_gib, compute_capability"),
        ("memory_gib = 48", "give compute_capability of NVIDIA's GPU, such as [8, 9], or"),
        ('memory_gib = 48\ncompute_capability = [8, 9]\namd_family = "cdna3"', "give compute_"),
        ("memory_gib = 48\ncompute_capability = 8.9", "compute_capability: expected two whole"),
        ('memory_gib = 48\namd_family = "rdna4"', "amd_family: expected one of cdna2, cdna3"),
        ("memory_gib = 48\ncompute_capability = [8, 9]\nusable_gib = 50", "usable_gib: expected"),
        ("memory_gib =", "Invalid value"),
    ],
)
def test_a_file_that_is_wrong_names_its_key(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=re.escape(reason)):
        read(text)
