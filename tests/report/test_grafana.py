"""The board, as Grafana imports it."""

import json

from pulumi_skypilot.report import grafana, prometheus

BOARD = grafana.board()


def test_each_panel_of_the_table_is_on_the_board() -> None:
    rows = prometheus.data("panels.toml")["panel"]
    assert [panel["title"] for panel in BOARD["panels"]] == [row["title"] for row in rows]
    shown = [[query["expr"] for query in panel["targets"]] for panel in BOARD["panels"]]
    assert shown == [[query["expr"] for query in row["queries"]] for row in rows]


def test_a_panel_says_where_its_metric_comes_from() -> None:
    queue = next(p for p in BOARD["panels"] if p["title"] == "KV cache in use")
    assert queue["description"].endswith("(vLLM: PrometheusStatLogger.gauge_kv_cache_usage)")
    assert queue["fieldConfig"]["defaults"]["unit"] == "percentunit"


def test_no_panel_lies_on_another() -> None:
    places = [tuple(panel["gridPos"].values()) for panel in BOARD["panels"]]
    assert len(set(places)) == len(places)
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in BOARD["panels"])


def test_a_reader_chooses_the_prometheus_and_the_deployments() -> None:
    assert [one["name"] for one in BOARD["templating"]["list"]] == ["datasource", "deployment"]
    assert json.loads(json.dumps(BOARD)) == BOARD
