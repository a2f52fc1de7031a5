"""Write the tables of docs/monitoring.md from the data of the board and of the alerts."""

import pathlib
import re
from collections.abc import Iterator

from pulumi_skypilot.report import prometheus

PAGE = pathlib.Path(__file__).resolve().parent.parent / "docs" / "monitoring.md"


def filled(text: str) -> str:
    """Return the page with its tables as the data have them."""
    for name, lines in (("panels", _panels()), ("alerts", _alerts())):
        head, mark, rest = text.partition(f"<!-- {name} -->\n")
        end = f"<!-- end of {name} -->"
        text = head + mark + "".join(f"{line}\n" for line in lines) + end + rest.partition(end)[2]
    return text


def _panels() -> Iterator[str]:
    yield "| panel | what it shows | metrics |"
    yield "|---|---|---|"
    for panel in prometheus.data("panels.toml")["panel"]:
        expressions = " ".join(query["expr"] for query in panel["queries"])
        found = re.findall(r"vllm:\w+|pulumi_skypilot_\w+|\bup\b", expressions)
        names = ", ".join(f"`{name}`" for name in dict.fromkeys(found))
        yield f"| {panel['title']} | {panel['about']} | {names} |"


def _alerts() -> Iterator[str]:
    yield "| alert | fires when, for how long | what it says |"
    yield "|---|---|---|"
    for alert in prometheus.data("alerts.toml")["alert"]:
        yield f"| `{alert['name']}` | `{alert['expr']}`, {alert['for']} | {alert['summary']} |"


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text("utf-8")), "utf-8")
