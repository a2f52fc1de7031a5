"""The targets, the configuration, the alerts and the metrics of the stack."""

import pathlib
import re
import subprocess

import pytest
import yaml

from local.images import stub_vllm
from pulumi_skypilot.lifecycle import standing
from pulumi_skypilot.report import prometheus
from pulumi_skypilot.spec import budget
from tests import debian_programs

RECORDED = (pathlib.Path(__file__).parents[1] / "measured" / "metrics.txt").read_text()
OWN = re.compile(r"pulumi_skypilot_\w+")
SHOWN = re.compile(r"vllm:\w+")


def promtool() -> str:
    return debian_programs.program("promtool")


def replica(number: int, status: str = "READY", **more: object) -> standing.Running:
    endpoint = f"http://10.0.0.{number}:8000"
    own = {"place": "AWS (us-east-1)", "version": 2, "hourly": 1.5, "endpoint": endpoint, **more}
    return standing.Running(f"dev-chat-{number}", status, **own)  # type: ignore[arg-type]


def service(*replicas: standing.Running, **more: object) -> prometheus.Watched:
    ready = sum(one.status == "READY" for one in replicas)
    now = standing.Standing("READY", 1, 2, replicas, ready)
    return prometheus.Watched("chat", "service", "http://10.9.9.9:30001", now)


def names(text: str) -> set[str]:
    return set(re.findall(r"^(vllm:\w+)\{", text, re.M))


def expressions() -> list[str]:
    panels = prometheus.data("panels.toml")["panel"]
    alerts = prometheus.data("alerts.toml")["alert"]
    return [
        *(query["expr"] for panel in panels for query in panel["queries"]),
        *(alert["expr"] for alert in alerts),
    ]


def test_each_replica_is_a_target_and_the_balancer_is_none() -> None:
    listed = prometheus.targets([service(replica(1), replica(2, spot=True))], stack="dev")
    assert [one["targets"] for one in listed] == [["10.0.0.1:8000"], ["10.0.0.2:8000"]]
    assert listed[1]["labels"] == {
        "stack": "dev",
        "deployment": "chat",
        "kind": "service",
        "replica": "dev-chat-2",
        "version": "2",
        "place": "AWS (us-east-1)",
        "spot": "true",
    }


def test_a_replica_without_an_address_is_no_target() -> None:
    assert (
        prometheus.targets([service(replica(1, "PROVISIONING", endpoint=None))], stack="dev") == []
    )


def test_a_cluster_is_asked_where_clients_ask_it_and_not_while_it_sleeps() -> None:
    up, stopped = (
        prometheus.Watched(
            "lab", "cluster", "https://lab.example.com/llm/",
            standing.Standing(status, 1, running=[standing.Running("dev-lab", status)]),
        )
        for status in ("UP", "STOPPED")
    )  # fmt: skip
    (target,) = prometheus.targets([up], stack="dev")
    assert target["targets"] == ["lab.example.com"]
    assert target["labels"]["__scheme__"] == "https"
    assert target["labels"]["__metrics_path__"] == "/llm/metrics"
    assert prometheus.targets([stopped], stack="dev") == []


def test_what_nobody_could_say_stays_as_it_was() -> None:
    earlier = prometheus.targets([service(replica(1))], stack="dev")
    unknown = prometheus.Watched("chat", "service", None, None)
    assert prometheus.targets([unknown], earlier, stack="dev") == earlier
    assert prometheus.targets([unknown], [{"labels": None}], stack="dev") == []


def test_a_key_is_named_by_its_file_and_never_written() -> None:
    config = prometheus.config(["chat", "a/b"], "127.0.0.1:9464", "keys", stack="dev")
    assert [job["job_name"] for job in config["scrape_configs"]] == [
        "vllm/chat", "vllm/a/b", "pulumi-skypilot",
    ]  # fmt: skip
    files = [job["authorization"] for job in config["scrape_configs"][:2]]
    assert files == [
        {"credentials_file": "keys/chat.key"},
        {"credentials_file": "keys/a%2Fb.key"},
    ]


def test_the_metrics_of_the_stack_say_cost_replicas_and_budget() -> None:
    unknown = prometheus.Watched('a"b', "service", None, None)
    text = prometheus.exposition(
        [service(replica(1), replica(2)), unknown], budget.Budget(hourly=4)
    )
    assert [line for line in text.splitlines() if line[0] != "#"] == [
        'pulumi_skypilot_known{deployment="chat"} 1',
        r'pulumi_skypilot_known{deployment="a\"b"} 0',
        'pulumi_skypilot_replicas_ready{deployment="chat"} 2',
        'pulumi_skypilot_replicas_least{deployment="chat"} 1',
        'pulumi_skypilot_cost_usd_per_hour{deployment="chat"} 3',
        "pulumi_skypilot_budget_usd_per_hour 4",
    ]
    checked = subprocess.run(
        [promtool(), "check", "metrics"], input=text, text=True, check=False,
        capture_output=True,
    )  # fmt: skip
    assert (checked.returncode, checked.stderr) == (0, "")


def test_without_a_price_there_is_no_cost() -> None:
    text = prometheus.exposition([service(replica(1, hourly=None))], budget.NONE)
    assert "\npulumi_skypilot_cost_usd_per_hour{" not in text
    assert "budget" not in text


@pytest.mark.parametrize(
    ("limits", "hourly"),
    [
        (budget.Budget(hourly=4), 4),
        (budget.Budget(monthly=730), 1),
        (budget.Budget(hourly=4, monthly=730), 1),
        (budget.NONE, None),
    ],
)
def test_a_budget_is_counted_by_the_hour(limits: budget.Budget, hourly: float | None) -> None:
    assert prometheus.hourly(limits) == hourly


@pytest.mark.parametrize("expression", expressions())
def test_a_query_names_metrics_that_there_are(expression: str) -> None:
    text = prometheus.exposition([service(replica(1))], budget.Budget(hourly=4))
    shown, own = set(SHOWN.findall(expression)), set(OWN.findall(expression))
    assert shown <= names(RECORDED)
    assert own <= set(OWN.findall(text))
    assert shown | own or "up{" in expression


def test_the_stub_shows_what_vllm_shows() -> None:
    shown = names(stub_vllm._Counts().text("chat"))
    asked = {name for one in expressions() for name in SHOWN.findall(one)}
    assert asked <= shown <= names(RECORDED)


ALERTS = """
evaluation_interval: 1m
rule_files: [rules.yml]
tests:
  - interval: 1m
    input_series:
      - {series: 'pulumi_skypilot_replicas_ready{deployment="chat"}', values: '0x30'}
      - {series: 'pulumi_skypilot_replicas_least{deployment="chat"}', values: '1x30'}
      - {series: 'pulumi_skypilot_replicas_ready{deployment="sleeps"}', values: '0x30'}
      - {series: 'pulumi_skypilot_replicas_least{deployment="sleeps"}', values: '0x30'}
      - {series: 'vllm:num_requests_waiting{deployment="chat",replica="one"}', values: '1+1x30'}
      - {series: 'vllm:num_requests_waiting{deployment="calm",replica="two"}', values: '1x30'}
      - {series: 'vllm:kv_cache_usage_perc{deployment="chat",replica="one"}', values: '0.97x30'}
      - {series: 'vllm:kv_cache_usage_perc{deployment="calm",replica="two"}', values: '0.9x30'}
      - {series: 'pulumi_skypilot_cost_usd_per_hour{deployment="chat"}', values: '5x30'}
      - {series: 'pulumi_skypilot_budget_usd_per_hour', values: '4x30'}
      - {series: 'pulumi_skypilot_known{deployment="chat"}', values: '0x30'}
      - {series: 'pulumi_skypilot_known{deployment="calm"}', values: '1x30'}
    promql_expr_test:
      - expr: count by (alertname, deployment, replica) (ALERTS{alertstate="firing"})
        eval_time: 25m
        exp_samples:
          - {labels: '{alertname="NoReplicaReady", deployment="chat"}', value: 1}
          - {labels: '{alertname="QueueGrows", deployment="chat"}', value: 1}
          - {labels: '{alertname="CacheFull", deployment="chat", replica="one"}', value: 1}
          - {labels: '{alertname="OverBudget"}', value: 1}
          - {labels: '{alertname="StatusUnknown", deployment="chat"}', value: 1}
"""


def test_each_alert_fires_for_what_it_names_alone(tmp_path: pathlib.Path) -> None:
    (tmp_path / "rules.yml").write_text(yaml.safe_dump(prometheus.rules()))
    (tmp_path / "test.yml").write_text(ALERTS)
    for check in (["check", "rules", "rules.yml"], ["test", "rules", "test.yml"]):
        told = subprocess.run(
            [promtool(), *check], cwd=tmp_path, text=True, capture_output=True,
            check=False,
        )  # fmt: skip
        assert told.returncode == 0, told.stdout + told.stderr
