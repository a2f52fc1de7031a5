"""The bar of a GPU's memory."""

from hypothesis import given
from hypothesis import strategies as st

from pulumi_skypilot.report import memory_bars


def test_parts_are_drawn_in_proportion():
    assert memory_bars.bar([("w", 20), ("k", 10)], 40, width=8) == "wwwwkk··"


def test_a_small_part_is_still_seen():
    assert memory_bars.bar([("w", 20), ("a", 0.01)], 40, width=8) == "wwwwa···"


def test_what_does_not_fit_is_marked():
    assert memory_bars.bar([("w", 60), ("k", 10)], 40, width=8) == "wwwwwww!"


@given(st.lists(st.floats(-5, 100), max_size=5), st.floats(1, 200))
def test_a_bar_is_always_as_wide(sizes, total):
    parts = list(zip("wakbc", sizes, strict=False))
    assert len(memory_bars.bar(parts, total)) == memory_bars.WIDTH
