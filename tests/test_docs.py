"""The documentation agrees with the code: keys have their rows, links lead, examples parse."""

import pathlib
import re
import typing

import pytest
import yaml

from pulumi_skypilot import plan, spec
from pulumi_skypilot.spec import stack
from scripts import reference

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
REFERENCE = (ROOT / "docs" / "reference.md").read_text()


def rows(text: str) -> list[str]:
    """Return the first cell of each row of a table whose rows begin with a key."""
    return re.findall(r"^\| `([\w.:]+)` \|", text, re.M)


def anchors(page: pathlib.Path) -> set[str]:
    """Return the anchors of a page, as GitHub makes them of the headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.M)
    return {re.sub(r"[^\w\- ]", "", heading).lower().replace(" ", "-") for heading in headings}


def links() -> list[tuple[pathlib.Path, str]]:
    by_page = [(page, re.findall(r"\]\(([^)\s]+)\)", page.read_text())) for page in PAGES]
    return [
        (page, link)
        for page, links_of_page in by_page
        for link in links_of_page
        if "://" not in link
    ]


def snippets() -> list[tuple[pathlib.Path, dict[str, typing.Any]]]:
    """Return the deployments of every stack file on a page, merged with its shared table."""
    examples: list[tuple[pathlib.Path, dict[str, typing.Any]]] = []
    for page in PAGES:
        shared: dict[str, typing.Any] = {}
        for block in re.findall(r"^```yaml\n(.*?)^```", page.read_text(), re.M | re.S):
            data: typing.Any = yaml.safe_load(block) or {}
            data = data.get("config", data)
            shared = data.get("llm:shared", {}).get("value", shared)
            if "llm:deployments" in data:
                examples.append((page, stack.merged(shared, data["llm:deployments"])))
    return examples


@pytest.mark.parametrize("page", reference.PAGES, ids=lambda page: page.name)
def test_the_tables_are_those_of_the_code(page: pathlib.Path) -> None:
    text = page.read_text()
    assert reference.filled(text, reference.tables()) == text, "run `python -m scripts.reference`"


def test_every_table_of_the_spec_is_on_the_page() -> None:
    tables = {name for name in reference.tables() if name.startswith("spec")}
    assert tables == set(re.findall(r"<!-- (spec[\w.]*) -->", REFERENCE))


def test_what_stands_beside_the_spec_has_its_row_and_nothing_else() -> None:
    written = re.sub(r"<!-- spec.*?<!-- end -->", "", REFERENCE, flags=re.S)
    written = written[: written.index("## Outputs")]
    keys = {*stack.BESIDE_SPEC, *(f"llm:{name}" for name in stack.SETTINGS)}
    assert {row for row in rows(written) if not row.startswith("skypilot:")} == keys


def test_the_settings_of_the_api_server_are_the_same_on_both_pages() -> None:
    running = (ROOT / "docs" / "running.md").read_text()
    both = [
        {row for row in rows(text) if row.startswith("skypilot:")} for text in (REFERENCE, running)
    ]
    assert both[0] == both[1]


@pytest.mark.parametrize(("page", "link"), links())
def test_a_link_leads_somewhere(page: pathlib.Path, link: str) -> None:
    path, _, anchor = link.partition("#")
    target = (page.parent / path).resolve() if path else page
    assert target.exists(), f"{page.name}: {link}"
    assert not anchor or anchor in anchors(target), f"{page.name}: {link}"


@pytest.mark.parametrize(("page", "deployments"), snippets())
def test_an_example_of_a_stack_is_valid(
    page: pathlib.Path, deployments: dict[str, dict[str, typing.Any]]
) -> None:
    for key, data in deployments.items():
        planned = plan.plan(spec.parse(stack.spec_of(data)), f"prod-{key}")
        assert planned.task["resources"]
