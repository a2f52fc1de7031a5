"""The report of machines of one's own."""

from pulumi_skypilot.plan import cost
from pulumi_skypilot.report import markdown, preview_json
from pulumi_skypilot.spec import own_prices
from tests.report.test_markdown import PRICES, content, line


def own(after, prices=PRICES):
    """Return the report of a new service that runs there."""
    written = content("new")
    for step in written["steps"]:
        inputs = (step.get("newState") or {}).get("inputs") or {}
        if "accelerators" in inputs:
            inputs["infra"] = after
    return markdown.markdown(preview_json.read(written), prices)


def test_machines_of_ones_own_without_a_price_are_told_as_such():
    text = own("k8s/prod")
    assert "**Cost: your own machines**; nothing is counted." in text
    assert line(text, "| **chat**").endswith("| your own machines |")


def test_the_report_counts_the_prices_that_the_preview_said():
    said = own_prices.read({"prod": {"*": 0.5}}, "llm:ownPrices")
    written = content("new")
    written["diagnostics"] = [{"severity": "info", "message": f"{said.line}\n"}]
    assert preview_json.read(written).own == said
    assert preview_json.read(content("new")).own == own_prices.NONE
    text = own("k8s/prod", cost.Prices(away="no server", own=said))
    assert "unknown" not in line(text, "| **chat**")
