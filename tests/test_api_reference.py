"""The pages of the command line and of the Python API are what the code says."""

import pytest

import pulumi_skypilot
from pulumi_skypilot.cli import commands
from scripts import api_reference

PAGES = api_reference.pages()


@pytest.mark.parametrize("page", PAGES)
def test_the_page_is_that_of_the_code(page: str) -> None:
    text = (api_reference.ROOT / "docs" / f"{page}.md").read_text("utf-8")
    assert text == PAGES[page], "run `python -m scripts.api_reference`"


def test_every_command_has_its_part() -> None:
    assert [c.name for c in commands.ALL if f"\n## {c.name}\n" not in PAGES["cli"]] == []


def test_every_public_name_has_its_part_with_its_arguments_and_outputs() -> None:
    names = pulumi_skypilot.__all__
    assert [name for name in names if f"\n## {name}\n" not in PAGES["python"]] == []
    for words in ("key_version: int | Sequence[int] | None = None", "| `endpoint` | The address"):
        assert words in PAGES["python"]
