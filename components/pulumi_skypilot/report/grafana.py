"""The board for Grafana, from the table of panels. Pure."""

import typing

from . import prometheus

UID = "pulumi-skypilot"
_COLUMNS, _WIDTH, _HEIGHT = 3, 8, 8
"""Grafana's grid is 24 units wide."""
_SOURCE = {"type": "prometheus", "uid": "${datasource}"}

Table = dict[str, typing.Any]


def board() -> Table:
    """Return the board as Grafana imports it."""
    return {
        "uid": UID,
        "title": "Models on SkyPilot",
        "tags": ["vllm", "skypilot"],
        "schemaVersion": 38,
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "templating": {"list": [_data_source(), _deployment()]},
        "panels": [
            _panel(number, panel)
            for number, panel in enumerate(prometheus.data("panels.toml")["panel"])
        ],
    }


def _panel(number: int, panel: Table) -> Table:
    row, column = divmod(number, _COLUMNS)
    source = f" (vLLM: PrometheusStatLogger.{panel['source']})" if panel["source"] else ""
    return {
        "id": number + 1,
        "type": "timeseries",
        "title": panel["title"],
        "description": f"{panel['about']}{source}",
        "datasource": _SOURCE,
        "gridPos": {"h": _HEIGHT, "w": _WIDTH, "x": column * _WIDTH, "y": row * _HEIGHT},
        "fieldConfig": {"defaults": {"unit": panel["unit"], "min": 0}, "overrides": []},
        "targets": [
            {
                "refId": "ABC"[place],
                "datasource": _SOURCE,
                "expr": query["expr"],
                "legendFormat": query["legend"],
            }
            for place, query in enumerate(panel["queries"])
        ],
    }


def _data_source() -> Table:
    return {
        "name": "datasource",
        "label": "Prometheus",
        "type": "datasource",
        "query": "prometheus",
    }


def _deployment() -> Table:
    query = "label_values(pulumi_skypilot_known, deployment)"
    return {
        "name": "deployment",
        "type": "query",
        "datasource": _SOURCE,
        "query": query,
        "definition": query,
        "refresh": 2,
        "multi": True,
        "includeAll": True,
        "allValue": ".+",
        "current": {"text": "All", "value": "$__all"},
    }
