"""The reports in docs/reviews are what the recorded previews give today."""

import pytest

from scripts import reviews


@pytest.mark.parametrize("name", reviews.CHANGES)
def test_a_report_is_up_to_date(name: str) -> None:
    hint = "run `python -m scripts.reviews --reports`"
    assert (reviews.FOLDER / f"{name}.md").read_text() == reviews.report(name), hint


@pytest.mark.parametrize("name", reviews.CHANGES)
def test_no_secret_stands_in_what_is_kept(name: str) -> None:
    for ending in ("json", "md"):
        assert reviews.SECRET not in (reviews.FOLDER / f"{name}.{ending}").read_text()
