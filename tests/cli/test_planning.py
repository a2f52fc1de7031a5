"""The table of `pulumi-skypilot plan` in a terminal."""

from rich import console

from pulumi_skypilot import plan, spec
from pulumi_skypilot.cli import planning
from pulumi_skypilot.plan import cost
from pulumi_skypilot.report import summary

PRICES = cost.Prices(
    rows=(cost.Row("aws", "us-east-1", "g6.xlarge", "L4", 1.0, 4.0, 16.0, 0.8, 0.3),)
)


def rows(**data):
    wanted = spec.parse({"accelerators": "L4:1", **data})
    return planning.rows(summary.planned({"chat": plan.plan(wanted, "prod-chat")}, PRICES))


def test_a_row_has_the_machines_the_replicas_the_fit_and_the_cost():
    table = rows(
        model="openai/gpt-oss-20b", infra="aws", replicas={"min": 1, "max": 4, "targetQps": 1}
    )
    screen = console.Console(width=120)
    with screen.capture() as shown:
        screen.print(table)
    row = next(line for line in shown.get().splitlines() if "chat" in line)
    assert row.split() == [
        "chat", "openai/gpt-oss-20b", "L4:1,", "aws", "1", "to", "4", "fits", "0.80", "3.20",
    ]  # fmt: skip


def test_a_model_that_nobody_reckoned_is_not_said_to_fit():
    assert list(rows(model="somebody/some-model").columns[4].cells) == ["fit not checked"]
