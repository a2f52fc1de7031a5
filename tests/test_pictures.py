"""The pictures of the documentation are drawn from the data and pages of today, and are shown."""

import re

import pytest

from scripts import pictures
from tests.test_docs import PAGES

DRAWN = pictures.pictures()
MADE = {"review.png"}
"""Made with programs that the tests do not have: scripts/screenshot."""


@pytest.mark.parametrize("name", DRAWN)
def test_a_picture_is_what_its_source_says(name: str) -> None:
    file = pictures.FOLDER / f"{name}.svg"
    assert file.read_text("utf-8") == DRAWN[name], "run `python -m scripts.pictures`"


def test_every_picture_is_on_a_page_and_none_lacks() -> None:
    text = "\n".join(page.read_text("utf-8") for page in PAGES)
    shown = set(re.findall(r"pictures/([\w.-]+)\)", text))
    there = {path.name for path in pictures.FOLDER.iterdir()}
    assert there == {*(f"{name}.svg" for name in DRAWN), *MADE}
    assert shown == there


def test_a_picture_asks_no_other_host() -> None:
    loads = re.compile(r"(?:url\(|href=|src=)[\"']?(?:https?:)?//")
    assert [name for name, drawn in DRAWN.items() if loads.search(drawn)] == []


def test_a_terminal_shows_what_its_page_says() -> None:
    for name, (page, command, _) in pictures.TERMINALS.items():
        text = re.sub(r"<[^>]*>", "", DRAWN[name]).replace("&#160;", " ")
        assert command in text, (page, name)
