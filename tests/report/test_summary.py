"""The summary of a stack: under a preview, in a terminal, and as JSON data."""

import dataclasses
import json

from pulumi_skypilot import plan, spec
from pulumi_skypilot.plan import cost
from pulumi_skypilot.report import summary
from pulumi_skypilot.spec import own_prices

PRICES = cost.Prices(
    rows=(cost.Row("aws", "us-east-1", "g6.xlarge", "L4", 1.0, 4.0, 16.0, 0.8, 0.3),)
)
DEPLOYMENTS: dict[str, dict[str, object]] = {
    "chat": {
        "accelerators": "L4:1",
        "infra": "aws",
        "replicas": {"min": 1, "max": 4, "targetQps": 1},
    },
    "lab": {"accelerators": "L4:1", "infra": "k8s", "kind": "cluster"},
}


def of(prices=PRICES):
    plans = {
        name: plan.plan(spec.parse({"model": "openai/gpt-oss-20b", **data}), f"prod-{name}")
        for name, data in DEPLOYMENTS.items()
    }
    return summary.planned(plans, prices)


def test_the_summary_stands_under_a_preview():
    assert summary.summary(of(), PRICES) == (
        "cost: 0.80 USD/h at the fewest replicas, 3.20 at the most (2,336 a month); "
        "1 on your own machines not counted\n"
        "chat: 1 to 4 of L4:1, aws: 0.80; at most 3.20 USD/h; fits (1.4 requests of 131072 "
        "tokens)\n"
        "lab: one cluster of L4:1, k8s; your own machines; fits (1.4 requests of 131072 tokens); "
        "disk: not checked at k8s: machines there have their own (about 50 GiB)"
    )


def test_prices_of_ones_own_stand_in_the_summary():
    own = own_prices.read({"prod": {"L4": 0.4}}, "llm:ownPrices")
    both = dataclasses.replace(PRICES, own=own)
    assert summary.summary(of(both), both).splitlines()[0] == (
        "cost: 1.20 USD/h at the fewest replicas, 3.60 at the most (2,628 a month)"
    )
    away = cost.Prices(away="no server", own=own)
    assert [
        line.partition("; fits")[0] for line in summary.summary(of(away), away).splitlines()
    ] == [
        "cost: 0.40 USD/h at the fewest replicas, 0.40 at the most (292 a month); 1 of unknown "
        "cost not counted",
        "chat: 1 to 4 of L4:1, aws; cost unknown (no server)",
        "lab: one cluster of L4:1, k8s: 0.40 USD/h",
    ]


def test_a_stack_on_ones_own_machines_alone_counts_nothing():
    (_, lab) = of()
    assert summary.summary([lab], PRICES).splitlines()[0] == (
        "cost: your own machines, nothing is counted"
    )


def test_without_a_server_the_summary_says_why_once():
    away = cost.Prices(away="no server answers at http://127.0.0.1:46580")
    assert summary.summary(of(away), away) == (
        "cost: unknown (no server answers at http://127.0.0.1:46580)\n"
        "chat: 1 to 4 of L4:1, aws; fits (1.4 requests of 131072 tokens)\n"
        "lab: one cluster of L4:1, k8s; fits (1.4 requests of 131072 tokens); disk: not checked at "
        "k8s: machines there have their own (about 50 GiB)"
    )


def test_the_summary_tells_each_misfit_of_each_deployment():
    """Pulumi's engine stops at the first resource that its provider refuses."""
    away = cost.Prices(away="no server")
    data = {
        "a": {"model": "openai/gpt-oss-20b", "accelerators": "L4:1", "disk": 10},
        "b": {"model": "Qwen/Qwen3-32B", "accelerators": "L4:1", "disk": 10},
    }
    plans = {
        name: plan.plan(spec.parse(table), f"prod-{name}", must_fit=False)
        for name, table in data.items()
    }
    _, first, second = summary.summary(summary.planned(plans, away), away).splitlines()
    assert "fits (1.4 requests of 131072 tokens); disk: 10 GiB do not hold 13 GiB" in first
    assert "does not fit" in second
    assert "; accelerators: 40960 tokens of Qwen/Qwen3-32B do not fit L4:1: " in second
    assert "; disk: 10 GiB do not hold 61 GiB of Qwen/Qwen3-32B" in second


def test_the_json_has_the_command_and_the_cost_and_no_script():
    chat, lab = json.loads(json.dumps(summary.data(of())))
    assert chat["replicas"] == {"min": 1, "max": 4}
    assert chat["cost"]["most"] == {"low": 3.2, "high": 3.2}
    assert chat["command"][0] == "vllm serve openai/gpt-oss-20b"
    assert "task" not in chat
    assert lab["cost"] == {"own": True, "notes": []}


def test_where_gpus_differ_each_is_named():
    data = {"model": "openai/gpt-oss-120b", "accelerators": ["H100:1", "A100-80GB:1"]}
    rows = summary.planned({"chat": plan.plan(spec.parse(data), "chat")}, PRICES)
    assert "H100:1 fits, A100-80GB:1 tight (" in summary.summary(rows, PRICES)


def shown(**data):
    wanted = spec.parse({"model": "openai/gpt-oss-20b", "accelerators": "H100:1", **data})
    rows = summary.planned({"chat": plan.plan(wanted, "chat")}, cost.Prices(away="not asked"))
    return summary.summary(rows, cost.Prices(away="not asked")).splitlines()[1], summary.data(rows)


def test_a_model_that_nobody_reckoned_is_not_passed_over():
    line, (data,) = shown(model="acme/chat-7b", accelerators="T4:1")
    assert line == "chat: 1 of T4:1, anywhere; fit not checked"
    assert data["unchecked"][0].startswith("acme/chat-7b is not in the catalogue")


def test_a_verdict_that_rests_on_an_assumption_says_so():
    line, (data,) = shown(nodes=2)
    assert "fits, not all of it checked (" in line
    assert len(data["unchecked"]) == 1


def test_gpus_that_are_not_reckoned_stand_beside_those_that_are():
    line, _ = shown(accelerators=["H100:1", "GB10:1"], infra="k8s")
    assert "H100:1 fits, GB10:1 fit not checked (" in line
