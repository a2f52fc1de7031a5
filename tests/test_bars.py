"""The bar of a GPU's memory."""

from hypothesis import given
from hypothesis import strategies as st

from pulumi_skypilot import bars


def test_parts_are_drawn_in_proportion():
    assert bars.bar([("w", 20), ("k", 10)], 40, width=8) == "wwwwkk··"


def test_a_small_part_is_still_seen():
    assert bars.bar([("w", 20), ("a", 0.01)], 40, width=8) == "wwwwa···"


def test_what_does_not_fit_is_marked():
    assert bars.bar([("w", 60), ("k", 10)], 40, width=8) == "wwwwwww!"


@given(st.lists(st.floats(-5, 100), max_size=5), st.floats(1, 200))
def test_it_is_always_as_wide(sizes, total):
    parts = list(zip("wakbc", sizes, strict=False))
    assert len(bars.bar(parts, total)) == bars.WIDTH
