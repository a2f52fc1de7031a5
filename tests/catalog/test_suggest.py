import pytest

from pulumi_skypilot.catalog import suggest


@pytest.mark.parametrize(
    ("word", "known", "expected"),
    [
        ("h100", ["H100", "H200"], "H100"),
        ("H10", ["H100", "L4"], "H100"),
        ("contxt", ["context", "cpus"], "context"),
        ("zzz", ["context", "cpus"], None),
        ("zzz", [], None),
        ("ports", ["spot", "cpus"], None),
        ("asw", ["gcp", "aws"], "aws"),
    ],
)
def test_the_nearest_word_is_found(word: str, known: list[str], expected: str | None) -> None:
    assert suggest.nearest(word, known) == expected


def test_a_far_word_gets_the_whole_list() -> None:
    assert suggest.did_you_mean("zzz", ["b", "a"], "see there") == "known are a, b"


def test_a_far_word_gets_no_list_that_is_too_long_to_read() -> None:
    known = [f"gpu-{number}" for number in range(13)]
    assert suggest.did_you_mean("zzz", known, "see there") == "see there"
