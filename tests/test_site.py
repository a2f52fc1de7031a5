"""The documentation as a site: it lists every page, every page is reached, and it is built."""

import json
import pathlib
import re
import subprocess

import pytest

from scripts import site_pages
from tests.test_docs import PAGES, ROOT

BUILD_SECONDS = 600
"""The build takes 3 s of CPU; beside many others it took 80 s."""


def source(page: str) -> pathlib.Path:
    """Return the file of a page of the site."""
    return ROOT / "README.md" if page == site_pages.HOME else site_pages.DOCS / page


def linked(page: str) -> set[str]:
    """Return the pages that a page links to."""
    file = source(page)
    paths = re.findall(r"\]\(([^)\s#]+\.md)[)#]", file.read_text("utf-8"))
    targets = [(file.parent / path).resolve() for path in paths if "://" not in path]
    return {
        target.relative_to(site_pages.DOCS).as_posix()
        for target in targets
        if target.is_relative_to(site_pages.DOCS)
    }


def test_every_page_is_listed_once() -> None:
    files = [
        path.relative_to(site_pages.DOCS).as_posix() for path in PAGES if path.stem != "README"
    ]
    assert sorted(site_pages.listed()) == sorted([site_pages.HOME, *files])


def test_every_page_is_reached_from_the_first_one() -> None:
    reached, new = set(), {site_pages.HOME}
    while new:
        reached |= new
        new = set().union(*map(linked, new)) - reached
    assert sorted(reached) == sorted(site_pages.listed())


def test_the_readme_is_the_first_page_with_its_links() -> None:
    home = site_pages.home()
    assert "](reference.md)" in home
    assert "](docs/" not in home
    assert "](../ARCHITECTURE.md)" in home


@pytest.mark.parametrize(
    ("repository", "link"),
    [
        ("", "see the code, "),
        ("https://a.example/b", "see [the code](https://a.example/b/components/x.py), "),
    ],
)
def test_a_link_into_the_repository_leads_there_if_it_has_an_address(
    repository: str, link: str
) -> None:
    text = "see [the code](../../components/x.py), [a page](../memory.md#a) and [b](https://b.c)"
    shown = site_pages.for_site(text, "how-to/tools.md", repository)
    assert shown == f"{link}[a page](../memory.md#a) and [b](https://b.c)"


@pytest.mark.parametrize(
    ("page", "link", "shown"),
    [
        ("guide.md", "../README.md#try-it", "index.md#try-it"),
        ("how-to/lora.md", "../../README.md", "../index.md"),
    ],
)
def test_a_link_to_the_readme_leads_to_the_first_page(page: str, link: str, shown: str) -> None:
    assert site_pages.for_site(f"[it]({link})", page, "") == f"[it]({shown})"


def test_brackets_before_a_link_stay() -> None:
    text = "gpus: [L4:1, H100:1]  # any\n\n[`a.yaml`](../a.yaml) holds `[b]`"
    assert site_pages.for_site(text, "c.md", "") == (
        "gpus: [L4:1, H100:1]  # any\n\n`a.yaml` holds `[b]`"
    )


def test_what_belongs_to_an_item_of_a_list_is_indented_for_python_markdown() -> None:
    text = "- a\n\n  b\n\n  ```\n  - c\n      d\n  ```\n\n1. e\n   f\n\n```\n- g\n  h\n```\n"
    item = "- a\n\n    b\n\n    ```\n    - c\n        d\n    ```\n\n1. e\n    f\n\n"
    assert site_pages.indented(text) == f"{item}```\n- g\n  h\n```\n"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        ["scripts/site", folder],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=BUILD_SECONDS,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "")
    return folder


def test_it_is_built_without_a_warning_and_has_every_page(site: pathlib.Path) -> None:
    pages = [page.removesuffix(".md").removesuffix("index") for page in site_pages.listed()]
    assert [page for page in pages if not (site / page / "index.html").exists()] == []


def test_search_knows_every_page_and_its_words(site: pathlib.Path) -> None:
    index = json.loads((site / "search" / "search_index.json").read_text("utf-8"))["docs"]
    places = {row["location"].partition("#")[0].removesuffix("/") for row in index}
    assert places == {page.removesuffix(".md").replace("index", "") for page in site_pages.listed()}
    assert any("keyVersion" in row["text"] for row in index)


def test_a_reader_s_browser_asks_no_other_host(site: pathlib.Path) -> None:
    loads = re.compile(
        r"<(?:script|img|iframe|link)\b[^>]*?(?:src|href)=\"?((?:https?:)?//[^\s\">]+)"
    )
    asked = {
        address
        for page in site.rglob("*.html")
        for address in loads.findall(page.read_text("utf-8"))
    }
    assert asked == set()
